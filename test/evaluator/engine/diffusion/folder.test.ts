/** @file What a pipeline's folder says of itself: honoured, or refused in a sentence that names the field. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadClipTokenizer } from '../../../../evaluator/engine/diffusion/clip-tokenizer.ts';
import { readPipelineFolder } from '../../../../evaluator/engine/diffusion/folder.ts';
import { cutFrom } from '../../../../evaluator/engine/diffusion/prompt-encoding.ts';
import { guidanceEmbedding } from '../../../../evaluator/engine/diffusion/denoisers/unet.ts';
import { Pipeline } from '../../../../evaluator/engine/diffusion/pipeline.ts';
import { golden, temporaryFolder } from '../../../support/folders.ts';

/** A copy of a tiny pipeline whose configs say something else. */
function changed(kind: 'sd' | 'sdxl', changes: Record<string, object>): string {
  const folder = join(temporaryFolder(), 'pipeline');
  cpSync(join(golden, `${kind}-tiny`), folder, { recursive: true, filter: (path) => !path.endsWith('/golden') });
  for (const [name, fields] of Object.entries(changes)) {
    const file = join(folder, name);
    const before = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...before, ...fields }));
  }
  return folder;
}

describe('a folder', () => {
  it.each<['sd' | 'sdxl', string, object, string]>([
    ['sd', 'vae_decoder/config.json', { shift_factor: 0.1159 }, 'has shift_factor = 0.1159, which visavis cannot do'],
    ['sd', 'vae_decoder/config.json', { _class_name: 'AutoencoderDC' }, '_class_name = "AutoencoderDC"'],
    ['sd', 'unet/config.json', { class_embed_type: 'timestep' }, 'class_embed_type = "timestep"'],
    ['sd', 'unet/config.json', { num_class_embeds: 1000 }, 'num_class_embeds = 1000'],
    ['sd', 'unet/config.json', { addition_embed_type: 'text' }, 'addition_embed_type = "text"'],
    ['sdxl', 'unet/config.json', { addition_embed_type: 'text_image' }, 'addition_embed_type = "text_image"'],
    ['sd', 'unet/config.json', { encoder_hid_dim_type: 'ip_image_proj' }, 'encoder_hid_dim_type = "ip_image_proj"'],
    ['sd', 'unet/config.json', { attention_type: 'gated' }, 'attention_type = "gated"'],
    ['sd', 'text_encoder/config.json', { use_attention_mask: true }, 'use_attention_mask = true'],
    ['sdxl', 'text_encoder_2/config.json', { model_type: 't5' }, 'model_type = "t5"'],
    ['sdxl', 'model_index.json', { requires_aesthetics_score: true }, 'requires_aesthetics_score = true'],
    ['sd', 'model_index.json', { _class_name: 'SanaPipeline' }, 'is a SanaPipeline, which visavis cannot render'],
    ['sdxl', 'model_index.json', { text_encoder: [null, null], tokenizer: [null, null] }, "it is SDXL's refiner"],
    ['sdxl', 'vae_decoder/config.json', { latents_mean: [0], latents_std: [1] }, 'must have 4 numbers each'],
  ])('%s, %s with %j is refused', async (kind, file, fields, message) => {
    await expect(readPipelineFolder(changed(kind, { [file]: fields }))).rejects.toThrow(message);
  });

  it.each([
    [{ padding_side: 'left' }, 'padding_side = "left"'],
    [{ truncation_side: 'left' }, 'truncation_side = "left"'],
    [{ split_special_tokens: true }, 'split_special_tokens = true'],
    [{ tokenizer_class: 'T5Tokenizer' }, 'tokenizer_class = "T5Tokenizer"'],
  ])('a tokenizer with %j is refused', async (fields, message) => {
    const folder = changed('sd', { 'tokenizer/tokenizer_config.json': fields });
    await expect(loadClipTokenizer(join(folder, 'tokenizer'))).rejects.toThrow(message);
  });

  it('what optimum and diffusers call their classes is known, and a size of two sides', async () => {
    const folder = changed('sd', {
      'model_index.json': { _class_name: 'ORTStableDiffusionPipeline' },
      'unet/config.json': { sample_size: [8, 24], encoder_hid_dim_type: null },
      'text_encoder/config.json': { model_type: 'clip' },
    });
    // Two pixels a latent.
    expect((await readPipelineFolder(folder)).defaults).toMatchObject({ height: 16, width: 48 });
  });

  it('a VAE’s statistics are multiplied in before the scale and added after it, for SDXL alone', async () => {
    const pixels = async (kind: 'sd' | 'sdxl', vae: object) => {
      const folder = changed(kind, { 'vae_decoder/config.json': vae });
      const pipeline = await Pipeline.load({ folder, adapters: [] }, { kind: 'cpu' });
      const settings = { sampler: 'euler', steps: 2, guidance: 1, negativePrompt: null, width: 32, height: 32 };
      const hooks = { shouldStop: () => false, onStep: () => undefined };
      const [image] = await pipeline.generate(['a red circle'], [1], settings, hooks);
      await pipeline.release();
      return image!.pixels;
    };
    const mean = [0.5, -0.25, 0.75, 0];
    const of = (std: number, scaling: number, means = mean) => ({
      latents_mean: means,
      latents_std: [std, std, std, std],
      scaling_factor: scaling,
    });
    // x·1/s + m = x·2/(2s) + m, and without a mean nothing else happens to x.
    const one = await pixels('sdxl', of(1, 0.125));
    expect(await pixels('sdxl', of(2, 0.25))).toEqual(one);
    const plain = await pixels('sdxl', { scaling_factor: 0.125 });
    expect(await pixels('sdxl', of(2, 0.25, [0, 0, 0, 0]))).toEqual(plain);
    expect(one).not.toEqual(plain);
    expect(await pixels('sd', of(2, 0.125))).toEqual(await pixels('sd', { scaling_factor: 0.125 }));
  });
});

