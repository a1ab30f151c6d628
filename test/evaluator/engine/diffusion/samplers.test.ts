/** @file Every sampler against diffusers' scheduler of the same name, on six numbers and a model that both sides know. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  chooseSampler,
  defaultSamplerId,
  samplerIds as allIds,
} from '../../../../evaluator/engine/diffusion/samplers/choose.ts';
import { knownFields } from '../../../../evaluator/engine/diffusion/samplers/scheduler-fields.ts';
import { parseSchedulerConfig } from '../../../../evaluator/engine/diffusion/schedule.ts';
import { golden } from '../../../support/folders.ts';

interface Case {
  sampler: string;
  steps: number;
  config: Record<string, unknown>;
  timesteps: number[];
  initNoiseSigma: number;
  result: number[];
  /** Of noise, in the second file alone. */
  draws?: number;
}
const cases = ['schedulers.json', 'more-schedulers.json', 'schedulers-of-fields.json'].flatMap(
  (name) => (JSON.parse(readFileSync(join(golden, name), 'utf8')) as { cases: Case[] }).cases,
);
const size = 6;
/** flow-euler takes other models, and has a file of its own. */
const samplerIds = allIds.filter((id) => id !== 'flow-euler');

/** As the golden file describes itself. */
function run({ sampler: id, steps, config }: Pick<Case, 'sampler' | 'steps' | 'config'>) {
  const sampler = chooseSampler(id, parseSchedulerConfig(config, 'scheduler_config.json'), steps);
  let draws = 0;
  const noise = () => {
    const k = draws++;
    return Float32Array.from({ length: size }, (_, i) => 1.2 * Math.sin(1.7 * (k * size + i) + 0.3));
  };
  const x = Float32Array.from({ length: size }, (_, i) => 1.1 * Math.sin(2.1 * i + 0.4) * sampler.initNoiseSigma);
  sampler.timesteps.forEach((t, index) => {
    const scale = sampler.inputScale(index);
    const output = x.map((value) => Math.tanh(0.7 * value * scale) * 0.8 + 0.15 * Math.sin(t / 40));
    sampler.step(index, output, x, noise);
  });
  return { sampler, x, draws };
}

