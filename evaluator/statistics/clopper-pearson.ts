/** @file The exact interval. Clopper & Pearson (1934), Biometrika 26:404–413. */
import { ArgumentError } from './argument-error.ts';
import { betaQuantile } from './special.ts';
import type { Interval } from './wilson.ts';

/** [Beta⁻¹(α/2; s, n−s+1), Beta⁻¹(1−α/2; s+1, n−s)]. Covers at least at its level, usually more. */
export function clopperPearson(successes: number, n: number, level = 0.95): Interval {
  if (!Number.isInteger(successes) || !Number.isInteger(n) || n < 1 || successes < 0 || successes > n) {
    throw new ArgumentError(`${successes} of ${n} is no count of successes.`);
  }
  const tail = (1 - level) / 2;
  return {
    low: successes === 0 ? 0 : betaQuantile(tail, successes, n - successes + 1),
    high: successes === n ? 1 : betaQuantile(1 - tail, successes + 1, n - successes),
  };
}
