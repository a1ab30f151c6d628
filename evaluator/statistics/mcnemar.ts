/** @file McNemar (1947), Psychometrika 12:153–157: two raters, or two criteria, on the same items. */
import { binomialTest } from './binomial-test.ts';
import { chiSquaredTail } from './special.ts';

/** The exact two-sided p for b and c discordant items. */
export function mcnemarExact(b: number, c: number): number {
  return binomialTest(b, b + c, 0.5);
}

/** (|b − c| − 1)²/(b + c), χ² with one degree of freedom; with the continuity correction, as R's mcnemar.test. */
export function mcnemarChiSquared(b: number, c: number): { statistic: number; p: number } {
  if (b + c === 0) return { statistic: 0, p: 1 };
  const statistic = Math.max(0, Math.abs(b - c) - 1) ** 2 / (b + c);
  return { statistic, p: chiSquaredTail(statistic, 1) };
}