describe('samplers', () => {
  it('the golden file has every sampler', () => {
    expect(cases).toHaveLength(166 + 126 + 105);
    const seen = new Set(cases.map(({ sampler, config }) => sampler + (config['use_karras_sigmas'] ? '-karras' : '')));
    for (const id of samplerIds) expect(seen).toContain(id);
  });

  it.each(cases.map((one, index) => ({ index, ...one })))(
    'case $index: $sampler, $steps steps of $config.timestep_spacing, $config.prediction_type is diffusers’',
    ({ sampler: id, steps, config, timesteps, initNoiseSigma, result, draws: expectedDraws }) => {
      const { sampler, x, draws } = run({ sampler: id, steps, config });
      if (expectedDraws !== undefined) expect(draws).toBe(expectedDraws);
      expect(Array.from(sampler.timesteps)).toEqual(timesteps.map((t) => expect.closeTo(t, 3)));
      expect(sampler.timesteps).toHaveLength(timesteps.length);
      expect(sampler.initNoiseSigma / initNoiseSigma).toBeCloseTo(1, 6);
      // float32 steps, each rounded a little differently.
      const scale = Math.max(1, ...result.map(Math.abs));
      result.forEach((value, i) => expect(Math.abs(x[i]! - value) / scale).toBeLessThan(2e-5));
    },
  );

  it('the same sampler object is good for one run after the other', () => {
    for (const id of samplerIds) {
      const one = cases.find(({ sampler, steps }) => sampler === id.replace('-karras', '') && steps === 7)!;
      const sampler = chooseSampler(id, parseSchedulerConfig(one.config, 'c'), 7);
      const go = () => {
        const x = Float32Array.of(0.3, -0.7);
        sampler.timesteps.forEach((_, i) =>
          sampler.step(
            i,
            x.map((v) => v / 2),
            x,
            () => Float32Array.of(0.1, 0.2),
          ),
        );
        return [...x];
      };
      expect(go(), id).toEqual(go());
    }
  });

  it('ancestral noise is drawn once a step, the last included; nobody else draws', () => {
    for (const id of samplerIds) {
      const base = id.replace('-karras', '');
      const { config } = cases.find(({ sampler }) => sampler === base)!;
      // DDPM draws none at t = 0, LCM none at its last step.
      const draws: Record<string, number> = { 'euler-a': 4, 'dpmpp-2m-sde': 4, ddpm: 4, lcm: 3, tcd: 3 };
      expect(run({ sampler: id, steps: 4, config }).draws, id).toBe(draws[base] ?? 0);
    }
  });

  it('a suffix changes the spacing alone; karras is a sampler of its own', () => {
    const config = { _class_name: 'EulerDiscreteScheduler', timestep_spacing: 'leading', steps_offset: 1 };
    const at = (id: string) => [...chooseSampler(id, parseSchedulerConfig(config, 'c'), 4).timesteps];
    // 1000 / 4 = 250: leading from below plus the offset; trailing from 1000 down, less 1; linspace over 0 … 999.
    expect(at('euler')).toEqual([751, 501, 251, 1]);
    expect(at('euler-leading')).toEqual([751, 501, 251, 1]);
    expect(at('euler-trailing')).toEqual([999, 749, 499, 249]);
    expect(at('euler-linspace')).toEqual([999, 666, 333, 0]);
    const plain = cases.find(
      ({ sampler, steps, config: c }) => sampler === 'dpmpp-2m' && steps === 9 && c['use_karras_sigmas'],
    )!;
    const without = { ...plain.config, use_karras_sigmas: false };
    const { x } = run({ sampler: 'dpmpp-2m-karras', steps: 9, config: without });
    plain.result.forEach((value, i) => expect(x[i]).toBeCloseTo(value, 4));
  });

  it('the folder’s own class is the default, and its spacing where the config has none', () => {
    const of = (className: string) => parseSchedulerConfig({ _class_name: className }, 'c');
    expect(defaultSamplerId(of('DDIMScheduler'))).toBe('ddim');
    expect(defaultSamplerId(of('PNDMScheduler'))).toBe('pndm');
    expect(defaultSamplerId(of('EulerDiscreteScheduler'))).toBe('euler');
    expect(defaultSamplerId(of('EulerAncestralDiscreteScheduler'))).toBe('euler-a');
    expect(defaultSamplerId(of('DPMSolverMultistepScheduler'))).toBe('dpmpp-2m');
    expect(defaultSamplerId(of('HeunDiscreteScheduler'))).toBe('heun');
    expect(defaultSamplerId(of('UniPCMultistepScheduler'))).toBe('unipc');
    expect(defaultSamplerId(of('DDPMScheduler'))).toBe('ddpm');
    expect(defaultSamplerId(of('LCMScheduler'))).toBe('lcm');
    expect(defaultSamplerId(of('TCDScheduler'))).toBe('tcd');
    const stochastic = { _class_name: 'DPMSolverMultistepScheduler', algorithm_type: 'sde-dpmsolver++' };
    expect(defaultSamplerId(parseSchedulerConfig(stochastic, 'c'))).toBe('dpmpp-2m-sde');
    // Its Brownian tree is not built here.
    expect(() => defaultSamplerId(of('DPMSolverSDEScheduler'))).toThrow(
      "The folder's scheduler is DPMSolverSDEScheduler; choose one with --sampler: ddim, pndm, euler, euler-a, heun,",
    );
    expect(() => defaultSamplerId(of(''))).toThrow('is not named');
    // Classes' defaults: leading for DDIM and PNDM, linspace for the others.
    const first = (id: string) => chooseSampler(id, of(''), 10).timesteps[0];
    expect(['ddim', 'pndm', 'euler', 'euler-a', 'dpmpp-2m'].map(first)).toEqual([900, 900, 999, 999, 999]);
  });

  it.each([
    ['charm', 20, 'There is no sampler "charm"; it must be one of ddim, pndm,'],
    ['ddim-backwards', 20, 'There is no sampler "ddim-backwards"'],
    ['ddim', 0, 'The number of steps is 0; it must be a whole number from 1 to 1000.'],
    ['ddim', 2.5, 'The number of steps is 2.5'],
    ['ddim', 1001, 'The number of steps is 1001'],
  ])('%s with %d steps is refused', (id, steps, message) => {
    expect(() => chooseSampler(id, parseSchedulerConfig({}, 'c'), steps)).toThrow(message);
  });
  it('LCM takes as many steps as it was distilled on, and no more', () => {
    // diffusers' LCMScheduler().set_timesteps(50): 20·50 − 1 down to 20·1 − 1; of 51 it raises.
    const { timesteps } = chooseSampler('lcm', parseSchedulerConfig({}, 'c'), 50);
    expect([...timesteps]).toEqual(Array.from({ length: 50 }, (_, i) => 999 - 20 * i));
    expect(() => chooseSampler('lcm', parseSchedulerConfig({}, 'c'), 51)).toThrow('takes at most 50');
  });
  it('as many steps as the schedule has are allowed', () => {
    expect(chooseSampler('ddim', parseSchedulerConfig({}, 'c'), 1000).timesteps).toHaveLength(1000);
    expect(chooseSampler('ddim', parseSchedulerConfig({}, 'c'), 1).timesteps).toHaveLength(1);
  });
});

