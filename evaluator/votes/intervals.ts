/** @file The bootstrap intervals of one criterion: prompts drawn with replacement, and in a second analysis annotators. */
import { bcaInterval, percentileInterval, resample } from '../statistics/bootstrap.ts';
import { fleissKappa } from '../statistics/fleiss-kappa.ts';
import { alphaOf } from '../statistics/krippendorff-alpha.ts';
import { majority, points } from '../statistics/majority.ts';
import { hashOf, mix } from '../statistics/mix.ts';
import { Random } from '../statistics/random.ts';
import type { Interval } from '../statistics/wilson.ts';
import type { ItemTally } from './tallies.ts';
import type { VoteTable } from './vote-table.ts';

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
  const groups = new Map<number, { item: ItemTally; size: number }>();
  for (const item of voted) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { item, size: 1 });
    else group.size += 1;
  }
  const sorted = [...groups].sort(([x], [y]) => x - y).map(([, group]) => group);
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

/** Equal for equal votes; counts stay below 2¹⁰ here, five of them below 2⁵³. */
function keyOf({ a, b, tie, sided, left }: ItemTally): number {
  return [a, b, tie, sided, left].reduce((key, count) => key * 1024 + Math.min(count, 1023), 0);
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

/**
 * The win rate over annotators drawn with replacement: a vote counts as often as its annotator was drawn, and every
 * decided pair's majority is taken again. Shows what another set of people might have said.
 */
export function annotatorInterval(
  votes: VoteTable,
  criterion: number,
  items: readonly ItemTally[],
  { resamples, seed }: Resampling,
): Interval | null {
  const decided = items.filter((item) => item.decision !== 'incomplete');
  // What annotators differ by shows on part of a very large file too: the items whose hash says so, whatever their order.
  const stride = Math.ceil(decided.length / mostItems);
  const hashes = votes.items.map(({ id }) => hashOf(id));
  const chosen = (item: number) => items[item]!.decision !== 'incomplete' && hashes[item]! % stride === 0;
  const rows: number[] = [];
  for (let i = 0; i < votes.count; i++) if (votes.criterion[i] === criterion && chosen(votes.item[i]!)) rows.push(i);
  const people = inOrderOfTheirVotes(votes, rows, hashes);
  if (people.length < 2) return null;
  const indexOf = new Map(people.map((person, index) => [person, index]));
  const ballots = ballotsOf(votes, rows, indexOf);
  const random = new Random(seed);
  const weights = new Int32Array(people.length);
  const rate = (): number => {
    let [sum, n] = [0, 0];
    for (let g = 0; g < ballots.sizes.length; g++) {
      const [start, end] = [g === 0 ? 0 : ballots.ends[g - 1]!, ballots.ends[g]!];
      const count = [0, 0, 0]; // weighted votes for A, for B, ties
      for (let i = start; i < end; i++) count[ballots.outcome[i]!]! += weights[ballots.person[i]!]!;
      const [a, b, tie] = count as [number, number, number];
      if (a + b + tie === 0) continue;
      const size = ballots.sizes[g]!;
      n += size;
      sum += size * points(majority(a, b, tie))!;
    }
    return n === 0 ? NaN : sum / n;
  };
  weights.fill(1);
  // The interval of a part is moved to the centre of the whole.
  const all = decided.reduce((sum, item) => sum + points(item.decision)!, 0) / decided.length;
  const shift = stride === 1 ? 0 : all - rate();
  const rates = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    weights.fill(0);
    for (let i = 0; i < people.length; i++) weights[random.below(people.length)]!++;
    rates[r] = Math.min(1, Math.max(0, rate() + shift));
  }
  return percentileInterval(rates);
}

/** Items that a pass over annotators looks at, about. */
const mostItems = 5_000;

/** Who said what on each item; items on which the same people said the same are one group. */
function ballotsOf(votes: VoteTable, rows: readonly number[], indexOf: ReadonlyMap<number, number>) {
  const byItem = new Map<number, number[]>();
  for (const row of rows) {
    const code = indexOf.get(votes.annotator[row]!)! * 3 + votes.outcome[row]!;
    const codes = byItem.get(votes.item[row]!);
    if (codes === undefined) byItem.set(votes.item[row]!, [code]);
    else codes.push(code);
  }
  const groups = new Map<string, { codes: number[]; size: number }>();
  for (const codes of byItem.values()) {
    codes.sort((x, y) => x - y);
    const key = codes.join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { codes, size: 1 });
    else group.size += 1;
  }
  const codes = Int32Array.from([...groups.values()].flatMap((group) => group.codes));
  const ends = new Int32Array(groups.size);
  let end = 0;
  [...groups.values()].forEach((group, g) => (ends[g] = end += group.codes.length));
  return {
    person: codes.map((code) => Math.floor(code / 3)),
    /** A vote-table code: 0 for A, 1 for B, 2 tie. */
    outcome: Uint8Array.from(codes, (code) => code % 3),
    sizes: Int32Array.from([...groups.values()], (group) => group.size),
    ends,
  };
}

/** Annotators sorted by what they voted, so that neither their names nor the order of the rows change the draws. */
function inOrderOfTheirVotes(votes: VoteTable, rows: readonly number[], hashes: readonly number[]): number[] {
  const signature = new Map<number, number>();
  for (const row of rows) {
    const mixed = mix(hashes[votes.item[row]!]! + votes.outcome[row]! * 0x9e3779b9);
    const person = votes.annotator[row]!;
    signature.set(person, (signature.get(person) ?? 0) + mixed);
  }
  return [...signature]
    .sort(([x, s], [y, t]) => s - t || (votes.annotators[x]! < votes.annotators[y]! ? -1 : 1))
    .map(([person]) => person);
}
