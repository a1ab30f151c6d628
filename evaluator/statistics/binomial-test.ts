/** @file The exact binomial test. Clopper & Pearson (1934); two-sided p as R's binom.test sums it. */
import { ArgumentError } from './argument-error.ts';
import { betaCdf, logChoose } from './special.ts';

/**
 * P(outcomes at most as likely as the observed one) under Binomial(n, p0). With p0 = ½ this is the sign test, and
 * McNemar's exact test on discordant pairs.
 */
export function binomialTest(successes: number, n: number, p0 = 0.5): number {
  if (!Number.isInteger(successes) || !Number.isInteger(n) || successes < 0 || successes > n) {
    throw new ArgumentError(`${successes} of ${n} is no count of successes.`);
  }
  if (n === 0) return 1;
  const logDensity = (k: number) =>
    logChoose(n, k) + (k === 0 ? 0 : k * Math.log(p0)) + (k === n ? 0 : (n - k) * Math.log1p(-p0));
  const mode = Math.floor((n + 1) * p0);
  if (successes === mode) return 1;
  // Equal densities differ in their last bits; R allows for a relative 1e-7 as well.
  const bound = logDensity(successes) + 1e-7;
  if (successes < mode) {
    let other = mode;
    let high = n + 1;
    while (other < high) {
      const middle = Math.floor((other + high) / 2);
      if (logDensity(middle) <= bound && middle <= n) high = middle;
      else if (middle > n) high = middle;
      else other = middle + 1;
    }
    return Math.min(1, lowerTail(successes, n, p0) + upperTail(other, n, p0));
  }
  let low = -1;
  let other = mode;
  while (low < other) {
    const middle = Math.ceil((low + other) / 2);
    if (middle >= 0 && logDensity(middle) <= bound) low = middle;
    else other = middle - 1;
  }
  return Math.min(1, lowerTail(low, n, p0) + upperTail(successes, n, p0));
}

/** P(X ≤ k). */
function lowerTail(k: number, n: number, p: number): number {
  if (k < 0) return 0;
  return k >= n ? 1 : betaCdf(1 - p, n - k, k + 1);
}

/** P(X ≥ k). */
function upperTail(k: number, n: number, p: number): number {
  if (k > n) return 0;
  return k <= 0 ? 1 : betaCdf(p, k, n - k + 1);
}

/** Sign test of H0: a decided prompt goes to either model with probability ½. Ties carry no sign and are left out. */
export function signTest(wins: number, losses: number): number {
  // With ½ both tails are alike: twice the smaller one, the same number whichever model is called A.
  return wins === losses ? 1 : Math.min(1, 2 * lowerTail(Math.min(wins, losses), wins + losses, 0.5));
}
