/**
 * @file The noise schedule and one step back in it. Gambashidze et al. (2025), arXiv:2406.17636, equations 1, 2 and 12.
 *
 * Here           In the paper
 * alphaBar[t]    ᾱ_t = ∏ α
 * kappa[t]       κ_t = (1 − α_t) / (√α_t √(1 − ᾱ_t)), so that x_{θ,t'} − x_{t'} = κ_t (ε − ε_θ): our shorthand
 * All in float64: κ multiplies a small difference.
 */
import { ArgumentError } from '../statistics/argument-error.ts';

export interface NoiseSchedule {
  alphaBar: Float64Array;
  /** σ_t of eq. 2; 0 at t = 0. */
  sigma: Float64Array;
  kappa: Float64Array;
}

/** scaled_linear: β is the square of a line between the roots. @param steps T */
export function noiseSchedule(betaStart = 0.00085, betaEnd = 0.012, steps = 1000): NoiseSchedule {
  const [alphaBar, sigma, kappa] = [new Float64Array(steps), new Float64Array(steps), new Float64Array(steps)];
  const [from, to] = [Math.sqrt(betaStart), Math.sqrt(betaEnd)];
  let product = 1;
  for (let t = 0; t < steps; t++) {
    const beta = (from + ((to - from) * t) / (steps - 1)) ** 2;
    const before = product;
    product *= 1 - beta;
    alphaBar[t] = product;
    sigma[t] = Math.sqrt(((1 - before) / (1 - product)) * beta);
    kappa[t] = beta / (Math.sqrt(1 - beta) * Math.sqrt(1 - product));
  }
  return { alphaBar, sigma, kappa };
}

/** Eq. 1: x_t = √ᾱ_t x0 + √(1 − ᾱ_t) ε. Arrays of one sample. */
export function addNoise(
  { alphaBar }: NoiseSchedule,
  x0: Float32Array,
  noise: Float32Array,
  t: number,
  out: Float32Array,
): void {
  const [signal, rest] = [Math.sqrt(alphaBar[t]!), Math.sqrt(1 - alphaBar[t]!)];
  for (let i = 0; i < x0.length; i++) out[i] = signal * x0[i]! + rest * noise[i]!;
}

/**
 * Eq. 2, and with ε_θ = ε the target x_{t'} of eq. 12: x_{t−1} = (x_t − (1 − α_t)/√(1 − ᾱ_t) ε)/√α_t + σ_t z.
 * @param t from 1: at 0 there is no step before
 */
export function stepBack(
  { alphaBar, sigma, kappa }: NoiseSchedule,
  xt: Float32Array,
  noise: Float32Array,
  z: Float32Array,
  t: number,
  out: Float32Array,
): void {
  if (t < 1) throw new ArgumentError(`There is no step back from t = ${t}.`);
  const root = Math.sqrt(alphaBar[t]! / alphaBar[t - 1]!);
  for (let i = 0; i < xt.length; i++) out[i] = xt[i]! / root - kappa[t]! * noise[i]! + sigma[t]! * z[i]!;
}