describe('scheduler_config.json', () => {
  it.each([
    ['thresholding', true],
    ['use_lu_lambdas', true],
    ['trained_betas', [0.1, 0.2]],
    ['interpolation_type', 'log_linear'],
    ['beta_schedule', 'sigmoid'],
    ['prediction_type', 'sample'],
    ['timestep_spacing', 'random'],
  ])('%s = %j is refused by name', (key, value) => {
    expect(() => parseSchedulerConfig({ [key]: value }, 'x/scheduler_config.json')).toThrow(
      `x/scheduler_config.json asks for ${key} = ${JSON.stringify(value)}, which visavis cannot do.`,
    );
  });
  it('PNDM with Runge–Kutta steps is refused; the key means nothing to others', () => {
    expect(() => parseSchedulerConfig({ _class_name: 'PNDMScheduler', skip_prk_steps: false }, 'c')).toThrow(
      'skip_prk_steps',
    );
    expect(parseSchedulerConfig({ _class_name: 'DDIMScheduler', skip_prk_steps: false }, 'c').className).toBe(
      'DDIMScheduler',
    );
  });
  it('what the file leaves out has diffusers’ defaults', () => {
    const defaults = {
      className: '',
      trainTimesteps: 1000,
      betaStart: 0.0001,
      betaEnd: 0.02,
      betaSchedule: 'linear',
      predictionType: 'epsilon',
      spacing: undefined,
      stepsOffset: 0,
      setAlphaToOne: false,
      useKarrasSigmas: false,
      clipSample: false,
      clipSampleRange: 1,
      useExponentialSigmas: false,
      useBetaSigmas: false,
      zeroTerminalSnr: false,
    };
    expect(parseSchedulerConfig({}, 'c')).toEqual({ ...defaults, json: {}, file: 'c' });
    expect(
      parseSchedulerConfig(
        {
          thresholding: false,
          trained_betas: null,
          use_karras_sigmas: 'yes',
          final_sigmas_type: 'zero',
          steps_offset: '1',
        },
        'c',
      ),
    ).toMatchObject(defaults);
    expect(parseSchedulerConfig({ _class_name: 'DDIMScheduler' }, 'c')).toMatchObject({
      ...defaults,
      className: 'DDIMScheduler',
      setAlphaToOne: true,
      clipSample: true,
    });
  });
  it('what it says is kept', () => {
    const config = parseSchedulerConfig(
      {
        _class_name: 'DDIMScheduler',
        num_train_timesteps: 400,
        beta_start: 0.001,
        beta_end: 0.03,
        beta_schedule: 'squaredcos_cap_v2',
        prediction_type: 'v_prediction',
        timestep_spacing: 'trailing',
        steps_offset: 1,
        set_alpha_to_one: false,
        use_karras_sigmas: true,
        clip_sample: false,
        clip_sample_range: 2.5,
      },
      'c',
    );
    expect(config).toMatchObject({
      className: 'DDIMScheduler',
      trainTimesteps: 400,
      betaStart: 0.001,
      betaEnd: 0.03,
      betaSchedule: 'squaredcos_cap_v2',
      predictionType: 'v_prediction',
      spacing: 'trailing',
      stepsOffset: 1,
      setAlphaToOne: false,
      useKarrasSigmas: true,
      clipSample: false,
      clipSampleRange: 2.5,
    });
  });
});

