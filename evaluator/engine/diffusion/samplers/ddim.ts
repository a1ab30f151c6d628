/**
 * @file DDIM, η = 0. Song, Meng & Ermon (2021), arXiv:2010.02502, eq. (12); diffusers scheduling_ddim.py.
 *
 * Here           In the paper
 * alphaBar[t]    α_t (the paper's α is the cumulative product)
 * output         ε_θ(x_t, t), or v for v-prediction
 */
import { rescaledAlphaBars, roundHalfEven, spacedTimesteps, type SchedulerConfig, type Spacing } from '../schedule.ts';
import type { Sampler } from './sampler.ts';

export function ddim(config: SchedulerConfig, spacing: Spacing, steps: number): Sampler {
  const alphaBar = rescaledAlphaBars(config, 0);
  const timesteps = spacedTimesteps(spacing, steps, config).map(roundHalfEven);
  const finalAlphaBar = config.setAlphaToOne ? 1 : alphaBar[0]!;
  const stride = Math.floor(config.trainTimesteps / steps);
  return {
    timesteps,
    initNoiseSigma: 1,
    inputScale: () => 1,
    step(index, output, x) {
      const t = timesteps[index]!;
      const previous = t - stride;
      const [a, aPrevious] = [alphaBar[t]!, previous >= 0 ? alphaBar[previous]! : finalAlphaBar];
      const [rootA, rootB] = [Math.sqrt(a), Math.sqrt(1 - a)];
      const [rootAPrevious, rootBPrevious] = [Math.sqrt(aPrevious), Math.sqrt(1 - aPrevious)];
      const velocity = config.predictionType === 'v_prediction';
      const limit = config.clipSample ? config.clipSampleRange : Infinity;
      for (let i = 0; i < x.length; i++) {
        const o = output[i]!;
        const epsilon = velocity ? rootA * o + rootB * x[i]! : o;
        const x0 = velocity ? rootA * x[i]! - rootB * o : (x[i]! - rootB * o) / rootA;
        const clipped = x0 > limit ? limit : x0 < -limit ? -limit : x0;
        x[i] = rootAPrevious * clipped + rootBPrevious * epsilon;
      }
    },
  };
}
