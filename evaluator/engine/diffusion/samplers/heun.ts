/**
 * @file Heun. Karras et al. (2022), arXiv:2206.00364, algorithm 1 without churn; diffusers scheduling_heun_discrete.py. Every step
 * but the last asks the U-Net twice: at its own noise level, and at the next one to correct the slope.
 */
import type { SchedulerConfig, Spacing } from '../schedule.ts';
import { curveOf, denoised, eulerLevels } from './euler.ts';
import { clipLimit } from './predicted-data.ts';
import type { Sampler } from './sampler.ts';

export function heun(config: SchedulerConfig, spacing: Spacing, steps: number): Sampler {
  const levels = eulerLevels(config, spacing, steps, curveOf(config));
  // Index 2k is the first look of step k at σ_k, 2k + 1 the second at σ_{k+1}.
  const levelOf = (index: number) => levels.sigmas[Math.ceil(index / 2)]!;
  const timesteps = Float64Array.from({ length: 2 * steps - 1 }, (_, index) => levels.timesteps[Math.ceil(index / 2)]!);
  const limit = clipLimit(config);
  let start: Float32Array | undefined;
  let slope: Float32Array | undefined;
  return {
    timesteps,
    initNoiseSigma: levels.initNoiseSigma,
    inputScale: (index) => 1 / Math.sqrt(levelOf(index) ** 2 + 1),
    step(index, output, x) {
      const sigma = levelOf(index);
      const { c1, c2 } = denoised(config, sigma);
      const slopeHere = x.map((value, i) => {
        const x0 = c1 * output[i]! + c2 * value;
        return (value - Math.min(limit, Math.max(-limit, x0))) / sigma;
      });
      if (index % 2 === 0) {
        const move = levelOf(index + 1) - sigma;
        [start, slope] = [x.slice(), slopeHere];
        for (let i = 0; i < x.length; i++) x[i] = x[i]! + slopeHere[i]! * move;
      } else {
        const move = sigma - levelOf(index - 1);
        for (let i = 0; i < x.length; i++) x[i] = start![i]! + ((slope![i]! + slopeHere[i]!) / 2) * move;
      }
    },
  };
}
