/**
 * @file DPM-Solver++(2M), midpoint. Lu et al. (2022), arXiv:2211.01095, algorithm 2; diffusers
 * scheduling_dpmsolver_multistep.py with solver_order 2 and a final σ of 0.
 *
 * Here            In the paper
 * alpha, sigma    α_t, σ_t with α² + σ² = 1; `noiseLevel` is their ratio σ_t / α_t
 * lambda          λ_t = log α_t − log σ_t
 * m0, m1          x_θ at this step and the one before
 */
import {
  allSigmas,
  alphaBars,
  karrasSigmas,
  roundHalfEven,
  sigmaAt,
  spacedTimesteps,
  timestepOfSigma,
  type SchedulerConfig,
  type Spacing,
} from '../schedule.ts';
import type { Sampler } from './sampler.ts';

export function dpmpp2m(config: SchedulerConfig, spacing: Spacing, steps: number, karras: boolean): Sampler {
  const all = allSigmas(alphaBars(config));
  let timesteps: Float64Array = dpmTimesteps(spacing, steps, config);
  let levels: Float64Array = timesteps.map((t) => sigmaAt(t, all));
  if (karras) {
    // Over the whole range of training noise levels, unlike Euler, which takes the chosen ones' ends.
    levels = karrasSigmas(all[all.length - 1]!, all[0]!, steps);
    timesteps = levels.map((sigma) => roundHalfEven(timestepOfSigma(sigma, all)));
  }
  const noiseLevels = Float64Array.from([...levels, 0], Math.fround);
  let m1: Float32Array | undefined;
  let lambdaBefore = 0;
  return {
    timesteps,
    initNoiseSigma: 1,
    inputScale: () => 1,
    step(index, output, x) {
      const [alphaS, sigmaS] = split(noiseLevels[index]!);
      const [alphaT, sigmaT] = split(noiseLevels[index + 1]!);
      const velocity = config.predictionType === 'v_prediction';
      const m0 = new Float32Array(x.length);
      for (let i = 0; i < x.length; i++) {
        m0[i] = velocity ? alphaS * x[i]! - sigmaS * output[i]! : (x[i]! - sigmaS * output[i]!) / alphaS;
      }
      const lambdaS = Math.log(alphaS) - Math.log(sigmaS);
      const h = Math.log(alphaT) - Math.log(sigmaT) - lambdaS;
      const keep = sigmaT / sigmaS;
      // e^{−h} − 1; at the last step h is infinite, so that x becomes x_θ.
      const move = -alphaT * Math.expm1(-h);
      const secondOrder = index > 0 && index < steps - 1;
      const halfOverR0 = secondOrder ? h / (2 * (lambdaS - lambdaBefore)) : 0;
      for (let i = 0; i < x.length; i++) {
        const d = secondOrder ? m0[i]! + halfOverR0 * (m0[i]! - m1![i]!) : m0[i]!;
        x[i] = keep * x[i]! + move * d;
      }
      m1 = m0;
      lambdaBefore = lambdaS;
    },
  };
}

/** α and σ of the variance-preserving process at a ratio σ/α. */
function split(noiseLevel: number): [number, number] {
  const alpha = 1 / Math.sqrt(noiseLevel ** 2 + 1);
  return [alpha, noiseLevel * alpha];
}

/** n + 1 points of which the last is dropped; trailing as everywhere. */
function dpmTimesteps(spacing: Spacing, steps: number, config: SchedulerConfig): Float64Array {
  const T = config.trainTimesteps;
  if (spacing === 'trailing') return spacedTimesteps(spacing, steps, config);
  const ratio = Math.floor(T / (steps + 1));
  return Float64Array.from({ length: steps }, (_, i) =>
    spacing === 'linspace' ? roundHalfEven(((T - 1) * (steps - i)) / steps) : (steps - i) * ratio + config.stepsOffset,
  );
}
