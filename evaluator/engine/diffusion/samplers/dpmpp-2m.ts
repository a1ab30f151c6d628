/**
 * @file DPM-Solver++(2M), midpoint, and its stochastic form SDE-DPM-Solver++(2M). Lu et al. (2022), arXiv:2211.01095, algorithm 2
 * and appendix; diffusers scheduling_dpmsolver_multistep.py with solver_order 2 and a final σ of 0.
 *
 * Here            In the paper
 * alpha, sigma    α_t, σ_t with α² + σ² = 1; `noiseLevel` is their ratio σ_t / α_t
 * lambda          λ_t = log α_t − log σ_t
 * m0, m1          x_θ at this step and the one before
 */
import {
  allSigmas,
  karrasSigmas,
  rescaledAlphaBars,
  roundHalfEven,
  sigmaAt,
  spacedTimesteps,
  timestepOfSigma,
  type SchedulerConfig,
  type Spacing,
} from '../schedule.ts';
import { smallestAlphaBar } from './euler.ts';
import { predictedData } from './predicted-data.ts';
import type { Sampler } from './sampler.ts';

export interface DpmOptions {
  isKarras: boolean;
  /** Noise is added at every step (drawn at the last one too, where it has no effect). */
  isStochastic: boolean;
}

export function dpmpp2m(config: SchedulerConfig, spacing: Spacing, steps: number, options: DpmOptions): Sampler {
  const { timesteps, noiseLevels } = dpmLevels(config, spacing, steps, options.isKarras);
  let m1: Float32Array | undefined;
  let lambdaBefore = 0;
  return {
    timesteps,
    initNoiseSigma: 1,
    inputScale: () => 1,
    step(index, output, x, noise) {
      const here = split(noiseLevels[index]!);
      const [alphaT, sigmaT] = split(noiseLevels[index + 1]!);
      const m0 = predictedData(config, here, output, x);
      const lambdaS = lambda(noiseLevels[index]!);
      const h = lambda(noiseLevels[index + 1]!) - lambdaS;
      const { isStochastic } = options;
      const keep = (sigmaT / here[1]) * (isStochastic ? Math.exp(-h) : 1);
      // e^{−h} − 1, e^{−2h} − 1 with noise; at the last step h is infinite, so that x becomes x_θ.
      const lost = Math.expm1(isStochastic ? -2 * h : -h);
      const move = -alphaT * lost;
      const secondOrder = index > 0 && index < steps - 1;
      const halfOverR0 = secondOrder ? h / (2 * (lambdaS - lambdaBefore)) : 0;
      const z = isStochastic ? noise() : undefined;
      const spread = sigmaT * Math.sqrt(-lost);
      for (let i = 0; i < x.length; i++) {
        const d = secondOrder ? m0[i]! + halfOverR0 * (m0[i]! - m1![i]!) : m0[i]!;
        x[i] = keep * x[i]! + move * d + (z === undefined ? 0 : spread * z[i]!);
      }
      m1 = m0;
      lambdaBefore = lambdaS;
    },
  };
}

/** The σ/α of the multistep solvers, a 0 at the end, and the timesteps at which the U-Net is asked. */
export function dpmLevels(
  config: SchedulerConfig,
  spacing: Spacing,
  steps: number,
  isKarras: boolean,
): { timesteps: Float64Array; noiseLevels: Float64Array } {
  const all = allSigmas(rescaledAlphaBars(config, smallestAlphaBar));
  let timesteps: Float64Array = dpmTimesteps(spacing, steps, config);
  let levels: Float64Array = timesteps.map((t) => sigmaAt(t, all));
  if (isKarras) {
    // Over the whole range of training noise levels, unlike Euler, which takes the chosen ones' ends.
    levels = karrasSigmas(all[all.length - 1]!, all[0]!, steps);
    timesteps = levels.map((sigma) => roundHalfEven(timestepOfSigma(sigma, all)));
  }
  return { timesteps, noiseLevels: Float64Array.from([...levels, 0], Math.fround) };
}

/** λ = log α − log σ; infinite without noise. */
export function lambda(noiseLevel: number): number {
  const [alpha, sigma] = split(noiseLevel);
  return Math.log(alpha) - Math.log(sigma);
}

/** α and σ of the variance-preserving process at a ratio σ/α. */
export function split(noiseLevel: number): [number, number] {
  const alpha = 1 / Math.sqrt(noiseLevel ** 2 + 1);
  return [alpha, noiseLevel * alpha];
}

/** n + 1 points of which the last is dropped; trailing as everywhere. */
function dpmTimesteps(spacing: Spacing, steps: number, config: SchedulerConfig): Float64Array {
  const T = config.trainTimesteps;
  if (spacing === 'trailing') return spacedTimesteps(spacing, steps, config);
  const ratio = Math.floor(T / (steps + 1));
  return Float64Array.from({ length: steps }, (_, i) =>
    spacing === 'linspace' ? roundHalfEven(((T - 1) * (steps - i)) / steps) : (steps - i) * ratio + config.stepsOffset,
  );
}
