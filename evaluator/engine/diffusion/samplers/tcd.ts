/**
 * @file Trajectory consistency. Zheng et al. (2024), arXiv:2402.19159, algorithm 4; diffusers scheduling_tcd.py.
 *
 * Here            In the paper
 * gamma           γ, 0.3 as in the paper and in diffusers' class; diffusers' pipelines hand it over as eta and must be told
 * s               the timestep that the network jumps to, before noise is added up to the next one
 */
import { alphaBars, type SchedulerConfig, type Spacing } from '../schedule.ts';
import { distilledTimesteps } from './lcm.ts';
import { predictedData } from './predicted-data.ts';
import type { Sampler } from './sampler.ts';

const gamma = 0.3;

/** @param _spacing the class has a spacing of its own */
export function tcd(config: SchedulerConfig, _spacing: Spacing, steps: number): Sampler {
  const alphaBar = alphaBars(config);
  const timesteps = distilledTimesteps(config, steps, 'a TCD sampler');
  return {
    timesteps,
    initNoiseSigma: 1,
    inputScale: () => 1,
    step(index, output, x, noise) {
      const here = alphaBar[timesteps[index]!]!;
      const next = timesteps[index + 1] ?? 0;
      // In float32, as torch multiplies a whole number by a fraction.
      const s = Math.floor(Math.fround(Math.fround(1 - gamma) * next));
      const [barS, barNext] = [alphaBar[s]!, alphaBar[next]!];
      const [alpha, sigma] = [Math.sqrt(here), Math.sqrt(1 - here)];
      const x0 = predictedData(config, [alpha, sigma], output, x);
      const isVelocity = config.predictionType === 'v_prediction';
      const z = index === steps - 1 ? undefined : noise();
      const [toData, toNoise] = [Math.sqrt(barS), Math.sqrt(1 - barS)];
      const [keep, spread] = [Math.sqrt(barNext / barS), Math.sqrt(1 - barNext / barS)];
      for (let i = 0; i < x.length; i++) {
        const epsilon = isVelocity ? alpha * output[i]! + sigma * x[i]! : output[i]!;
        const jumped = toData * x0[i]! + toNoise * epsilon;
        x[i] = z === undefined ? jumped : keep * jumped + spread * z[i]!;
      }
    },
  };
}
