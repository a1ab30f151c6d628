/** @file The bootstrap intervals of one criterion: prompts drawn with replacement. */
import { bcaInterval, percentileInterval, resample } from '../statistics/bootstrap.ts';
import { fleissKappa } from '../statistics/fleiss-kappa.ts';
import { alphaOf } from '../statistics/krippendorff-alpha.ts';
import { points } from '../statistics/majority.ts';
import type { Interval } from '../statistics/wilson.ts';
import type { ItemTally } from './tallies.ts';

export interface Resampling {
  resamples: number;
  seed: number;
}

export interface PromptIntervals {
  winRate: Interval | null;
  winRateBca: Interval | null;
  fleissKappa: Interval | null;
  krippendorffAlpha: Interval | null;
  leftShare: Interval | null;
}

/** δ² of nominal categories: 0 on the diagonal, 1 elsewhere. */
export const nominal = Float64Array.of(0, 1, 1, 1, 0, 1, 1, 1, 0);

/**
 * One pass of resampling serves every interval. Items with the same votes are one class.
 * @param votesPerPair items with exactly this many votes enter Fleiss' κ
 */
export function promptIntervals(
  items: readonly ItemTally[],
  votesPerPair: number,
  options: Resampling,
): PromptIntervals {
  const voted = items.filter((item) => item.a + item.b + item.tie > 0);
  // Sorted, so that the order of the items changes nothing.
  const groups = new Map<string, { item: ItemTally; size: number }>();
  for (const item of voted) {
    const key = countsOf(item).join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { item, size: 1 });
    else group.size += 1;
  }
  const sorted = [...groups.values()].sort((x, y) => byCounts(x.item, y.item));
  const classes = sorted.map((group) => group.item);
  const sizes = sorted.map((group) => group.size);
  const value = classes.map((item) => points(item.decision));
  const rate = (counts: ArrayLike<number>): number => {
    let [sum, n] = [0, 0];
    for (let c = 0; c < classes.length; c++) {
      if (value[c] === undefined) continue;
      sum += counts[c]! * value[c]!;
      n += counts[c]!;
    }
    return n === 0 ? NaN : sum / n;
  };
  const leftShare = (counts: ArrayLike<number>): number => {
    let [left, sided] = [0, 0];
    for (let c = 0; c < classes.length; c++) {
      left += counts[c]! * classes[c]!.left;
      sided += counts[c]! * classes[c]!.sided;
    }
    return sided === 0 ? NaN : left / sided;
  };
  const coincidences = classes.map((item) => coincidencesOf([item]));
  const alpha = (counts: ArrayLike<number>): number => {
    const sum = new Float64Array(9);
    for (let c = 0; c < classes.length; c++) for (let i = 0; i < 9; i++) sum[i]! += counts[c]! * coincidences[c]![i]!;
    return alphaOf(sum, nominal).value ?? NaN;
  };
  // κ is of the classes with all their votes; `full` are their places among all classes.
  const full = classes.flatMap((item, c) =>
    votesPerPair > 1 && item.a + item.b + item.tie === votesPerPair ? [c] : [],
  );
  const fullCounts = full.map((c) => [classes[c]!.a, classes[c]!.b, classes[c]!.tie]);
  const weights = new Float64Array(full.length);
  const fleiss = (counts: ArrayLike<number>): number => {
    full.forEach((c, i) => (weights[i] = counts[c]!));
    return fleissKappa(fullCounts, weights).value ?? NaN;
  };
  if (voted.length === 0) {
    return { winRate: null, winRateBca: null, fleissKappa: null, krippendorffAlpha: null, leftShare: null };
  }
  const [rates, kappas, alphas, lefts] = resample(sizes, options, [rate, fleiss, alpha, leftShare]);
  return {
    winRate: percentileInterval(rates!),
    winRateBca: bca(rates!, items),
    fleissKappa: percentileInterval(kappas!),
    krippendorffAlpha: percentileInterval(alphas!),
    leftShare: percentileInterval(lefts!),
  };
}

/** Equal for equal votes. */
function countsOf({ a, b, tie, sided, left }: ItemTally): number[] {
  return [a, b, tie, sided, left];
}

function byCounts(x: ItemTally, y: ItemTally): number {
  const [first, second] = [countsOf(x), countsOf(y)];
  const i = first.findIndex((count, index) => count !== second[index]);
  return i === -1 ? 0 : first[i]! - second[i]!;
}

/** The jackknife of a mean is known: each decided item left out. */
function bca(rates: Float64Array, items: readonly ItemTally[]): Interval | null {
  const values = items.map((item) => points(item.decision)).filter((value) => value !== undefined);
  if (values.length < 2) return percentileInterval(rates);
  const sum = values.reduce((total, value) => total + value, 0);
  // Sorted: the sums over it are the same in whatever order the items came.
  const jackknife = Float64Array.from(values, (value) => (sum - value) / (values.length - 1)).sort();
  return bcaInterval(rates, sum / values.length, jackknife);
}

/**
 * o_ck: ordered pairs of votes on one item, each weighted 1/(votes − 1). Whole numbers are summed first, by the number of
 * votes, so that the order of the items does not show in the last bit.
 */
export function coincidencesOf(items: readonly Pick<ItemTally, 'a' | 'b' | 'tie'>[]): Float64Array {
  const byVotes = new Map<number, Float64Array>();
  for (const { a, b, tie } of items) {
    const counts = [a, b, tie];
    const n = a + b + tie;
    if (n < 2) continue;
    let pairs = byVotes.get(n);
    if (pairs === undefined) byVotes.set(n, (pairs = new Float64Array(9)));
    for (let c = 0; c < 3; c++)
      for (let k = 0; k < 3; k++) pairs[c * 3 + k]! += counts[c]! * (counts[k]! - Number(c === k));
  }
  const out = new Float64Array(9);
  for (const [n, pairs] of [...byVotes].sort(([x], [y]) => x - y)) pairs.forEach((x, i) => (out[i]! += x / (n - 1)));
  return out;
}

/** Fleiss' κ over the items that have all their votes. */
export function kappaOfItems(items: readonly ItemTally[], votesPerPair: number) {
  if (votesPerPair < 2) return { value: null, why: 'agreement needs at least two votes a pair' };
  const complete = items.filter((item) => item.a + item.b + item.tie === votesPerPair);
  return fleissKappa(complete.map((item) => [item.a, item.b, item.tie]));
}
