/**
 * @file A mean over votes that share prompts and annotators. Variance clustered both ways: Cameron, Gelbach & Miller (2011),
 * Journal of Business & Economic Statistics 29:238–249; degrees of freedom after Satterthwaite (1946), Biometrics Bulletin
 * 2:110–114; variance components by moments: Gao & Owen (2017), Electronic Journal of Statistics 11:1235–1296.
 */
import { studentQuantile } from './student.ts';
import type { Interval } from './wilson.ts';

export interface TwoWay extends Interval {
  value: number;
  degreesOfFreedom: number;
  /** What a single vote's variance is made of; none below 0. */
  components: { prompt: number; annotator: number; residual: number };
  /** By how much the interval would be narrower: 0.25 is a quarter. */
  narrower: { twicePrompts: number; twiceVotes: number };
}

/**
 * The mean of the values over prompts and annotators that are both a sample.
 * @param values of each vote, e.g. 1, ½, 0
 * @returns null when there are fewer than two prompts or annotators
 */
export function twoWayMean(
  values: ArrayLike<number>,
  prompts: ArrayLike<number>,
  annotators: ArrayLike<number>,
  level = 0.95,
): TwoWay | null {
  const n = values.length;
  const byPrompt = groupSums(values, prompts);
  const byAnnotator = groupSums(values, annotators);
  const [rows, columns] = [byPrompt.filled, byAnnotator.filled];
  if (rows < 2 || columns < 2) return null;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += values[i]!;
  const mean = sum / n;
  const clustered = ({ sums, counts }: Groups) =>
    sumOf(sums.map((groupSum, g) => (groupSum - counts[g]! * mean) ** 2)) / n ** 2;
  const squares = new Float64Array(n);
  for (let i = 0; i < n; i++) squares[i] = (values[i]! - mean) ** 2;
  const own = sumOf(squares) / n ** 2;
  const ofPrompts = (clustered(byPrompt) * rows) / (rows - 1);
  const ofAnnotators = (clustered(byAnnotator) * columns) / (columns - 1);
  const both = (own * n) / (n - 1);
  // The difference may fall below either part by chance; it cannot in truth.
  const variance = Math.max(ofPrompts + ofAnnotators - both, ofPrompts, ofAnnotators);
  const scale = ofPrompts ** 2 / (rows - 1) + ofAnnotators ** 2 / (columns - 1);
  const degreesOfFreedom = scale === 0 ? rows + columns - 2 : Math.max(1, variance ** 2 / scale);
  const reach = studentQuantile(level, degreesOfFreedom) * Math.sqrt(variance);
  const components = componentsOf(values, byPrompt, byAnnotator, own * n ** 2);
  return {
    value: mean,
    low: Math.max(0, mean - reach),
    high: Math.min(1, mean + reach),
    degreesOfFreedom,
    components,
    narrower: narrowerWith(components, { n, byPrompt, byAnnotator }),
  };
}

interface Groups {
  sums: Float64Array;
  counts: Float64Array;
  /** Groups with a vote. */
  filled: number;
}

/** The same whatever the order of the values, of which most are equal to others. */
function sumOf(values: Float64Array): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a - b).reduce((total, [value, count]) => total + value * count, 0);
}

function groupSums(values: ArrayLike<number>, groups: ArrayLike<number>): Groups {
  let size = 0;
  for (let i = 0; i < groups.length; i++) size = Math.max(size, groups[i]! + 1);
  const sums = new Float64Array(size);
  const counts = new Float64Array(size);
  for (let i = 0; i < groups.length; i++) {
    sums[groups[i]!]! += values[i]!;
    counts[groups[i]!]! += 1;
  }
  return { sums, counts, filled: counts.reduce((filled, count) => filled + Number(count > 0), 0) };
}

/**
 * Three sums of squares, within prompts, within annotators and in all, and what each is on average:
 *   E(within prompts) = (σ²ₐ + σ²ₑ)(N − R), E(within annotators) = (σ²ₚ + σ²ₑ)(N − C),
 *   E(in all) = σ²ₚ(N − Σnᵢ²/N) + σ²ₐ(N − Σnⱼ²/N) + σ²ₑ(N − 1).
 */
function componentsOf(values: ArrayLike<number>, byPrompt: Groups, byAnnotator: Groups, all: number) {
  const n = values.length;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += values[i]! ** 2;
  const within = ({ sums, counts }: Groups) =>
    squares - sumOf(sums.map((groupSum, g) => (counts[g]! > 0 ? groupSum ** 2 / counts[g]! : 0)));
  const [a, b] = [n - byPrompt.filled, n - byAnnotator.filled];
  const [left, right] = [n - ofSquares(byPrompt) / n, n - ofSquares(byAnnotator) / n];
  if (a === 0 || b === 0) return { prompt: 0, annotator: 0, residual: all / (n - 1) };
  const [annotatorAndRest, promptAndRest] = [within(byPrompt) / a, within(byAnnotator) / b];
  // all = left·(promptAndRest − e) + right·(annotatorAndRest − e) + (n − 1)·e
  const weight = n - 1 - left - right;
  const rest = weight === 0 ? 0 : (all - left * promptAndRest - right * annotatorAndRest) / weight;
  const residual = Math.max(0, rest);
  return {
    prompt: Math.max(0, promptAndRest - residual),
    annotator: Math.max(0, annotatorAndRest - residual),
    residual,
  };
}

function ofSquares({ counts }: Groups): number {
  return counts.reduce((sum, count) => sum + count ** 2, 0);
}

/** Twice the prompts for the same people, or twice the votes on each prompt by as many people more. */
function narrowerWith(
  { prompt, annotator, residual }: TwoWay['components'],
  { n, byPrompt, byAnnotator }: { n: number; byPrompt: Groups; byAnnotator: Groups },
): TwoWay['narrower'] {
  const parts = {
    prompt: (prompt * ofSquares(byPrompt)) / n ** 2,
    annotator: (annotator * ofSquares(byAnnotator)) / n ** 2,
    residual: residual / n,
  };
  const now = parts.prompt + parts.annotator + parts.residual;
  if (now === 0) return { twicePrompts: 0, twiceVotes: 0 };
  const share = (variance: number) => 1 - Math.sqrt(variance / now);
  return {
    twicePrompts: share(parts.prompt / 2 + parts.annotator + parts.residual / 2),
    twiceVotes: share(parts.prompt + parts.annotator / 2 + parts.residual / 2),
  };
}
