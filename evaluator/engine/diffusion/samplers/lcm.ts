/**
 * @file Latent consistency. Luo et al. (2023), arXiv:2310.04378, algorithm 3; diffusers scheduling_lcm.py.
 *
 * Here            In the paper
 * cSkip, cOut     c_skip(t), c_out(t), with σ_data = ½ and time scaled by timestep_scaling
 */
import { BadInput } from '../../files/bad-input.ts';
import { alphaBars, type SchedulerConfig, type Spacing } from '../schedule.ts';
import { clipLimit, predictedData } from './predicted-data.ts';
import type { Sampler } from './sampler.ts';

const sigmaData = 0.5;

function ownNumber({ json }: SchedulerConfig, field: string, fallback: number): number {
  const value = json[field];
  return typeof value === 'number' ? value : fallback;
}

/**
 * Of the timesteps that a model was distilled on, as many as are asked, from the last one down.
 * @throws BadInput for more steps than it was distilled on
 */
export function distilledTimesteps(config: SchedulerConfig, steps: number, sampler: string): Float64Array {
  const originalSteps = ownNumber(config, 'original_inference_steps', 50);
  if (steps > originalSteps)
    throw new BadInput(`The number of steps is ${steps}; ${sampler} takes at most ${originalSteps}.`);
  const stride = Math.floor(config.trainTimesteps / originalSteps);
  return Float64Array.from(
    { length: steps },
    (_, i) => (originalSteps - Math.floor((i * originalSteps) / steps)) * stride - 1,
  );
}

/** @param _spacing the class has a spacing of its own */
export function lcm(config: SchedulerConfig, _spacing: Spacing, steps: number): Sampler {
  const alphaBar = alphaBars(config);
  const scaling = ownNumber(config, 'timestep_scaling', 10);
  const timesteps = distilledTimesteps(config, steps, 'an LCM sampler');
  return {
    timesteps,
    initNoiseSigma: 1,
    inputScale: () => 1,
    step(index, output, x, noise) {
      const t = timesteps[index]!;
      const roots = [Math.sqrt(alphaBar[t]!), Math.sqrt(1 - alphaBar[t]!)] as const;
      const x0 = predictedData(config, roots, output, x, clipLimit(config));
      const next = timesteps[index + 1];
      const scaled = t * scaling;
      const cSkip = sigmaData ** 2 / (scaled ** 2 + sigmaData ** 2);
      const cOut = scaled / Math.sqrt(scaled ** 2 + sigmaData ** 2);
      const z = next === undefined ? undefined : noise();
      const nextBar = next === undefined ? 1 : alphaBar[next]!;
      const [keep, spread] = [Math.sqrt(nextBar), Math.sqrt(1 - nextBar)];
      for (let i = 0; i < x.length; i++) {
        const consistent = cOut * x0[i]! + cSkip * x[i]!;
        x[i] = z === undefined ? consistent : keep * consistent + spread * z[i]!;
      }
    },
  };
}
