/**
 * @file UniPC of order 2. Zhao et al. (2023), arXiv:2302.04867, algorithms 5 to 8 with data prediction; diffusers
 * scheduling_unipc_multistep.py.
 *
 * Here            In the paper
 * h, hh           h_i, and −h_i of the data prediction
 * phi             B(h) = e^h − 1, bh2; bh1's h is infinite at the last step, where diffusers gets NaN
 * m0, m1          x_θ at the step before this transition, and one earlier
 */
import type { SchedulerConfig, Spacing } from '../schedule.ts';
import { dpmLevels, lambda, split } from './dpmpp-2m.ts';
import { predictedData } from './predicted-data.ts';
import type { Sampler } from './sampler.ts';

export function unipc(config: SchedulerConfig, spacing: Spacing, steps: number): Sampler {
  const { timesteps, noiseLevels } = dpmLevels(config, spacing, steps, config.useKarrasSigmas);
  const { json } = config;
  const highest = json['solver_order'] === 1 ? 1 : 2;
  const uncorrected = new Set(Array.isArray(json['disable_corrector']) ? (json['disable_corrector'] as number[]) : []);
  let models: Float32Array[] = [];
  let before: Float32Array | undefined;
  let orderBefore = 1;

  /** From the latents at level s to level s + 1, with the slopes known there. */
  function transition(s: number) {
    const [alpha, sigma] = split(noiseLevels[s + 1]!);
    const h = lambda(noiseLevels[s + 1]!) - lambda(noiseLevels[s]!);
    const hh = -h;
    const phi = Math.expm1(hh);
    // r of the earlier step, negative.
    const r = s > 0 ? (lambda(noiseLevels[s - 1]!) - lambda(noiseLevels[s]!)) / h : 0;
    return { keep: sigma / split(noiseLevels[s]!)[1], alpha, hh, phi, r };
  }

  function predict(s: number, order: number, x: Float32Array): Float32Array {
    const { keep, alpha, phi, r } = transition(s);
    const [m0, m1] = models;
    return x.map((value, i) => {
      const slope = order === 2 ? (0.5 * (m1![i]! - m0![i]!)) / r : 0;
      return keep * value - alpha * phi * (m0![i]! + slope);
    });
  }

  /** The step to level s + 1 again, now that x_θ is known there. */
  function correct(s: number, order: number, start: Float32Array, there: Float32Array): Float32Array {
    const { keep, alpha, hh, phi, r } = transition(s);
    const [m0, m1] = models;
    const first = phi / hh - 1;
    const [b1, b2] = [first / phi, ((first / hh - 0.5) * 2) / phi];
    // [[1, 1], [r, 1]]·ρ = b
    const earlier = order === 2 ? (b1 - b2) / (1 - r) : 0;
    const latest = order === 2 ? b1 - earlier : 0.5;
    return start.map((value, i) => {
      const slope = order === 2 ? (m1![i]! - m0![i]!) / r : 0;
      return keep * value - alpha * phi * (m0![i]! + earlier * slope + latest * (there[i]! - m0![i]!));
    });
  }

  return {
    timesteps,
    initNoiseSigma: 1,
    inputScale: () => 1,
    step(index, output, x) {
      if (index === 0) [models, before] = [[], undefined];
      const there = predictedData(config, split(noiseLevels[index]!), output, x);
      if (before !== undefined && !uncorrected.has(index - 1)) x.set(correct(index - 1, orderBefore, before, there));
      models = [there, ...models].slice(0, 2);
      const order = Math.min(highest, steps - index, index + 1);
      before = x.slice();
      x.set(predict(index, order, before));
      orderBefore = order;
    },
  };
}
