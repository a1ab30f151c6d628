/**
 * @file The whole pipeline against diffusers' own results (test/fixtures/golden), and against itself everywhere. Slow:
 * it runs whole pipelines.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  Pipeline,
  Stopped,
  type GenerationSettings,
  type PipelineSource,
} from '../../../../evaluator/engine/diffusion/pipeline.ts';
import { encodeSafeTensors, readSafeTensors, type SafeTensor } from '../../../../evaluator/engine/onnx/safetensors.ts';
import { starter } from '../../../../evaluator/starter/starter.ts';
import { largestDifference } from '../../../support/differences.ts';
import { golden as goldenFolder, temporaryFolder } from '../../../support/folders.ts';

interface GoldenCase {
  file: string;
  scheduler: string;
  prompt: string;
  negativePrompt: string | null;
  seed: number;
  steps: number;
  guidanceScale: number;
  height: number;
  width: number;
  latentStd: number;
  lora?: string;
  loraScale?: number;
}

const hooks = { shouldStop: () => false, onStep: () => undefined };
const samplerOf = (scheduler: string) => scheduler.replaceAll('_', '-');

function goldenCases(set: string): GoldenCase[] {
  const read = (name: string) =>
    JSON.parse(readFileSync(join(goldenFolder, set, 'golden', name), 'utf8')) as GoldenCase[];
  return [...read('cases.json'), ...read('lora_cases.json')];
}

describe.each(['sd-tiny', 'sdxl-tiny'])('%s', (set) => {
  const folder = join(goldenFolder, set);
  it.each(goldenCases(set))('$file is diffusers’ image', async (golden) => {
    const adapters =
      golden.lora === undefined ? [] : [{ file: join(folder, 'golden', golden.lora), scale: golden.loraScale! }];
    const pipeline = await Pipeline.load({ folder, adapters }, { kind: 'cpu' });
    const [image] = await pipeline.generate(
      [golden.prompt],
      [golden.seed],
      {
        sampler: samplerOf(golden.scheduler),
        steps: golden.steps,
        guidance: golden.guidanceScale,
        negativePrompt: golden.negativePrompt,
        width: golden.width,
        height: golden.height,
      },
      hooks,
    );
    await pipeline.release();
    const latentBytes = readFileSync(join(folder, 'golden', `${golden.file}.latents.f32`));
    const latents = new Float32Array(new Uint8Array(latentBytes).buffer);
    expect(image!.latents).toHaveLength(latents.length);
    expect(largestDifference(image!.latents, latents) / golden.latentStd).toBeLessThan(1e-4);
    const pixels = readFileSync(join(folder, 'golden', `${golden.file}.rgb.u8`));
    expect(image!.pixels).toHaveLength(pixels.length);
    expect(largestDifference(image!.pixels, pixels)).toBeLessThanOrEqual(1);
  });
});

describe('starter pipeline', () => {
  const settings: GenerationSettings = {
    sampler: 'ddim',
    steps: 4,
    guidance: 3.5,
    negativePrompt: null,
    width: 64,
    height: 64,
  };
  const prompt = 'a red circle';
  const adapter = starter.models[0].adapter;
  async function generate(
    source: Partial<PipelineSource>,
    change: Partial<GenerationSettings> = {},
    prompts = [prompt],
    seeds = [1],
  ) {
    const pipeline = await Pipeline.load({ folder: starter.pipeline, adapters: [], ...source }, { kind: 'cpu' });
    try {
      return await pipeline.generate(prompts, seeds, { ...settings, ...change }, hooks);
    } finally {
      await pipeline.release();
    }
  }

  it('gives the same bytes on every run, and others for another seed, prompt or adapter', async () => {
    const [[first], [again], [seed], [words], [adapted]] = [
      await generate({}),
      await generate({}),
      await generate({}, {}, [prompt], [2]),
      await generate({}, {}, ['a blue star']),
      await generate({ adapters: [{ file: adapter, scale: 1 }] }),
    ];
    expect(again!.pixels).toEqual(first!.pixels);
    for (const other of [seed, words, adapted]) expect(other!.pixels).not.toEqual(first!.pixels);
  });

  it('an adapter at scale 0 changes nothing, and two halves are one whole', async () => {
    const [base] = await generate({});
    const [zero] = await generate({ adapters: [{ file: adapter, scale: 0 }] });
    expect(largestDifference(zero!.latents, base!.latents)).toBeLessThan(1e-5);
    const [whole] = await generate({ adapters: [{ file: adapter, scale: 1 }] });
    const [halves] = await generate({
      adapters: [
        { file: adapter, scale: 0.5 },
        { file: adapter, scale: 0.5 },
      ],
    });
    expect(largestDifference(halves!.latents, whole!.latents)).toBeLessThan(1e-4);
  });

  it('one adapter in diffusers’, PEFT’s and kohya’s keys gives one image', async () => {
    const { tensors } = await readSafeTensors(adapter);
    const folder = temporaryFolder();
    const renamed = async (name: string, rename: (key: string) => string, extra: [string, SafeTensor][] = []) => {
      const entries = [...tensors].map(([key, tensor]) => [rename(key), tensor] as const);
      await writeFile(join(folder, name), encodeSafeTensors(new Map([...entries, ...extra])));
      return join(folder, name);
    };
    const peft = await renamed('peft.safetensors', (key) =>
      key.replace('.lora.down.', '.lora_A.').replace('.lora.up.', '.lora_B.'),
    );
    const kohyaPath = (key: string) =>
      `lora_unet_${key
        .replace(/^unet\./, '')
        .replace(/\.lora\.(down|up)\.weight$/, '')
        .replaceAll('.', '_')}`;
    const rank = [...tensors].find(([key]) => key.includes('.down.'))![1].shape[0]!;
    const alphas = [...new Set([...tensors.keys()].map(kohyaPath))].map(
      (path) => [`${path}.alpha`, { shape: [], data: Float32Array.of(rank) }] as [string, SafeTensor],
    );
    const kohya = await renamed(
      'kohya.safetensors',
      (key) => `${kohyaPath(key)}.lora_${key.includes('.down.') ? 'down' : 'up'}.weight`,
      alphas,
    );
    const [expected] = await generate({ adapters: [{ file: adapter, scale: 1 }] });
    for (const file of [peft, kohya]) {
      const [image] = await generate({ adapters: [{ file, scale: 1 }] });
      expect(image!.pixels).toEqual(expected!.pixels);
    }
  });

  it('keys that match nothing are listed', async () => {
    const { tensors } = await readSafeTensors(adapter);
    const file = join(temporaryFolder(), 'other.safetensors');
    const entries = [...tensors].map(([key, tensor]) => [key.replace('attn1', 'attn7'), tensor] as const);
    await writeFile(file, encodeSafeTensors(new Map(entries)));
    await expect(generate({ adapters: [{ file, scale: 1 }] })).rejects.toThrow(/keys match no weight: unet\..*attn7/);
  });

  it('images of one batch are those of single runs', async () => {
    const [a] = await generate({}, {}, ['a red circle'], [1]);
    const [b] = await generate({}, {}, ['two blue stars at night'], [2]);
    const [x, y] = await generate({}, {}, ['a red circle', 'two blue stars at night'], [1, 2]);
    expect(largestDifference(x!.latents, a!.latents)).toBeLessThan(1e-4);
    expect(largestDifference(y!.latents, b!.latents)).toBeLessThan(1e-4);
  });

  it('stops at the next denoising step when told to', async () => {
    const pipeline = await Pipeline.load({ folder: starter.pipeline, adapters: [] }, { kind: 'cpu' });
    let steps = 0;
    const stopping = pipeline.generate([prompt], [1], settings, {
      shouldStop: () => steps === 2,
      onStep: () => (steps += 1),
    });
    await expect(stopping).rejects.toBeInstanceOf(Stopped);
    expect(steps).toBe(2);
    await pipeline.release();
  });

  it.each([
    [{ width: 60 }, 'The width is 60; it must be a multiple of 8.'],
    [{ steps: 0 }, 'The number of steps is 0'],
    [{ sampler: 'magic' }, 'There is no sampler "magic"'],
  ])('%j is refused in a sentence', async (change, message) => {
    await expect(generate({}, change)).rejects.toThrow(message);
  });
});
