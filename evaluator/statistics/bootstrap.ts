/**
 * @file Bootstrap intervals. Efron & Tibshirani (1993), An Introduction to the Bootstrap, 13 (percentile) and 14 (BCa).
 * The unit that is drawn is the prompt, or in a second analysis the annotator; never the vote, since votes on one pair
 * depend on one another.
 */
import { drawMultinomial } from './binomial-draw.ts';
import { Random } from './random.ts';
import { normalCdf, normalQuantile } from './special.ts';
import type { Interval } from './wilson.ts';

/**
 * Draws the units with replacement, as many as there are, and hands the counts of every class to each statistic. Units
 * of one class (the same votes) are exchangeable, so only how many of each class were drawn is drawn: the cost grows with
 * the classes, not with the units.
 * @param sizes how many units each class has
 * @param statistics each returns a number, or NaN where it is undefined
 * @returns [statistic][resample]
 */
export function resample(
  sizes: ArrayLike<number>,
  { resamples, seed }: { resamples: number; seed: number },
  statistics: readonly ((counts: Int32Array) => number)[],
): Float64Array[] {
  const random = new Random(seed);
  const out = statistics.map(() => new Float64Array(resamples));
  const counts = new Int32Array(sizes.length);
  let units = 0;
  for (let c = 0; c < sizes.length; c++) units += sizes[c]!;
  for (let r = 0; r < resamples; r++) {
    drawMultinomial(random, units, sizes, counts);
    statistics.forEach((statistic, s) => (out[s]![r] = statistic(counts)));
  }
  return out;
}

/** The α/2 and 1 − α/2 quantiles of the values, between neighbours in proportion; null when none is defined. */
export function percentileInterval(values: Float64Array, level = 0.95): Interval | null {
  return quantiles(values, (1 - level) / 2, 1 - (1 - level) / 2);
}

/**
 * Bias-corrected and accelerated.
 * @param estimate the statistic of the data itself
 * @param jackknife the statistic with each unit left out
 */
export function bcaInterval(
  values: Float64Array,
  estimate: number,
  jackknife: Float64Array,
  level = 0.95,
): Interval | null {
  const defined = values.filter((value) => !Number.isNaN(value));
  if (defined.length === 0) return null;
  // Values equal to the estimate count half: the statistic is discrete.
  const below = defined.reduce((sum, value) => sum + (value < estimate ? 1 : value === estimate ? 0.5 : 0), 0);
  if (below === 0 || below === defined.length) return percentileInterval(values, level);
  const bias = normalQuantile(below / defined.length);
  const mean = jackknife.reduce((sum, x) => sum + x, 0) / jackknife.length;
  const [cubes, squares] = jackknife.reduce(([c, s], x) => [c + (mean - x) ** 3, s + (mean - x) ** 2], [0, 0]);
  const acceleration = squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
  const shift = (p: number) => {
    const z = bias + normalQuantile(p);
    return normalCdf(bias + z / (1 - acceleration * z));
  };
  const tail = (1 - level) / 2;
  return quantiles(values, shift(tail), shift(1 - tail));
}

function quantiles(values: Float64Array, low: number, high: number): Interval | null {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  if (sorted.length === 0) return null;
  const at = (p: number) => {
    const position = p * (sorted.length - 1);
    const i = Math.floor(position);
    const next = sorted[Math.min(i + 1, sorted.length - 1)]!;
    return sorted[i]! + (next - sorted[i]!) * (position - i);
  };
  return { low: at(low), high: at(high) };
}
