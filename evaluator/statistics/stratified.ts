/**
 * @file A proportion from a stratified sample, in which some strata were sampled more than others. Cochran (1977), Sampling
 * Techniques, 5.4: p̂ = Σ Wₕp̂ₕ, Var = Σ Wₕ² sₕ²/nₕ with sₕ² the variance of a pair's points, p̂ₕ(1 − p̂ₕ) where none is ½.
 */
import { wilson, type Interval } from './wilson.ts';

export interface Stratum {
  /** Prompts of the whole set that this stratum stands for. */
  size: number;
  /** Decided pairs, and what they are worth to A in sum. */
  n: number;
  points: number;
  /** The sum of the squares of the points: a tie's ½ counts ¼. The points themselves where there is no tie. */
  squares?: number;
}

/**
 * The interval is Wilson's at the effective sample size p̂(1 − p̂)/Var (Korn & Graubard 1998, Survey Methodology 24:193–201).
 * @returns null when a stratum has no decided pair: the others cannot speak for it
 */
export function stratifiedProportion(
  strata: readonly Stratum[],
): ({ value: number; effectiveN: number } & Interval) | null {
  const total = strata.reduce((sum, { size }) => sum + size, 0);
  if (strata.length === 0 || strata.some(({ n }) => n === 0)) return null;
  let [value, variance, n] = [0, 0, 0];
  for (const stratum of strata) {
    const share = stratum.size / total;
    const p = stratum.points / stratum.n;
    value += share * p;
    variance += (share ** 2 * ((stratum.squares ?? stratum.points) / stratum.n - p ** 2)) / stratum.n;
    n += stratum.n;
  }
  // Sums of shares may pass 1 by a rounding error.
  value = Math.min(1, Math.max(0, value));
  const effectiveN = variance === 0 ? n : (value * (1 - value)) / variance;
  return { value, effectiveN, ...wilson(value * effectiveN, effectiveN) };
}
