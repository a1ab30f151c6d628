/**
 * @file Pipelines with transformers (SD 3, FLUX.1, PixArt-Σ) against diffusers' own results: noise levels, T5's tokens, whole images,
 * adapters in every program's names. Slow: it runs whole pipelines.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  adapterStyles,
  convertAdapter,
  inspectAdapter,
} from '../../../../evaluator/engine/diffusion/adapter-styles.ts';
import { readAdapter } from '../../../../evaluator/engine/diffusion/lora.ts';
import { encodeSafeTensors, readSafeTensors, type SafeTensor } from '../../../../evaluator/engine/onnx/safetensors.ts';
import { flux, packed, unpacked } from '../../../../evaluator/engine/diffusion/denoisers/flux.ts';
import { readPipelineFolder, samplerFor } from '../../../../evaluator/engine/diffusion/folder.ts';
import { Pipeline, type GenerationSettings } from '../../../../evaluator/engine/diffusion/pipeline.ts';
import { cutFrom } from '../../../../evaluator/engine/diffusion/prompt-encoding.ts';
import { chooseSampler } from '../../../../evaluator/engine/diffusion/samplers/choose.ts';
import { parseSchedulerConfig } from '../../../../evaluator/engine/diffusion/schedule.ts';
import { loadT5Tokenizer } from '../../../../evaluator/engine/diffusion/t5-tokenizer.ts';
import { defaultSettings } from '../../../../evaluator/models/add.ts';
import { renderImage } from '../../../../evaluator/renders/generate.ts';
import { runTraining } from '../../../../evaluator/preference/run-training.ts';
import type { ElementType } from '../../../../evaluator/engine/onnx/session.ts';
import { largestDifference } from '../../../support/differences.ts';
import { flowParts, flowPipeline, type FlowPipeline } from '../../../support/flow-pipelines.ts';
import { golden, temporaryFolder } from '../../../support/folders.ts';

const json = <T>(...path: string[]) => JSON.parse(readFileSync(join(flowParts, ...path), 'utf8')) as T;

interface Schedule {
  config: Record<string, unknown>;
  steps: number;
  kind: 'sd3' | 'flux';
  tokens: number | null;
  timesteps: number[];
  result: number[];
}

describe('flow-euler', () => {
  const { cases } = json<{ cases: Schedule[] }>('schedules.json');

  it('there are cases of every field', () => {
    expect(cases).toHaveLength(68);
  });

  it.each(cases.map((one, index) => ({ index, ...one })))(
    'case $index: $steps steps of $kind are diffusers’',
    ({ config, steps, kind, tokens, timesteps, result }) => {
      const sampler = chooseSampler('flow-euler', parseSchedulerConfig(config, 'c'), steps, {
        tokens: tokens ?? 0,
        lowest: kind === 'flux' ? 'one step' : 'trained',
      });
      expect(sampler.timesteps).toHaveLength(timesteps.length);
      timesteps.forEach((t, i) => expect(Math.abs(sampler.timesteps[i]! - t)).toBeLessThan(2e-4));
      const x = Float32Array.from({ length: 6 }, (_, i) => 1.1 * Math.sin(2.1 * i + 0.4));
      sampler.timesteps.forEach((t, index) => {
        const velocity = x.map((value) => Math.tanh(0.7 * value) * 0.8 + 0.15 * Math.sin(t / 40));
        sampler.step(index, velocity, x, () => new Float32Array(6));
      });
      result.forEach((value, i) => expect(Math.abs(x[i]! - value)).toBeLessThan(2e-6));
    },
  );

  it('and the samplers of noise do not take one another’s models', () => {
    const flow = parseSchedulerConfig({ _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 }, 'c');
    const image = { tokens: 256, lowest: 'trained' } as const;
    expect(() => chooseSampler('euler', flow, 4, image)).toThrow(
      'does not fit a model of flow matching; flow-euler does',
    );
    expect(() => chooseSampler('euler', flow, 4)).toThrow('the sampler euler does not fit it');
    const noise = parseSchedulerConfig({ _class_name: 'EulerDiscreteScheduler' }, 'c');
    expect(() => chooseSampler('flow-euler', noise, 4)).toThrow('is for models of flow matching');
    expect(() => chooseSampler('flow-euler', noise, 4, image)).toThrow('the sampler flow-euler does not fit it');
    expect(() => chooseSampler('flow-euler-trailing', flow, 4, image)).toThrow('has timesteps of its own');
  });

  it.each([
    [{ invert_sigmas: true }, 'invert_sigmas = true'],
    [{ stochastic_sampling: true }, 'stochastic_sampling = true'],
    [{ use_flow_sigmas: true }, 'use_flow_sigmas = true'],
    [{ time_shift_type: 'cubic' }, 'time_shift_type = "cubic"'],
    [{ new_field: 3 }, 'has the field new_field = 3, which visavis does not know'],
  ])('%j is refused', (field, message) => {
    const config = parseSchedulerConfig({ _class_name: 'FlowMatchEulerDiscreteScheduler', ...field }, 'c');
    expect(() => chooseSampler('flow-euler', config, 4, { tokens: 1, lowest: 'trained' })).toThrow(message);
  });
});

describe('T5’s tokenizer', () => {
  it.each(Object.entries(json<Record<string, number[]>>('t5-tokens.json')))(
    '%j is transformers’ ids',
    async (text, ids) => {
      const tokenizer = await loadT5Tokenizer(join(flowParts, 't5-tokenizer'));
      expect(tokenizer.encode(text, 64).ids).toEqual(ids);
    },
  );

  it('says what it cuts, and refuses other tokenizers', async () => {
    const { lost } = await cutFrom(flowPipeline('flux-dev'), ['a cat', `${'a '.repeat(600)}brick wall`]);
    expect(lost[0]).toBe('');
    expect(lost[1]).toMatch(/^a a .*brick wall$/);
    const clip = join(golden, 'sd-tiny', 'tokenizer');
    await expect(loadT5Tokenizer(clip)).rejects.toThrow('tokenizer_class = "CLIPTokenizer"');
    const folder = flowPipeline('sd3', { 'tokenizer_3/tokenizer.json': { model: { type: 'BPE', vocab: {} } } });
    await expect(loadT5Tokenizer(join(folder, 'tokenizer_3'))).rejects.toThrow('is a BPE tokenizer');
    writeFileSync(join(folder, 'tokenizer_3', 'tokenizer.json'), '{}');
    await expect(loadT5Tokenizer(join(folder, 'tokenizer_3'))).rejects.toThrow('is a nameless tokenizer');
    writeFileSync(join(folder, 'tokenizer_3', 'tokenizer.json'), '{"model":{"type":"Unigram"}}');
    await expect(loadT5Tokenizer(join(folder, 'tokenizer_3'))).rejects.toThrow('is no complete tokenizer');
    rmSync(join(folder, 'tokenizer_3', 'tokenizer.json'));
    await expect(loadT5Tokenizer(join(folder, 'tokenizer_3'))).rejects.toThrow('has no tokenizer.json');
  });
});

interface Case {
  file: string;
  pipeline: FlowPipeline;
  scheduler: object;
  prompt: string;
  negativePrompt: string | null;
  seed: number;
  steps: number;
  guidanceScale: number;
  height: number;
  width: number;
  latentStd: number;
  adapters?: string[];
  scale?: number;
  sampler?: string;
}

const hooks = { shouldStop: () => false, onStep: () => undefined };
async function isDiffusers(folder: string, one: Case, adapters: { file: string; scale: number }[]): Promise<void> {
  const pipeline = await Pipeline.load({ folder, adapters }, { kind: 'cpu' });
  const settings: GenerationSettings = {
    sampler: one.sampler ?? 'flow-euler',
    steps: one.steps,
    guidance: one.guidanceScale,
    negativePrompt: one.negativePrompt,
    width: one.width,
    height: one.height,
  };
  const [image] = await pipeline.generate([one.prompt], [one.seed], settings, hooks);
  await pipeline.release();
  const bytes = readFileSync(join(flowParts, 'golden', `${one.file}.latents.f32`));
  const latents = new Float32Array(new Uint8Array(bytes).buffer);
  expect(largestDifference(image!.latents, latents) / one.latentStd).toBeLessThan(1e-4);
  const pixels = readFileSync(join(flowParts, 'golden', `${one.file}.rgb.u8`));
  expect(largestDifference(image!.pixels, pixels)).toBeLessThanOrEqual(1);
}

describe('whole pipelines', () => {
  const plain = [...json<Case[]>('golden', 'cases.json'), ...json<Case[]>('golden', 'pixart_cases.json')];
  it.each(plain.filter(({ adapters }) => adapters === undefined))('$file is diffusers’ image', async (one) => {
    await isDiffusers(flowPipeline(one.pipeline, { 'scheduler/scheduler_config.json': one.scheduler }), one, []);
  });

  it.each(
    [...json<Case[]>('golden', 'lora_cases.json'), ...plain].flatMap((one) =>
      (one.adapters ?? []).map((name) => ({ ...one, name })),
    ),
  )('$name on $pipeline is diffusers’ image', async (one) => {
    const adapter = { file: join(flowParts, 'golden', one.name), scale: one.scale! };
    await isDiffusers(flowPipeline(one.pipeline), one, [adapter]);
  });

  it('FLUX.1’s packing is undone by its unpacking, and puts two by two latents together', () => {
    const shape = [1, 2, 2, 4] as const;
    const latents = Float32Array.from({ length: 16 }, (_, i) => i);
    // Token 0: channel 0's corner (0, 1, 4, 5), channel 1's (8, 9, 12, 13).
    expect([...packed(latents, shape)]).toEqual([0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15]);
    expect(unpacked(packed(latents, shape), shape)).toEqual(latents);
  });

  it('two prompts in one batch give the images of one each', async () => {
    for (const name of ['sd3', 'flux-dev'] as const) {
      const pipeline = await Pipeline.load({ folder: flowPipeline(name), adapters: [] }, { kind: 'cpu' });
      const settings = { sampler: 'flow-euler', steps: 2, guidance: 3, negativePrompt: null, width: 32, height: 32 };
      const both = await pipeline.generate(['a red circle', 'two dogs'], [5, 6], settings, hooks);
      const [second] = await pipeline.generate(['two dogs'], [6], settings, hooks);
      await pipeline.release();
      expect(largestDifference(both[1]!.latents, second!.latents), name).toBeLessThan(1e-4);
    }
  });
});

describe('adapters of transformers', () => {
  const path = (name: string) => join(flowParts, 'golden', name);
  const read = async (name: string) => {
    const { modules } = await readAdapter(path(name));
    return new Map([...modules.transformer].sort(([a], [b]) => (a < b ? -1 : 1)));
  };

  it('have the same layers and numbers in every program’s names', async () => {
    const own = await read('flux_diffusers.safetensors');
    // 14 of the double block, 6 of each single one, 6 around them.
    expect(own.size).toBe(32);
    for (const other of ['flux_peft.safetensors', 'flux_comfy.safetensors', 'flux_kohya_alpha1.5.safetensors']) {
      const there = await read(other);
      expect([...there.keys()], other).toEqual([...own.keys()]);
      for (const [name, { parts, scaling }] of there) {
        expect(parts.down!.data, name).toEqual(own.get(name)!.parts.down!.data);
        expect(parts.up!.data, name).toEqual(own.get(name)!.parts.up!.data);
        expect(scaling).toBe(other.includes('alpha1.5') ? 0.5 : 1);
      }
    }
  });

  it('are known by their layers, and go to other programs and back', async () => {
    expect(await inspectAdapter(path('flux_kohya_alpha1.5.safetensors'))).toMatchObject({
      base: 'FLUX.1',
      rank: { low: 3, high: 3 },
      strength: { low: 0.5, high: 0.5 },
      layers: { transformer: 32 },
    });
    expect(await inspectAdapter(path('sd3_kohya.safetensors'))).toMatchObject({ base: 'Stable Diffusion 3 or FLUX.1' });
    const folder = temporaryFolder();
    for (const source of ['flux_diffusers.safetensors', 'sd3_diffusers.safetensors'])
      for (const style of adapterStyles) {
        const [there, back] = [join(folder, `${style}-${source}`), join(folder, `back-${style}-${source}`)];
        await convertAdapter(path(source), there, style);
        await convertAdapter(there, back, 'diffusers');
        expect((await readSafeTensors(back)).tensors, style).toEqual((await readSafeTensors(path(source))).tensors);
      }
    const { tensors } = await readSafeTensors(join(folder, 'kohya-flux_diffusers.safetensors'));
    expect([...tensors.keys()]).toContain('lora_transformer_single_transformer_blocks_0_attn_to_q.lora_down.weight');
  });

  it.each<[string, Record<string, SafeTensor>, string]>([
    [
      'rows that are not its layers’',
      {
        'lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight': { shape: [1, 2], data: Float32Array.of(1, 2) },
        'lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight': { shape: [4, 1], data: new Float32Array(4) },
      },
      'makes 4 numbers, which are not those of its layers together',
    ],
    [
      'LoHa of q, k and v in one',
      Object.fromEntries(
        ['hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b'].map((part) => [
          `lora_unet_single_blocks_0_linear1.${part}`,
          { shape: [1, 1], data: Float32Array.of(1) },
        ]),
      ),
      'is LoHa of several layers in one',
    ],
    [
      'q, k and v in one and q again',
      {
        'lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight': { shape: [1, 2], data: Float32Array.of(1, 2) },
        'lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight': { shape: [6, 1], data: new Float32Array(6) },
        'transformer.transformer_blocks.0.attn.to_q.lora_A.weight': { shape: [1, 2], data: Float32Array.of(1, 2) },
        'transformer.transformer_blocks.0.attn.to_q.lora_B.weight': { shape: [2, 1], data: Float32Array.of(1, 2) },
      },
      'is there twice, under another name',
    ],
    [
      'LoHa of a layer with turned halves',
      Object.fromEntries(
        ['hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b'].map((part) => [
          `lora_unet_final_layer_adaLN_modulation_1.${part}`,
          part.endsWith('_a')
            ? { shape: [4, 1], data: new Float32Array(4) }
            : { shape: [1, 2], data: new Float32Array(2) },
        ]),
      ),
      'whose halves diffusers has the other way round',
    ],
  ])('%s are refused', async (_, tensors, message) => {
    const file = join(temporaryFolder(), 'adapter.safetensors');
    writeFileSync(file, encodeSafeTensors(new Map(Object.entries(tensors))));
    await expect(readAdapter(file)).rejects.toThrow(message);
  });
});

describe('names of adapters', () => {
  const one = { shape: [1, 2], data: Float32Array.of(1, 2) };
  const two = { shape: [2, 1], data: Float32Array.of(3, 4) };
  const pair = (name: string) => ({ [`${name}.lora_A.weight`]: one, [`${name}.lora_B.weight`]: two });
  const kohya = (name: string) => ({ [`${name}.lora_down.weight`]: one, [`${name}.lora_up.weight`]: two });
  const read = async (tensors: Record<string, SafeTensor>, metadata?: Record<string, string>) => {
    const file = join(temporaryFolder(), 'adapter.safetensors');
    writeFileSync(file, encodeSafeTensors(new Map(Object.entries(tensors)), metadata));
    const { modules } = await readAdapter(file);
    return Object.entries(modules).flatMap(([network, layers]) =>
      [...layers].map(([path, { scaling }]) => [network, path, scaling]),
    );
  };

  it.each<[string, Record<string, SafeTensor>, string, string]>([
    ['PEFT’s of the outermost layer', pair('base_model.model.proj_out'), 'transformer', 'proj_out'],
    ['PEFT’s of the last norm', pair('base_model.model.norm_out.linear'), 'transformer', 'norm_out_linear'],
    ['PEFT’s of PixArt', pair('base_model.model.adaln_single.linear'), 'transformer', 'adaln_single_linear'],
    [
      'PEFT’s of the original',
      pair('base_model.model.double_blocks.0.img_mlp.0'),
      'transformer',
      'transformer_blocks_0_ff_net_0_proj',
    ],
    ['LyCORIS’s', kohya('lycoris_transformer_blocks_0_attn_to_q'), 'transformer', 'transformer_blocks_0_attn_to_q'],
    [
      'kohya’s with diffusers’ layers',
      kohya('lora_unet_single_transformer_blocks_3_proj_mlp'),
      'transformer',
      'single_transformer_blocks_3_proj_mlp',
    ],
    [
      'ComfyUI’s of a text encoder',
      pair('text_encoders.clip_l.transformer.text_model.encoder.layers.0.mlp.fc1'),
      'text_encoder',
      'text_model_encoder_layers_0_mlp_fc1',
    ],
    [
      'kohya’s of T5',
      kohya('lora_te3_encoder_block_0_layer_0_SelfAttention_q'),
      'text_encoder_3',
      'encoder_block_0_layer_0_SelfAttention_q',
    ],
    [
      'a U-Net’s as before',
      pair('base_model.model.mid_block.attentions.0.proj_out'),
      'unet',
      'mid_block_attentions_0_proj_out',
    ],
  ])('%s are found', async (_, tensors, network, path) => {
    expect(await read(tensors)).toEqual([[network, path, 1]]);
  });

  it('patterns of a configuration mean the names that the file has', async () => {
    const metadata = {
      lora_adapter_metadata: JSON.stringify({
        'transformer.r': 1,
        'transformer.lora_alpha': 1,
        'transformer.alpha_pattern': { 'img_attn.proj': 3 },
      }),
    };
    const layers = {
      ...pair('diffusion_model.double_blocks.0.img_attn.proj'),
      ...pair('diffusion_model.double_blocks.0.img_mlp.2'),
    };
    expect(await read(layers, metadata)).toEqual([
      ['transformer', 'transformer_blocks_0_attn_to_out_0', 3],
      ['transformer', 'transformer_blocks_0_ff_net_2', 1],
    ]);
  });

  it('a layer of the original that is not known is no adapter of a U-Net', async () => {
    await expect(read(kohya('lora_unet_final_layer_norm'))).rejects.toThrow('2 keys are of no adapter style');
  });

  it('FLUX.1’s T5 is trainers’ third text encoder', async () => {
    const layer = 'encoder_block_0_layer_0_SelfAttention_q';
    const file = join(temporaryFolder(), 't5.safetensors');
    const values = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i));
    const tensors = {
      [`lora_te3_${layer}.lora_down.weight`]: { shape: [1, 48], data: values(48) },
      [`lora_te3_${layer}.lora_up.weight`]: { shape: [48, 1], data: values(48) },
    };
    writeFileSync(file, encodeSafeTensors(new Map(Object.entries(tensors))));
    const settings = { sampler: 'flow-euler', steps: 1, guidance: 3, negativePrompt: null, width: 32, height: 32 };
    const latentsWith = async (name: FlowPipeline, scale: number) => {
      const pipeline = await Pipeline.load(
        { folder: flowPipeline(name), adapters: [{ file, scale }] },
        { kind: 'cpu' },
      );
      const [image] = await pipeline.generate(['two dogs'], [1], settings, hooks);
      await pipeline.release();
      return image!.latents;
    };
    for (const name of ['flux-dev', 'sd3'] as const)
      expect(largestDifference(await latentsWith(name, 1), await latentsWith(name, 0)), name).toBeGreaterThan(1e-4);
  });
});

describe('a folder of flow matching', () => {
  it('has its pipeline’s defaults', async () => {
    const of = async (name: FlowPipeline) => defaultSettings(await readPipelineFolder(flowPipeline(name)), {});
    // Two pixels a latent, 16 latents in SD 3's config, 128 in FLUX's pipeline.
    expect(await of('sd3')).toMatchObject({ sampler: 'flow-euler', steps: 28, guidance: 7, width: 32, height: 32 });
    expect(await of('flux-dev')).toMatchObject({ steps: 28, guidance: 3.5, width: 256 });
    expect(await of('pixart')).toMatchObject({ sampler: 'dpmpp-2m', steps: 20, guidance: 4.5, width: 32 });
    expect(await of('flux-schnell')).toMatchObject({ steps: 4, guidance: 0, width: 256 });
  });

  it('refuses settings that would change nothing', async () => {
    const dev = await readPipelineFolder(flowPipeline('flux-dev'));
    expect(() => defaultSettings(dev, { negativePrompt: 'blurry' })).toThrow('with no negative prompt; "blurry"');
    const schnell = await readPipelineFolder(flowPipeline('flux-schnell'));
    expect(() => defaultSettings(schnell, { guidance: 3.5 })).toThrow('takes no guidance scale; 3.5');
    const sd3 = await readPipelineFolder(flowPipeline('sd3'));
    expect(() => defaultSettings(sd3, { guidance: 1, negativePrompt: 'blurry' })).toThrow(
      'nothing reads the negative prompt',
    );
  });

  it('sizes are multiples of a token, within the positions that the transformer has', async () => {
    const folder = await readPipelineFolder(flowPipeline('sd3'));
    const at = (width: number) => () => samplerFor(folder, { sampler: 'flow-euler', steps: 4, width, height: 32 });
    expect(at(30)).toThrow('must be a multiple of 4');
    expect(at(100)).toThrow('has positions for 96 pixels a side');
    expect(at(96)).not.toThrow();
  });

  it('what older folders say of the same networks is taken', async () => {
    const pixart = flowPipeline('pixart', { 'transformer/config.json': { _class_name: 'Transformer2DModel' } });
    expect((await readPipelineFolder(pixart)).kind).toBe('pixart');
    const flux = flowPipeline('flux-dev', { 'transformer/config.json': { out_channels: 64 } });
    expect((await readPipelineFolder(flux)).guidance).toBe('input');
  });

  it('PixArt’s exports have the positions of one size', async () => {
    const folder = await readPipelineFolder(flowPipeline('pixart'));
    const at = (width: number, height: number) => () =>
      samplerFor(folder, { sampler: 'ddim', steps: 4, width, height });
    expect(at(64, 16)).toThrow('has positions for 32 × 32 pixels alone');
    expect(at(32, 32)).not.toThrow();
  });

  it('a config that is not its network’s is refused', async () => {
    const load = (name: FlowPipeline, guidance_embeds: boolean) =>
      Pipeline.load(
        { folder: flowPipeline(name, { 'transformer/config.json': { guidance_embeds } }), adapters: [] },
        { kind: 'cpu' },
      );
    await expect(load('flux-dev', false)).rejects.toThrow(
      'takes a guidance scale, its config says guidance_embeds = false',
    );
    await expect(load('flux-schnell', true)).rejects.toThrow('does not take a guidance scale');
  });

  it('exports of before diffusers 0.31 have the tokens’ places for each image', async () => {
    const folder = await readPipelineFolder(flowPipeline('flux-schnell'));
    const port = (name: string, shape: (string | number)[], type: ElementType = 'float32') => ({ name, shape, type });
    const session = {
      inputs: [
        ...['hidden_states', 'encoder_hidden_states'].map((name) => port(name, ['b', 's', 'w'])),
        port('pooled_projections', ['b', 'w']),
        ...['txt_ids', 'img_ids'].map((name) => port(name, ['b', 's', 3], 'int64')),
      ],
      outputs: [port('out', ['b', 's', 'w'])],
      run: () => Promise.reject(new Error('not run')),
      release: () => Promise.resolve(),
    };
    const prompt = { states: new Float32Array(4), tokens: 2, width: 2, pooled: new Float32Array(3) };
    const settings = { sampler: 'flow-euler', steps: 1, guidance: 0, negativePrompt: null, width: 16, height: 8 };
    const condition = flux(session, folder).condition([prompt, prompt], settings, [2, 16, 4, 8]);
    expect(condition['txt_ids']!.dims).toEqual([2, 2, 3]);
    expect(condition['img_ids']!.dims).toEqual([2, 8, 3]);
    const places = [0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 1, 0, 0, 1, 1, 0, 1, 2, 0, 1, 3].map(BigInt);
    expect([...(condition['img_ids']!.data as BigInt64Array)]).toEqual([...places, ...places]);
  });

  it.each<[FlowPipeline, string, object, string]>([
    [
      'sd3',
      'transformer/config.json',
      { _class_name: 'SanaTransformer2DModel' },
      '_class_name = "SanaTransformer2DModel"',
    ],
    ['flux-dev', 'transformer/config.json', { out_channels: 128 }, 'takes 64 channels a token and makes 128'],
    ['flux-dev', 'model_index.json', { text_encoder: [null, null] }, 'says that the pipeline has no text_encoder'],
    ['pixart', 'transformer/config.json', { norm_type: 'ada_norm_zero' }, 'norm_type = "ada_norm_zero"'],
    ['flux-dev', 'transformer/config.json', { in_channels: 384 }, 'takes 96 channels, the VAE makes 16'],
    ['sd3', 'text_encoder_3/config.json', { model_type: 'gemma2' }, 'model_type = "gemma2"'],
    ['flux-dev', 'model_index.json', { _class_name: 'FluxFillPipeline' }, 'is a FluxFillPipeline'],
    ['pixart', 'transformer/config.json', { use_additional_conditions: true }, 'use_additional_conditions = true'],
    ['pixart', 'model_index.json', { _class_name: 'PixArtAlphaPipeline' }, 'is a PixArtAlphaPipeline'],
    ['pixart', 'vae_decoder/config.json', { shift_factor: 0.1 }, 'shift_factor = 0.1'],
    ['sd3', 'model_index.json', { _class_name: 'StableDiffusion3Img2ImgPipeline' }, 'visavis renders import'],
  ])('%s, %s with %j is refused', async (name, file, fields, message) => {
    await expect(readPipelineFolder(flowPipeline(name, { [file]: fields }))).rejects.toThrow(message);
  });

  it('an adapter of another family is refused by its network', async () => {
    const flux = join(flowParts, 'golden', 'flux_diffusers.safetensors');
    const load = (folder: string, file: string) =>
      Pipeline.load({ folder, adapters: [{ file, scale: 1 }] }, { kind: 'cpu' });
    await expect(load(join(golden, 'sd-tiny'), flux)).rejects.toThrow('changes the transformer, which');
    const unet = join(golden, 'sd-tiny', 'golden', 'lora_diffusers.safetensors');
    await expect(load(flowPipeline('flux-dev'), unet)).rejects.toThrow('changes the U-Net, which');
    await expect(load(flowPipeline('sd3'), flux)).rejects.toThrow('is it an adapter of another model?');
  });

  it('long prompts and training are refused', async () => {
    const folder = flowPipeline('flux-dev');
    const pipeline = await Pipeline.load({ folder, adapters: [] }, { kind: 'cpu' });
    const settings = defaultSettings(pipeline.folder, { steps: 1, width: 32, height: 32 });
    await expect(pipeline.generate(['a'], [1], settings, hooks, { longPrompts: true })).rejects.toThrow(
      'is FLUX.1; --long-prompts is for Stable Diffusion 1 to XL',
    );
    await expect(renderImage({ pipeline: folder, prompt: 'a', seed: 1, longPrompts: true })).rejects.toThrow(
      '--long-prompts is for',
    );
    await pipeline.release();
    const request = { pipeline: folder, preferences: 'none', out: temporaryFolder() } as Parameters<
      typeof runTraining
    >[0];
    await expect(runTraining(request)).rejects.toThrow('is FLUX.1, a transformer; visavis trains U-Nets');
  });
});
