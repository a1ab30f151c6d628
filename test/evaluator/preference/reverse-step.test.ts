/** @file Equations 1, 2 and 12: the schedule's constants against PyTorch's, the steps against themselves written in float64. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addNoise, noiseSchedule, stepBack } from '../../../evaluator/preference/reverse-step.ts';
import { golden } from '../../support/folders.ts';

describe('the reverse step', () => {
  it('the constants of equation 2 are those of the reference', () => {
    const { alphas_cumprod, ddpm_step } = JSON.parse(readFileSync(join(golden, 'ddpm-reverse-step.json'), 'utf8')) as {
      alphas_cumprod: Record<string, number>;
      ddpm_step: { t: number; sigma: number; kappa: number }[];
    };
    const schedule = noiseSchedule();
    expect(Object.keys(alphas_cumprod).length).toBeGreaterThan(3);
    expect(ddpm_step.length).toBeGreaterThan(3);
    for (const [t, value] of Object.entries(alphas_cumprod))
      expect(schedule.alphaBar[Number(t)]! / value).toBeCloseTo(1, 10);
    for (const { t, sigma, kappa } of ddpm_step.filter((row) => row.t > 0)) {
      expect(schedule.sigma[t]).toBeCloseTo(sigma, 10);
      expect(schedule.kappa[t]).toBeCloseTo(kappa, 10);
    }
  });

  it('a schedule of two steps is worked out by hand', () => {
    // β = .1², .3² (roots .1 and .3), α = .99, .91, ᾱ = .99, .9009
    const { alphaBar, sigma, kappa } = noiseSchedule(0.01, 0.09, 2);
    expect([...alphaBar]).toEqual([expect.closeTo(0.99, 12), expect.closeTo(0.9009, 12)]);
    // σ₁² = (1 − .99)/(1 − .9009)·.09; at t = 0 there is nothing before: 0
    expect([...sigma]).toEqual([0, expect.closeTo(Math.sqrt((0.01 / 0.0991) * 0.09), 12)]);
    // κ = (1 − α)/(√α √(1 − ᾱ))
    expect([...kappa]).toEqual([
      expect.closeTo(0.01 / (Math.sqrt(0.99) * Math.sqrt(0.01)), 12),
      expect.closeTo(0.09 / (Math.sqrt(0.91) * Math.sqrt(0.0991)), 12),
    ]);
  });

  it('x_t = √ᾱ x0 + √(1 − ᾱ) ε', () => {
    const out = new Float32Array(2);
    addNoise(noiseSchedule(0.01, 0.09, 2), Float32Array.of(1, -2), Float32Array.of(0.5, 3), 1, out);
    const [signal, noise] = [Math.sqrt(0.9009), Math.sqrt(0.0991)];
    expect([...out]).toEqual([expect.closeTo(signal + 0.5 * noise, 6), expect.closeTo(-2 * signal + 3 * noise, 6)]);
  });

  it('x_{t−1} is equation 2, and two predictions differ by κ times their difference', () => {
    const schedule = noiseSchedule(0.01, 0.09, 2);
    const step = (epsilon: number) => {
      const out = new Float32Array(1);
      stepBack(schedule, Float32Array.of(0.8), Float32Array.of(epsilon), Float32Array.of(-1.5), 1, out);
      return out[0]!;
    };
    // (x_t − (1 − α)/√(1 − ᾱ) ε)/√α + σ z with α = .91
    const sigma = Math.sqrt((0.01 / 0.0991) * 0.09);
    const byHand = (epsilon: number) => (0.8 - (0.09 / Math.sqrt(0.0991)) * epsilon) / Math.sqrt(0.91) - 1.5 * sigma;
    expect(step(0.4)).toBeCloseTo(byHand(0.4), 6);
    expect(step(0) - step(1)).toBeCloseTo(0.09 / (Math.sqrt(0.91) * Math.sqrt(0.0991)), 6);
  });

  it('there is no step back from 0', () => {
    const one = new Float32Array(1);
    expect(() => stepBack(noiseSchedule(), one, one, one, 0, one)).toThrow('There is no step back from t = 0.');
    expect(() => stepBack(noiseSchedule(), one, one, one, 1, one)).not.toThrow();
  });
});
