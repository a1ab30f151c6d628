/**
 * @file The win rate with ties: Tango's score interval for the difference of paired proportions, and the test that belongs to it.
 * Tango (1998), Statistics in Medicine 17:891–908; McNemar (1947), Psychometrika 12:153–157.
 *
 * (W + T/2)/N = ½ + Δ/2 with Δ = (W − L)/N. Half-wins are not Bernoulli: with many ties Wilson's interval is far too wide.
 */
import { ArgumentError } from './argument-error.ts';
import { normalCdf, normalQuantile } from './special.ts';
import { wilson, type Interval } from './wilson.ts';

/**
 * The values of ½ + Δ/2 that z(Δ) = (W − L − NΔ)/√(N(2q + Δ(1 − Δ))) does not reject, q the maximum-likelihood share of losses at
 * Δ. Wilson's interval when nothing is tied.
 * @throws ArgumentError when a count is negative or there is none
 */
export function tango(wins: number, ties: number, losses: number, level = 0.95): Interval {
  const n = wins + ties + losses;
  if (!(wins >= 0 && ties >= 0 && losses >= 0 && n > 0))
    throw new ArgumentError(`${wins} won, ${ties} tied and ${losses} lost are no counts.`);
  if (ties === 0) return wilson(wins, n, level);
  const z = normalQuantile(1 - (1 - level) / 2);
  const score = (delta: number): number => {
    const b = -wins - losses + (2 * n - wins + losses) * delta;
    const c = -losses * delta * (1 - delta);
    const q = (Math.sqrt(Math.max(0, b * b - 8 * n * c)) - b) / (4 * n);
    const variance = n * (2 * q + delta * (1 - delta));
    const distance = wins - losses - n * delta;
    return distance === 0 ? 0 : distance / Math.sqrt(Math.max(0, variance));
  };
  const estimate = (wins - losses) / n;
  /** Towards ±1 the score grows without end; the limit is where it passes z. */
  const limit = (end: number): number => {
    let [inside, outside] = [estimate, end];
    for (let i = 0; i < 80; i++) {
      const middle = (inside + outside) / 2;
      if (Math.abs(score(middle)) <= z) inside = middle;
      else outside = middle;
    }
    return (inside + outside) / 2;
  };
  return { low: losses === n ? 0 : (1 + limit(-1)) / 2, high: wins === n ? 1 : (1 + limit(1)) / 2 };
}

/**
 * Two-sided p of Δ = 0 by the score test, without correction: the interval of `tango` at the level 1 − p ends at ½.
 * @returns 1 when nothing was won or lost
 */
export function scoreTest(wins: number, losses: number): number {
  if (wins === losses) return 1;
  return 2 * normalCdf(-Math.abs(wins - losses) / Math.sqrt(wins + losses));
}
