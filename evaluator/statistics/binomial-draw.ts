/**
 * @file Random binomial and multinomial counts. Small means by inversion; the others by Hörmann (1993), "The generation
 * of binomial random variates", algorithm BTRS, whose time does not grow with n.
 */
import type { Random } from './random.ts';
import { logGamma } from './special.ts';

export function drawBinomial(random: Random, n: number, p: number): number {
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - drawBinomial(random, n, 1 - p);
  return n * p < 10 ? byInversion(random, n, p) : byRejection(random, n, p);
}

/** Into `counts`: how often each class comes up in n draws; binomials one after the other, of what is left. */
export function drawMultinomial(random: Random, n: number, sizes: ArrayLike<number>, counts: Int32Array): void {
  let left = n;
  let total = 0;
  for (let c = 0; c < sizes.length; c++) total += sizes[c]!;
  for (let c = 0; c < sizes.length; c++) {
    counts[c] = c === sizes.length - 1 ? left : drawBinomial(random, left, sizes[c]! / total);
    left -= counts[c]!;
    total -= sizes[c]!;
  }
}

function byInversion(random: Random, n: number, p: number): number {
  const odds = p / (1 - p);
  for (;;) {
    let density = (1 - p) ** n;
    let u = random.uniform();
    for (let k = 0; k <= n; k++) {
      if (u < density) return k;
      u -= density;
      density *= ((n - k) / (k + 1)) * odds;
    }
    // The densities' sum is below 1 by rounding alone; draw again.
  }
}

function byRejection(random: Random, n: number, p: number): number {
  const spread = Math.sqrt(n * p * (1 - p));
  const b = 1.15 + 2.53 * spread;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const c = n * p + 0.5;
  const vr = 0.92 - 4.2 / b;
  const alpha = (2.83 + 5.1 / b) * spread;
  const logOdds = Math.log(p / (1 - p));
  const mode = Math.floor((n + 1) * p);
  const h = logGamma(mode + 1) + logGamma(n - mode + 1);
  for (;;) {
    const u = random.uniform() - 0.5;
    const v = random.uniform();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + c);
    if (us >= 0.07 && v <= vr) return k;
    if (k < 0 || k > n) continue;
    const bound = h - logGamma(k + 1) - logGamma(n - k + 1) + (k - mode) * logOdds;
    if (Math.log((v * alpha) / (a / us ** 2 + b)) <= bound) return k;
  }
}
