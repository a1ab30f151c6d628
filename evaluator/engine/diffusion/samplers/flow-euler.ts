/**
 * @file Euler along the straight path of flow matching. Lipman et al. (2023), arXiv:2210.02747; Esser et al. (2024),
 * arXiv:2403.03206, section 5.3.2 (the shift); diffusers scheduling_flow_match_euler_discrete.py.
 *
 * x_σ = (1 − σ)·x_0 + σ·noise, and the network predicts the velocity dx/dσ = noise − x_0.
 */
import { betaSigmas, exponentialSigmas, karrasSigmas, type SchedulerConfig } from '../schedule.ts';
import { curveOf } from './euler.ts';
import type { Sampler } from './sampler.ts';

/** What a flow's noise levels depend on beside the scheduler's config. */
export interface FlowImage {
  /** Tokens that the transformer makes of the image's latents. */
  tokens: number;
  /** From 1 to the lowest level of training (SD 3's pipeline), or to 1/steps (FLUX's). */
  lowest: 'trained' | 'one step';
}

export function flowEuler(
  { json, trainTimesteps, ...config }: SchedulerConfig,
  steps: number,
  image: FlowImage,
): Sampler {
  const number = (field: string, fallback: number) => (typeof json[field] === 'number' ? json[field] : fallback);
  const shift = number('shift', 1);
  const shifted = (sigma: number) => (shift * sigma) / (1 + (shift - 1) * sigma);
  const isDynamic = json['use_dynamic_shifting'] === true;

  // The levels of training are shifted already, where the shift is one number, and once more below.
  const trained = 1 / trainTimesteps;
  const lowest = image.lowest === 'one step' ? 1 / steps : isDynamic ? trained : shifted(trained);
  let sigmas: Float64Array = Float64Array.from(
    { length: steps },
    (_, i) => 1 + (steps === 1 ? 0 : i / (steps - 1)) * (lowest - 1),
  );

  if (isDynamic) {
    const [baseTokens, mostTokens] = [number('base_image_seq_len', 256), number('max_image_seq_len', 4096)];
    const [baseShift, mostShift] = [number('base_shift', 0.5), number('max_shift', 1.15)];
    const mu = baseShift + ((mostShift - baseShift) / (mostTokens - baseTokens)) * (image.tokens - baseTokens);
    const factor = json['time_shift_type'] === 'linear' ? mu : Math.exp(mu);
    sigmas = sigmas.map((sigma) => factor / (factor + (1 / sigma - 1)));
  } else sigmas = sigmas.map(shifted);

  const terminal = number('shift_terminal', 0);
  if (terminal !== 0) {
    const stretch = (1 - sigmas.at(-1)!) / (1 - terminal);
    sigmas = sigmas.map((sigma) => 1 - (1 - sigma) / stretch);
  }
  const curve = curveOf({ json, trainTimesteps, ...config });
  if (curve !== undefined) sigmas = curves[curve](sigmas[0]!, sigmas.at(-1)!, steps);

  const levels = Float64Array.from([...sigmas, 0], Math.fround);
  return {
    timesteps: levels.slice(0, steps).map((sigma) => Math.fround(sigma * trainTimesteps)),
    initNoiseSigma: 1,
    inputScale: () => 1,
    step(index, velocity, x) {
      const change = Math.fround(levels[index + 1]! - levels[index]!);
      for (let i = 0; i < x.length; i++) x[i] = x[i]! + Math.fround(change * velocity[i]!);
    },
  };
}

const curves = { karras: karrasSigmas, exponential: exponentialSigmas, beta: betaSigmas };
