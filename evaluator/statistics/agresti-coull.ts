/** @file Agresti & Coull (1998), The American Statistician 52:119–126. */
import { ArgumentError } from './argument-error.ts';
import { normalQuantile } from './special.ts';
import type { Interval } from './wilson.ts';

/** Wald's interval around (s + z²/2)/(n + z²), cut to [0, 1]. */
export function agrestiCoull(successes: number, n: number, level = 0.95): Interval {
  if (!(n > 0) || !(successes >= 0) || successes > n) throw new ArgumentError(`${successes} of ${n} is no proportion.`);
  const z = normalQuantile(1 - (1 - level) / 2);
  const adjusted = n + z ** 2;
  const p = (successes + z ** 2 / 2) / adjusted;
  const reach = z * Math.sqrt((p * (1 - p)) / adjusted);
  return { low: Math.max(0, p - reach), high: Math.min(1, p + reach) };
}
