/**
 * @file What may be said while a study is watched. Unit: a decided prompt, won by A or by B; ties carry no sign.
 *
 * E-value: Robbins (1970), Ville (1939). Under H0 (each decided prompt goes either way with ½) the likelihood ratio
 * mixed over p ~ U(0, 1) is a martingale that starts at 1, so it ever reaches 1/α with probability at most α, whenever
 * one looks and stops.
 */
import { logChoose, logGamma } from './special.ts';
import type { Interval } from './wilson.ts';

/** E = 2ⁿ / ((n + 1)·C(n, s)); H0 may be rejected at level α as soon as it reaches 1/α. */
export function eValue(wins: number, losses: number): number {
  const n = wins + losses;
  // Beyond float64 the largest number stands for it: evidence that no table can show in full.
  return Math.min(Number.MAX_VALUE, Math.exp(n * Math.LN2 - Math.log(n + 1) - logChoose(n, wins)));
}

/**
 * All p whose own uniform-mixture e-value stays below 1/α: it holds at every moment together with probability 1 − α, and
 * excludes ½ exactly when `eValue` reaches 1/α.
 */
export function confidenceSequence(wins: number, losses: number, level = 0.95): Interval {
  const n = wins + losses;
  const logMixture = -Math.log(n + 1) - logChoose(n, wins);
  return accepted(wins, losses, level, (p) => logMixture - logLikelihood(p, wins, losses));
}

/**
 * Howard, Ramdas, McAuliffe & Sekhon (2021), arXiv:1810.08240: the beta-binomial mixture of the confseq library, tightest
 * around `optimal` prompts.
 */
export function betaBinomialSequence(wins: number, losses: number, optimal: number, level = 0.95): Interval {
  const log = Math.log(1 / 0.05);
  const perTrial = optimal / (2 * log + Math.log(1 + 2 * log));
  return accepted(wins, losses, level, (p) => {
    const variance = p * (1 - p);
    const r = Math.max(perTrial * variance - variance, 1e-3 * variance);
    const [a, b] = [r / (1 - p), r / p];
    return logBeta(a + wins, b + losses) - logBeta(a, b) - logLikelihood(p, wins, losses);
  });
}

function logLikelihood(p: number, wins: number, losses: number): number {
  return (wins === 0 ? 0 : wins * Math.log(p)) + (losses === 0 ? 0 : losses * Math.log1p(-p));
}

function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

/** The interval around the observed rate where the log e-value is below log 1/α, by bisection. */
function accepted(wins: number, losses: number, level: number, logEvidence: (p: number) => number): Interval {
  const n = wins + losses;
  if (n === 0) return { low: 0, high: 1 };
  const threshold = -Math.log(1 - level);
  const inside = (p: number) => logEvidence(p) < threshold;
  const edge = (from: number, to: number): number => {
    // `from` is accepted; `to`, the end of [0, 1], may be too.
    const end = Math.abs(to - 1e-12);
    if (inside(end)) return to;
    let [good, bad] = [from, end];
    for (let i = 0; i < 100; i++) {
      const middle = (good + bad) / 2;
      if (inside(middle)) good = middle;
      else bad = middle;
    }
    return good;
  };
  const centre = Math.min(1 - 1e-9, Math.max(1e-9, wins / n));
  return { low: wins === 0 ? 0 : edge(centre, 0), high: losses === 0 ? 1 : edge(centre, 1) };
}
