/**
 * @file Latent consistency. Luo et al. (2023), arXiv:2310.04378, algorithm 3; diffusers scheduling_lcm.py.
 *
 * Here            In the paper
 * cSkip, cOut     c_skip(t), c_out(t), with σ_data = ½ and time scaled by timestep_scaling
 */
import { BadInput } from '../../files/bad-input.ts';
import { alphaBars, type SchedulerConfig, type Spacing } from '../schedule.ts';
import type { Sampler } from './sampler.ts';

const sigmaData = 0.5;

/** @param _spacing the class has a spacing of its own */
export function lcm(config: SchedulerConfig, _spacing: Spacing, steps: number): Sampler {
  const alphaBar = alphaBars(config);
  const own = (field: string, fallback: number) => {
    const value = config.json[field];
    return typeof value === 'number' ? value : fallback;
  };
  const [originalSteps, scaling] = [own('original_inference_steps', 50), own('timestep_scaling', 10)];
  if (steps > originalSteps)
    throw new BadInput(`The number of steps is ${steps}; an LCM sampler takes at most ${originalSteps}.`);
  const stride = Math.floor(config.trainTimesteps / originalSteps);
  // Of the timesteps that the model was distilled on, as many as are asked, from the last one down.
  const timesteps = Float64Array.from(
    { length: steps },
    (_, i) => (originalSteps - Math.floor((i * originalSteps) / steps)) * stride - 1,
  );
  const limit = config.clipSample ? config.clipSampleRange : Infinity;
  return {
    timesteps,
    initNoiseSigma: 1,
    inputScale: () => 1,
    step(index, output, x, noise) {
      const t = timesteps[index]!;
      const [rootA, rootB] = [Math.sqrt(alphaBar[t]!), Math.sqrt(1 - alphaBar[t]!)];
      const next = timesteps[index + 1];
      const scaled = t * scaling;
      const cSkip = sigmaData ** 2 / (scaled ** 2 + sigmaData ** 2);
      const cOut = scaled / Math.sqrt(scaled ** 2 + sigmaData ** 2);
      const isVelocity = config.predictionType === 'v_prediction';
      const z = next === undefined ? undefined : noise();
      const nextBar = next === undefined ? 1 : alphaBar[next]!;
      const [keep, spread] = [Math.sqrt(nextBar), Math.sqrt(1 - nextBar)];
      for (let i = 0; i < x.length; i++) {
        const x0 = isVelocity ? rootA * x[i]! - rootB * output[i]! : (x[i]! - rootB * output[i]!) / rootA;
        const consistent = cOut * Math.min(limit, Math.max(-limit, x0)) + cSkip * x[i]!;
        x[i] = z === undefined ? consistent : keep * consistent + spread * z[i]!;
      }
    },
  };
}
