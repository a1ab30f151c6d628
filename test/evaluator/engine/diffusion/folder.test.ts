/** @file What a pipeline's folder says of itself: honoured, or refused in a sentence that names the field. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadClipTokenizer } from '../../../../evaluator/engine/diffusion/clip-tokenizer.ts';
import { readPipelineFolder } from '../../../../evaluator/engine/diffusion/folder.ts';
import { guidanceEmbedding, Pipeline } from '../../../../evaluator/engine/diffusion/pipeline.ts';
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
    [
      'sd',
      'model_index.json',
      { _class_name: 'StableDiffusion3Pipeline' },
      'is a StableDiffusion3Pipeline, which visavis cannot render',
    ],
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
