/**
 * @file PNDM with linear multistep only (PLMS, `skip_prk_steps`). Liu et al. (2022), arXiv:2202.09778, eq. (9) and
 * (12); diffusers scheduling_pndm.py.
 *
 * Here           In the paper
 * alphaBar[t]    ᾱ_t
 * history        e_{t+δ}, e_{t+2δ}, … newest last
 * The second timestep is asked twice: the first step is corrected before the second is taken, so n steps need n + 1 runs.
 */
import { alphaBars, roundHalfEven, spacedTimesteps, type SchedulerConfig, type Spacing } from '../schedule.ts';
import type { Sampler } from './sampler.ts';

export function pndm(config: SchedulerConfig, spacing: Spacing, steps: number): Sampler {
  const alphaBar = alphaBars(config);
  const spaced = Array.from(spacedTimesteps(spacing, steps, config), roundHalfEven);
  const timesteps = Float64Array.from([...spaced.slice(0, 2), ...spaced.slice(1)]);
  const finalAlphaBar = config.setAlphaToOne ? 1 : alphaBar[0]!;
  const stride = Math.floor(config.trainTimesteps / steps);
  let history: Float32Array[] = [];
  let firstSample: Float32Array | undefined;

  /** ε̂ from the newest output and the history; eq. (12) once four are known. */
  const multistep = (): Float32Array => {
    const [e1, e2, e3, e4] = [history.at(-1)!, history.at(-2), history.at(-3), history.at(-4)];
    if (e2 === undefined) return e1;
    if (e3 === undefined) return e1.map((e, i) => (3 * e - e2[i]!) / 2);
    if (e4 === undefined) return e1.map((e, i) => (23 * e - 16 * e2[i]! + 5 * e3[i]!) / 12);
    return e1.map((e, i) => (55 * e - 59 * e2[i]! + 37 * e3[i]! - 9 * e4[i]!) / 24);
  };

  /** Eq. (9): from t to `previous` along ε̂. */
  const transfer = (x: Float32Array, from: Float32Array, epsilon: Float32Array, t: number, previous: number): void => {
    const [a, aPrevious] = [alphaBar[t]!, previous >= 0 ? alphaBar[previous]! : finalAlphaBar];
    const scale = Math.sqrt(aPrevious / a);
    const move = (aPrevious - a) / (a * Math.sqrt(1 - aPrevious) + Math.sqrt(a * (1 - a) * aPrevious));
    const velocity = config.predictionType === 'v_prediction';
    const [rootA, rootB] = [Math.sqrt(a), Math.sqrt(1 - a)];
    for (let i = 0; i < x.length; i++) {
      const e = velocity ? rootA * epsilon[i]! + rootB * from[i]! : epsilon[i]!;
      x[i] = scale * from[i]! - move * e;
    }
  };

  return {
    timesteps,
    initNoiseSigma: 1,
    inputScale: () => 1,
    step(index, output, x) {
      const t = timesteps[index]!;
      if (index === 0) {
        history = [output.slice()];
        firstSample = x.slice();
        transfer(x, x, output, t, t - stride);
      } else if (index === 1) {
        const mean = output.map((e, i) => (e + history[0]![i]!) / 2);
        transfer(x, firstSample!, mean, t + stride, t);
        firstSample = undefined;
      } else {
        history = [...history.slice(-3), output.slice()];
        transfer(x, x, multistep(), t, t - stride);
      }
    },
  };
}