describe('a prompt of more than 77 tokens', () => {
  const folder = join(golden, 'sd-tiny');
  // Words of one token each.
  const words = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 'a' : 'b'));
  const [first, rest] = [words.slice(0, 75).join(' '), words.slice(75).join(' ')];

  it('is cut, and what was lost is told; or read in chunks, each with its own start and end', async () => {
    const tokenizer = await loadClipTokenizer(join(folder, 'tokenizer'));
    const { ids, lost, used } = tokenizer.encodeCounted(words.join(' '));
    expect([ids, lost, used]).toEqual([tokenizer.encode(first), rest, 77]);
    expect(tokenizer.encodeCounted(first).lost).toBe('');
    expect(tokenizer.encodeInChunks(words.join(' '))).toEqual([tokenizer.encode(first), tokenizer.encode(rest)]);
    expect(tokenizer.encodeInChunks(first)).toEqual([tokenizer.encode(first)]);
    expect(tokenizer.encodeInChunks('')).toEqual([tokenizer.encode('')]);
    expect(await cutFrom(folder, [words.join(' '), first])).toEqual({ lost: [rest, ''], tokens: 77 });
  });

  it.each(['sd', 'sdxl'] as const)(
    '%s: a short one gives the same image either way, a long one another',
    async (kind) => {
      const pipeline = await Pipeline.load({ folder: join(golden, `${kind}-tiny`), adapters: [] }, { kind: 'cpu' });
      const settings = { sampler: 'euler', steps: 2, guidance: 5, negativePrompt: 'grey', width: 32, height: 32 };
      const hooks = { shouldStop: () => false, onStep: () => undefined };
      const draw = async (prompt: string, longPrompts: boolean) =>
        (await pipeline.generate([prompt], [1], settings, hooks, { longPrompts }))[0]!.latents;
      expect(await draw('a red circle', true)).toEqual(await draw('a red circle', false));
      const cut = await draw(words.join(' '), false);
      expect(cut).toEqual(await draw(first, false));
      const whole = await draw(words.join(' '), true);
      expect(whole).not.toEqual(cut);
      // The second chunk counts, and its order too.
      expect(whole).not.toEqual(await draw(`${first} ${words.slice(74, 99).join(' ')}`, true));
      await pipeline.release();
    },
  );
});

it('several images of one prompt: a generator each, or one for all', async () => {
  const pipeline = await Pipeline.load({ folder: join(golden, 'sd-tiny'), adapters: [] }, { kind: 'cpu' });
  const settings = { sampler: 'ddim', steps: 2, guidance: 1, negativePrompt: null, width: 32, height: 32 };
  const hooks = { shouldStop: () => false, onStep: () => undefined };
  const draw = async (seeds: number[], noise: 'list' | 'stream') =>
    (
      await pipeline.generate(
        seeds.map(() => 'a red circle'),
        seeds,
        settings,
        hooks,
        { noise },
      )
    ).map(({ latents }) => latents);
  const list = await draw([5, 6], 'list');
  const stream = await draw([5, 5], 'stream');
  const far = (a: Float32Array, b: Float32Array) => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
  // The first of both is seed 5's; the second of a stream is what its generator draws next, no seed's first.
  expect(far(list[0]!, (await draw([5], 'list'))[0]!)).toBeLessThan(1e-5);
  expect(far(stream[0]!, list[0]!)).toBeLessThan(1e-5);
  expect(far(list[1]!, (await draw([6], 'list'))[0]!)).toBeLessThan(1e-5);
  for (const other of [list[0]!, list[1]!, stream[0]!]) expect(far(stream[1]!, other)).toBeGreaterThan(0.1);
  await pipeline.release();
});

it('the guidance scale is embedded as diffusers does for distilled U-Nets', () => {
  // LatentConsistencyModelPipeline.get_guidance_scale_embedding of 7.5 and 0.25, diffusers 0.40, PyTorch 2.13.
  const expected = [
    [-0.8512358665466309, 0.5626711249351501, -0.4352330267429352, 0.6816387176513672],
    [-0.5247832536697388, -0.8266808390617371, -0.9003178477287292, 0.731688916683197],
  ].flat();
  [...guidanceEmbedding(7.5, 8)].forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
  const odd = [-0.9705280065536499, 0.024997392669320107, 0.24098829925060272, 0.9996874928474426, 0];
  [...guidanceEmbedding(0.25, 5)].forEach((value, i) => expect(value).toBeCloseTo(odd[i]!, 6));
});
