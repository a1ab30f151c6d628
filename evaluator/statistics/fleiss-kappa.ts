/**
 * @file Agreement of a fixed number of raters an item. Fleiss (1971), Psychological Bulletin 76:378–382; the
 * free-marginal form is Randolph's (2005).
 */
import { ArgumentError } from './argument-error.ts';

export interface Kappa {
  /** Null where chance agreement is 1: everybody always said the same. */
  value: number | null;
  why?: string;
}

/**
 * κ = (P̄ − P̄e)/(1 − P̄e), P̄ the mean share of agreeing pairs of raters, P̄e = Σ p_j².
 * @param counts [item][category], each row with the same sum n ≥ 2
 * @param weights [item], how many items each row stands for; one each where absent
 * @throws ArgumentError when rows have different sums
 */
export function fleissKappa(counts: readonly ArrayLike<number>[], weights?: ArrayLike<number>): Kappa {
  const { agreement, shares } = observed(counts, weights);
  if (shares.length === 0) return { value: null, why: 'no item has all its ratings' };
  return kappa(
    agreement,
    shares.reduce((sum, p) => sum + p * p, 0),
  );
}

/** The same with P̄e = 1/categories: raters were free to use them as they liked. */
export function randolphKappa(counts: readonly ArrayLike<number>[]): Kappa {
  const { agreement, shares } = observed(counts);
  if (shares.length === 0) return { value: null, why: 'no item has all its ratings' };
  return kappa(agreement, 1 / shares.length);
}

export function kappa(agreement: number, chance: number): Kappa {
  if (chance >= 1 - 1e-12) return { value: null, why: 'every rating is the same, so agreement by chance is certain' };
  return { value: (agreement - chance) / (1 - chance) };
}

function observed(
  counts: readonly ArrayLike<number>[],
  weights?: ArrayLike<number>,
): { agreement: number; shares: number[] } {
  const categories = counts[0]?.length ?? 0;
  const sums = new Array<number>(categories).fill(0);
  let raters: number | undefined;
  let [items, agreement] = [0, 0];
  for (let i = 0; i < counts.length; i++) {
    const row = counts[i]!;
    const weight = weights === undefined ? 1 : weights[i]!;
    let n = 0;
    let squares = 0;
    for (let j = 0; j < categories; j++) {
      n += row[j]!;
      squares += row[j]! ** 2;
      sums[j]! += weight * row[j]!;
    }
    raters ??= n;
    if (n !== raters)
      throw new ArgumentError(`Fleiss' κ needs as many ratings of every item: ${raters} of one, ${n} of another.`);
    if (n < 2) throw new ArgumentError(`Agreement needs at least two ratings an item, not ${n}.`);
    // Whole numbers until the end: the order of the items does not show.
    agreement += weight * (squares - n);
    items += weight;
  }
  if (items === 0) return { agreement: 0, shares: [] };
  const ratings = items * raters!;
  return { agreement: agreement / (ratings * (raters! - 1)), shares: sums.map((sum) => sum / ratings) };
}
