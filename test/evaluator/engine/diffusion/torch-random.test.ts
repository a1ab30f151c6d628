import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { alphaBars, parseSchedulerConfig } from '../../../../evaluator/engine/diffusion/schedule.ts';
import { chooseSampler } from '../../../../evaluator/engine/diffusion/samplers/choose.ts';
import { TorchGenerator } from '../../../../evaluator/engine/diffusion/torch-random.ts';
import { golden as goldenFolder } from '../../../support/folders.ts';

const sha256 = (values: Float32Array) => createHash('sha256').update(values).digest('hex');

/** From PyTorch 1.13 on x86-64 with AVX2: torch.randn(shape, generator=torch.Generator().manual_seed(seed)). */
const hashes: [seed: number, count: number, sha256: string][] = [
  [0, 4 * 64 * 64, '24efac55b39e95b2d74d8fb5b3a8e8a8e808bd04129f260c4cdbb225bb952a4d'],
  [42, 4 * 64 * 64, 'e97f3de04c7c6ba86354db4402b91d4402ede9c72aabed29a96dd7d635a798ba'],
  [1234, 4 * 128 * 128, 'd347e1a605b8d6feff371f6d17682c690375d912c7708c5e81ec00c5b718acf9'],
  [7, 3 * 5 * 7, '59dfcd46e6b5ef4a3f647b5ca48e93574c06cbd1796ec1271a7e04032c5313f3'],
  [2 ** 40 + 5, 4 * 8 * 8, 'cd7415c5b77cc5fef58e1bec38e9bb5e7609aa6dcdab75cae8667d71222f20d7'],
  [0, 16, '7648137a31024642604465428f1598d06f595259ac993612918498d7cde9b70c'],
];

describe('torch noise', () => {
  it.each(hashes)('seed %i, %i values are PyTorch’s, bit for bit', (seed, count, expected) => {
    expect(sha256(new TorchGenerator(seed).randn(count))).toBe(expected);
  });

  it('fewer than 16 values come from the double-precision path', () => {
    expect([...new TorchGenerator(0).randn(5)]).toEqual([
      1.5409960746765137, -0.293428897857666, -2.1787893772125244, 0.5684312582015991, -1.0845223665237427,
    ]);
  });

  it('calls continue one stream', () => {
    const whole = new TorchGenerator(3).randn(64);
    const generator = new TorchGenerator(3);
    generator.randn(32);
    // 32 uniforms were used; the next 32 values are the second half of the stream.
    expect([...generator.randn(32)]).toEqual([...whole.slice(32)]);
  });

  it.each([-1, 0.5, 2 ** 53, NaN])('a seed of %d is refused', (seed) => {
    expect(() => new TorchGenerator(seed)).toThrow('must be a whole number');
  });

  it('the hashes above are those of torch-random.json', () => {
    const golden = JSON.parse(readFileSync(join(goldenFolder, 'torch-random.json'), 'utf8')) as {
      randn_sha256_f32le: Record<string, string>;
    };
    expect(hashes.map(([, , hash]) => hash)).toEqual(Object.values(golden.randn_sha256_f32le));
  });
});

describe('noise schedule', () => {
  const stableDiffusion = parseSchedulerConfig(
    {
      _class_name: 'EulerDiscreteScheduler',
      beta_start: 0.00085,
      beta_end: 0.012,
      beta_schedule: 'scaled_linear',
      steps_offset: 1,
      timestep_spacing: 'leading',
    },
    'scheduler_config.json',
  );

  it('ᾱ is diffusers’ alphas_cumprod, bit for bit', () => {
    expect(sha256(alphaBars(stableDiffusion))).toBe('146d591747580fb8b5007a8a3f12dfa036e495c8bfe510eaddc7216508838e0d');
  });

  it('SDXL’s Euler with 20 leading steps starts from the published noise', () => {
    const sampler = chooseSampler('euler', stableDiffusion, 20);
    expect(sampler.initNoiseSigma).toBeCloseTo(11.073579567514733, 5);
    expect([...sampler.timesteps].slice(0, 3)).toEqual([951, 901, 851]);
  });

  it.each([
    ['ddim-trailing', 20, [999, 949, 899]],
    ['dpmpp-2m-linspace', 20, [999, 949, 899]],
    ['dpmpp-2m-leading', 20, [941, 894, 847].map((t) => t)],
    ['ddim-trailing', 16, [999, 937, 874]],
    ['pndm-leading', 20, [951, 901, 901]],
  ])('%s with %i steps asks at diffusers’ timesteps', (id, steps, first) => {
    expect([...chooseSampler(id, stableDiffusion, steps).timesteps].slice(0, 3)).toEqual(first);
  });

  it.each(['thresholding', 'use_lu_lambdas'])('%s is refused by name', (key) => {
    expect(() => parseSchedulerConfig({ [key]: true }, 'x.json')).toThrow(`x.json asks for ${key} = true`);
  });

  it('an unknown sampler is refused with the list', () => {
    expect(() => chooseSampler('charm', stableDiffusion, 20)).toThrow('must be one of ddim, pndm');
  });
});
