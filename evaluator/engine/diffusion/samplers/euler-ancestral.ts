/**
 * @file Euler with ancestral noise. Crowson's k-diffusion, sample_euler_ancestral; diffusers
 * scheduling_euler_ancestral_discrete.py.
 *
 * σ_up² = σ₊² (σ² − σ₊²) / σ²,  σ_down² = σ₊² − σ_up². The noise is drawn at every step, the last included.
 */
import type { SchedulerConfig, Spacing } from '../schedule.ts';
import { denoised, eulerLevels } from './euler.ts';
import type { Sampler } from './sampler.ts';

export function eulerAncestral(config: SchedulerConfig, spacing: Spacing, steps: number): Sampler {
  const { timesteps, sigmas, initNoiseSigma } = eulerLevels(config, spacing, steps, undefined);
  return {
    timesteps,
    initNoiseSigma,
    inputScale: (index) => 1 / Math.sqrt(sigmas[index]! ** 2 + 1),
    step(index, output, x, noise) {
      const [sigma, next] = [sigmas[index]!, sigmas[index + 1]!];
      const up = Math.sqrt((next ** 2 * (sigma ** 2 - next ** 2)) / sigma ** 2);
      const down = Math.sqrt(next ** 2 - up ** 2);
      const { c1, c2 } = denoised(config, sigma);
      const z = noise();
      for (let i = 0; i < x.length; i++) {
        const x0 = c1 * output[i]! + c2 * x[i]!;
        x[i] = x[i]! + ((x[i]! - x0) / sigma) * (down - sigma) + z[i]! * up;
      }
    },
  };
}
