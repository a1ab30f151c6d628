/** @file Student's t. Abramowitz & Stegun 26.7.1: P(|T| > t) = I_x(ν/2, ½) at x = ν/(ν + t²). */
import { betaQuantile } from './special.ts';

/** t with P(|T| ≤ t) = level. */
export function studentQuantile(level: number, degreesOfFreedom: number): number {
  const x = betaQuantile(1 - level, degreesOfFreedom / 2, 0.5);
  return Math.sqrt(degreesOfFreedom * (1 / x - 1));
}
