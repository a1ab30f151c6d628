/**
 * @file Euler. Karras et al. (2022), arXiv:2206.00364, algorithm 2 without churn; diffusers
 * scheduling_euler_discrete.py.
 *
 * Here      In the paper
 * sigma     t_i (the paper's noise level)
 * x0        D_θ(x; σ)
 */
import {
  allSigmas,
  betaSigmas,
  exponentialSigmas,
  karrasSigmas,
  lastSigma,
  rescaledAlphaBars,
  sigmaAt,
  spacedTimesteps,
  timestepOfSigma,
  type SchedulerConfig,
  type Spacing,
} from '../schedule.ts';
import type { Sampler } from './sampler.ts';

/** What keeps the first σ of a schedule without signal finite: half precision's smallest number. */
export const smallestAlphaBar = 2 ** -24;

/** The noise levels of Euler's and Heun's samplers, the last one at the end, and the timesteps that belong to them. */
export function eulerLevels(
  config: SchedulerConfig,
  spacing: Spacing,
  steps: number,
  curve: Curve | undefined,
  last = 0,
): { timesteps: Float64Array; sigmas: Float64Array; initNoiseSigma: number } {
  const all = allSigmas(rescaledAlphaBars(config, smallestAlphaBar));
  // float32, and never rounded: linspace gives fractions and the U-Net is asked at them.
  let timesteps: Float64Array = spacedTimesteps(spacing, steps, config).map(Math.fround);
  let levels: Float64Array = timesteps.map((t) => sigmaAt(t, all));
  if (curve !== undefined) {
    levels = curves[curve](levels[0]!, levels[steps - 1]!, steps);
    timesteps = levels.map((sigma) => Math.fround(timestepOfSigma(sigma, all)));
  }
  const sigmas = Float64Array.from([...levels, last], Math.fround);
  const highest = sigmas.reduce((a, b) => Math.max(a, b));
  return { timesteps, sigmas, initNoiseSigma: spacing === 'leading' ? Math.sqrt(highest ** 2 + 1) : highest };
}

const curves = { karras: karrasSigmas, exponential: exponentialSigmas, beta: betaSigmas };
type Curve = keyof typeof curves;

/** How the noise levels lie between the first and the last. */
export function curveOf({ useKarrasSigmas, useExponentialSigmas, useBetaSigmas }: SchedulerConfig): Curve | undefined {
  return useKarrasSigmas ? 'karras' : useExponentialSigmas ? 'exponential' : useBetaSigmas ? 'beta' : undefined;
}

/** x̂0 = c1·output + c2·x. */
export function denoised(config: SchedulerConfig, sigma: number): { c1: number; c2: number } {
  return config.predictionType === 'v_prediction'
    ? { c1: -sigma / Math.sqrt(sigma ** 2 + 1), c2: 1 / (sigma ** 2 + 1) }
    : { c1: -sigma, c2: 1 };
}

export function euler(config: SchedulerConfig, spacing: Spacing, steps: number): Sampler {
  const { timesteps, sigmas, initNoiseSigma } = eulerLevels(config, spacing, steps, curveOf(config), lastSigma(config));
  return {
    timesteps,
    initNoiseSigma,
    inputScale: (index) => 1 / Math.sqrt(sigmas[index]! ** 2 + 1),
    step(index, output, x) {
      const [sigma, next] = [sigmas[index]!, sigmas[index + 1]!];
      const { c1, c2 } = denoised(config, sigma);
      for (let i = 0; i < x.length; i++) {
        const x0 = c1 * output[i]! + c2 * x[i]!;
        x[i] = x[i]! + ((x[i]! - x0) / sigma) * (next - sigma);
      }
    },
  };
}
