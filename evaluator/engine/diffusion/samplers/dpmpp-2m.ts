/**
 * @file DPM-Solver++(2M), midpoint, and its stochastic form SDE-DPM-Solver++(2M). Lu et al. (2022), arXiv:2211.01095, algorithm 2
 * and appendix; diffusers scheduling_dpmsolver_multistep.py. A folder's solver_order makes it the solver of order 1 or 3.
 *
 * Here            In the paper
 * alpha, sigma    α_t, σ_t with α² + σ² = 1; `noiseLevel` is their ratio σ_t / α_t
 * lambda          λ_t = log α_t − log σ_t
 * m0, m1, m2      x_θ at this step and the two before
 */
import {
  allSigmas,
  karrasSigmas,
  lastSigma,
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
  const orderAt = orders(config, steps);
  let earlier: Float32Array[] = [];
  return {
    timesteps,
    initNoiseSigma: 1,
    inputScale: () => 1,
    step(index, output, x, noise) {
      const here = split(noiseLevels[index]!);
      const [alphaT, sigmaT] = split(noiseLevels[index + 1]!);
      const m0 = predictedData(config, here, output, x);
      const [h, h0, h1] = [index, index - 1, index - 2].map((i) =>
        i < 0 ? NaN : lambda(noiseLevels[i + 1]!) - lambda(noiseLevels[i]!),
      ) as [number, number, number];
      const { isStochastic } = options;
      const keep = (sigmaT / here[1]) * (isStochastic ? Math.exp(-h) : 1);
      // e^{−h} − 1, e^{−2h} − 1 with noise; at the last step h is infinite, so that x becomes x_θ.
      const lost = Math.expm1(isStochastic ? -2 * h : -h);
      const move = -alphaT * lost;
      const order = orderAt(index);
      const [r0, r1] = [h0 / h, h1 / h];
      // What the first and second differences of x_θ are multiplied by.
      const first = order === 3 ? alphaT * (lost / h + 1) : move / 2;
      const second = order === 3 ? -alphaT * ((lost + h) / h ** 2 - 0.5) : 0;
      const z = isStochastic ? noise() : undefined;
      const spread = sigmaT * Math.sqrt(-lost);
      const [m1, m2] = earlier;
      for (let i = 0; i < x.length; i++) {
        let next = keep * x[i]! + move * m0[i]!;
        if (order > 1) {
          const d10 = (m0[i]! - m1![i]!) / r0;
          const bend = order === 3 ? d10 - (m1![i]! - m2![i]!) / r1 : 0;
          next += first * (d10 + (order === 3 ? (r0 / (r0 + r1)) * bend : 0));
          if (order === 3) next += (second * bend) / (r0 + r1);
        }
        x[i] = next + (z === undefined ? 0 : spread * z[i]!);
      }
      earlier = [m0, ...(m1 === undefined ? [] : [m1])];
    },
  };
}

/** The order of each step: as many models as there are, and lower ones at the end of few steps or before a σ of 0. */
function orders({ json }: SchedulerConfig, steps: number): (index: number) => number {
  const highest = typeof json['solver_order'] === 'number' ? json['solver_order'] : 2;
  const lowerForFew = json['lower_order_final'] !== false && steps < 15;
  const lowerAtEnd = json['euler_at_final'] === true || lowerForFew || json['final_sigmas_type'] !== 'sigma_min';
  return (index) => {
    const left = index === steps - 1 && lowerAtEnd ? 1 : index === steps - 2 && lowerForFew ? 2 : highest;
    return Math.min(highest, left, index + 1);
  };
}

/** The σ/α of the multistep solvers, the last one at the end, and the timesteps at which the U-Net is asked. */
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
  return { timesteps, noiseLevels: Float64Array.from([...levels, lastSigma(config)], Math.fround) };
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