describe('every field of a scheduler’s class', () => {
  const choose = (id: string, json: object) =>
    chooseSampler(id, parseSchedulerConfig(json as Record<string, unknown>, 'c'), 4);

  it.each([
    ['dpmpp-2m', 'algorithm_type', 'sde-dpmsolver++'],
    ['dpmpp-2m', 'algorithm_type', 'dpmsolver'],
    ['dpmpp-2m', 'solver_order', 4],
    ['dpmpp-2m-sde', 'solver_order', 3],
    ['dpmpp-2m', 'solver_type', 'heun'],
    ['dpmpp-2m', 'use_flow_sigmas', true],
    ['dpmpp-2m', 'use_dynamic_shifting', true],
    ['dpmpp-2m', 'lambda_min_clipped', -5.1],
    ['dpmpp-2m-karras', 'use_beta_sigmas', true],
    ['unipc', 'use_beta_sigmas', true],
    ['unipc', 'final_sigmas_type', 'sigma_min'],
    ['dpmpp-2m-trailing', 'variance_type', 'learned_range'],
    ['dpmpp-2m', 'use_exponential_sigmas', true],
    ['unipc', 'use_exponential_sigmas', true],
    ['unipc', 'solver_type', 'bh1'],
    ['unipc', 'solver_order', 3],
    ['ddpm', 'variance_type', 'fixed_large'],
    ['euler', 'timestep_type', 'continuous'],
    ['euler', 'sigma_min', 0.03],
    ['euler', 'sigma_max', 14],
  ])('%s with %s = %j is refused by name', (id, field, value) => {
    expect(() => choose(id, { [field]: value })).toThrow(
      `asks for ${field} = ${typeof value === 'number' ? value : JSON.stringify(value)}`,
    );
    // Another class has no such field; diffusers passes it over there too.
    expect(() => choose('ddim', { [field]: value })).not.toThrow();
  });

  // diffusers keeps another class's fields when a scheduler is made from another's config.
  it.each<[string, string, Record<string, unknown>]>([
    [
      'SDXL',
      'euler',
      {
        _class_name: 'EulerDiscreteScheduler',
        interpolation_type: 'linear',
        sample_max_value: 1,
        set_alpha_to_one: false,
        skip_prk_steps: true,
        clip_sample: false,
        use_karras_sigmas: false,
      },
    ],
    [
      'SDXL-Turbo',
      'euler-a',
      {
        _class_name: 'EulerAncestralDiscreteScheduler',
        interpolation_type: 'linear',
        sample_max_value: 1,
        set_alpha_to_one: false,
        skip_prk_steps: true,
        use_karras_sigmas: false,
      },
    ],
    [
      'SD 2.1',
      'ddim',
      { _class_name: 'DDIMScheduler', skip_prk_steps: true, set_alpha_to_one: false, prediction_type: 'v_prediction' },
    ],
    ['LCM of SD 1.5', 'lcm', { _class_name: 'LCMScheduler', skip_prk_steps: true, set_alpha_to_one: false }],
    ['DDPM of SD 1.5', 'ddpm', { _class_name: 'DDPMScheduler', skip_prk_steps: true }],
    ['UniPC on DPM', 'unipc', { _class_name: 'DPMSolverMultistepScheduler', solver_type: 'midpoint' }],
    ['DPM on UniPC', 'dpmpp-2m-sde', { _class_name: 'UniPCMultistepScheduler', solver_type: 'bh2' }],
    ['DPM on DDPM', 'dpmpp-2m', { _class_name: 'DDPMScheduler', variance_type: 'fixed_small' }],
  ])('%s with %s is taken', (_, id, config) => {
    expect(() => choose(id, config)).not.toThrow();
  });

  it.each<[string, Record<string, unknown>, string]>([
    [
      'dpmpp-2m',
      { _class_name: 'EDMDPMSolverMultistepScheduler', sigma_max: 80, sigma_data: 0.5 },
      'EDM or flow matching',
    ],
    [
      'ddim',
      { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 },
      "FlowMatchEulerDiscreteScheduler's whose noise is described in another way",
    ],
    ['heun', { rescale_betas_zero_snr: true }, 'rescale_betas_zero_snr = true, which the sampler heun cannot do'],
    ['pndm', { rescale_betas_zero_snr: true }, 'which the sampler pndm cannot do'],
    ['lcm', { rescale_betas_zero_snr: true }, 'which the sampler lcm cannot do'],
    ['ddim', { rescale_betas_zero_snr: true }, 'needs a network that predicts v_prediction'],
    ['lcm-trailing', {}, '"lcm-trailing" would be the same as lcm'],
    ['tcd-leading', {}, '"tcd-leading" would be the same as tcd'],
    ['tcd', { original_inference_steps: 3 }, 'a TCD sampler takes at most 3'],
  ])('%s on %j is refused', (id, config, message) => {
    expect(() => choose(id, config)).toThrow(message);
  });

  it('DPMSolverMultistep as diffusers writes it is taken', () => {
    const written = {
      _class_name: 'DPMSolverMultistepScheduler',
      _diffusers_version: '0.35.0',
      algorithm_type: 'dpmsolver++',
      beta_end: 0.012,
      beta_schedule: 'scaled_linear',
      beta_start: 0.00085,
      dynamic_thresholding_ratio: 0.995,
      euler_at_final: false,
      final_sigmas_type: 'zero',
      flow_shift: 1.0,
      lambda_min_clipped: -Infinity,
      lower_order_final: true,
      num_train_timesteps: 1000,
      prediction_type: 'epsilon',
      rescale_betas_zero_snr: false,
      sample_max_value: 1.0,
      solver_order: 2,
      solver_type: 'midpoint',
      steps_offset: 0,
      thresholding: false,
      time_shift_type: 'exponential',
      timestep_spacing: 'linspace',
      trained_betas: null,
      use_beta_sigmas: false,
      use_dynamic_shifting: false,
      use_exponential_sigmas: false,
      use_flow_sigmas: false,
      use_karras_sigmas: false,
      use_lu_lambdas: false,
      variance_type: null,
    };
    expect(() => choose('dpmpp-2m', written)).not.toThrow();
    // A field of a diffusers that is newer than this table.
    expect(() => choose('dpmpp-2m', { ...written, use_quantum_sigmas: true })).toThrow(
      'has the field use_quantum_sigmas = true, which visavis does not know',
    );
    expect(() => choose('dpmpp-2m', { ...written, use_quantum_sigmas: false })).not.toThrow();
  });

  it('the tables have as many fields as diffusers 0.40’s classes take', () => {
    const known = knownFields();
    expect(Object.fromEntries(Object.entries(known).map(([name, fields]) => [name, fields.length]))).toEqual({
      DDIMScheduler: 15,
      DDPMScheduler: 15,
      HeunDiscreteScheduler: 13,
      LCMScheduler: 17,
      TCDScheduler: 17,
      UniPCMultistepScheduler: 29,
      PNDMScheduler: 10,
      EulerDiscreteScheduler: 17,
      FlowMatchEulerDiscreteScheduler: 14,
      EulerAncestralDiscreteScheduler: 9,
      DPMSolverMultistepScheduler: 28,
    });
  });
});
