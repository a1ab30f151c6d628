/**
 * @file What a judge's verdicts on items without votes are worth. Angelopoulos, Duchi & Zrnic (2023), PPI++, arXiv:2311.01453, for a
 * mean: with y and f on n labelled items and f on N others,
 *
 *   θ = mean(y) + λ (mean(f on the others) − mean(f on the labelled)),
 *   λ = cov(y, f) / ((1 + n/N) var(f)), kept within 0 … 1,
 *   var θ = var(y − λ f)/n + λ² var(f on the others)/N.
 *
 * With λ = 0 it is the mean of the labelled. Holds where the labelled items are a random part of all of them.
 */
import { ArgumentError } from './argument-error.ts';
import { normalQuantile } from './special.ts';
import type { Interval } from './wilson.ts';

export interface PredictionPowered extends Interval {
  value: number;
  /** Labelled items. */
  n: number;
  /** Others. */
  others: number;
  lambda: number;
  /** Labelled items that would give as narrow an interval without the judge. */
  effectiveN: number;
}

/**
 * @param labelled y: what people say, f: what the judge says
 * @param others what the judge says of items without votes
 * @returns null with fewer than two labelled items or two others, or where nothing varies; shares are kept within 0 … 1
 * @throws ArgumentError for a level outside 0 … 1
 */
export function predictionPowered(
  labelled: readonly { y: number; f: number }[],
  others: readonly number[],
  level = 0.95,
): PredictionPowered | null {
  if (!(level > 0 && level < 1)) throw new ArgumentError(`The level is ${level}; it must be between 0 and 1.`);
  const [n, N] = [labelled.length, others.length];
  if (n < 2 || N < 2) return null;
  const y = labelled.map((item) => item.y);
  const f = labelled.map((item) => item.f);
  const plain = covariance(y, y);
  if (plain === 0) return null;
  const spread = covariance([...f, ...others], [...f, ...others]);
  const tuned = spread === 0 ? 0 : covariance(y, f) / ((1 + n / N) * spread);
  const lambda = Math.min(1, Math.max(0, tuned));
  const rest = labelled.map((item) => item.y - lambda * item.f);
  const variance = covariance(rest, rest) / n + (lambda ** 2 * covariance(others, others)) / N;
  if (!(variance > 0)) return null;
  const within = (share: number) => Math.min(1, Math.max(0, share));
  const value = mean(y) + lambda * (mean(others) - mean(f));
  const reach = normalQuantile(1 - (1 - level) / 2) * Math.sqrt(variance);
  return {
    value: within(value),
    low: within(value - reach),
    high: within(value + reach),
    n,
    others: N,
    lambda,
    effectiveN: plain / variance,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function covariance(x: readonly number[], y: readonly number[]): number {
  const [mx, my] = [mean(x), mean(y)];
  return x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0) / (x.length - 1);
}
