/** @file Wilson's score interval. Wilson (1927), JASA 22:209–212. */
import { ArgumentError } from './argument-error.ts';
import { normalQuantile } from './special.ts';

export interface Interval {
  low: number;
  high: number;
}

/** As reports have it. */
export function orNull(interval: Interval | null): { low: number | null; high: number | null } {
  return interval ?? { low: null, high: null };
}

/**
 * (p̂ + z²/2n ± z √(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n), kept within [0, 1].
 * @param successes may be fractional: a tie is half a win
 * @throws ArgumentError when n is not above 0 or successes are outside 0 … n
 */
export function wilson(successes: number, n: number, level = 0.95): Interval {
  if (!(n > 0) || !(successes >= 0) || successes > n) {
    throw new ArgumentError(`${successes} of ${n} is no proportion.`);
  }
  const z = normalQuantile(1 - (1 - level) / 2);
  const p = successes / n;
  const centre = p + z ** 2 / (2 * n);
  const reach = z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2));
  const scale = 1 + z ** 2 / n;
  // At the ends the formula gives the end itself but for rounding.
  return {
    low: successes === 0 ? 0 : Math.max(0, (centre - reach) / scale),
    high: successes === n ? 1 : Math.min(1, (centre + reach) / scale),
  };
}
