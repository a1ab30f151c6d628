/**
 * @file DDPM, ancestral sampling with the small variance. Ho, Jain & Abbeel (2020), arXiv:2006.11239, eq. (6) and (7); diffusers
 * scheduling_ddpm.py. Noise is drawn at every step but the one at t = 0.
 */
import { alphaBars, roundHalfEven, spacedTimesteps, type SchedulerConfig, type Spacing } from '../schedule.ts';
import { clipLimit, predictedData } from './predicted-data.ts';
import type { Sampler } from './sampler.ts';

export function ddpm(config: SchedulerConfig, spacing: Spacing, steps: number): Sampler {
  const alphaBar = alphaBars(config);
  const timesteps = spacedTimesteps(spacing, steps, config).map(roundHalfEven);
  return {
    timesteps,
    initNoiseSigma: 1,
    inputScale: () => 1,
    step(index, output, x, noise) {
      const t = timesteps[index]!;
      const bar = alphaBar[t]!;
      const next = timesteps[index + 1];
      const barBefore = next === undefined ? 1 : alphaBar[next]!;
      const x0 = predictedData(config, [Math.sqrt(bar), Math.sqrt(1 - bar)], output, x, clipLimit(config));
      const alpha = bar / barBefore;
      const beta = 1 - alpha;
      const ofData = (Math.sqrt(barBefore) * beta) / (1 - bar);
      const ofNow = (Math.sqrt(alpha) * (1 - barBefore)) / (1 - bar);
      const deviation = Math.sqrt(Math.max(1e-20, ((1 - barBefore) / (1 - bar)) * beta));
      const z = t > 0 ? noise() : undefined;
      for (let i = 0; i < x.length; i++) {
        const mean = ofData * x0[i]! + ofNow * x[i]!;
        x[i] = z === undefined ? mean : mean + deviation * z[i]!;
      }
    },
  };
}
