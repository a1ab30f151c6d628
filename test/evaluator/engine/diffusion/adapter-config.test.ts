/** @file An adapter's strength and reach where they stand outside its weights: PEFT's file beside, diffusers' header. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAdapter } from '../../../../evaluator/engine/diffusion/lora.ts';
import { encodeSafeTensors, type SafeTensor } from '../../../../evaluator/engine/onnx/safetensors.ts';
import { temporaryFolder } from '../../../support/folders.ts';

type Ranks = Record<string, number>;
const tensorsOf = (ranks: Ranks, prefix: string) =>
  new Map<string, SafeTensor>(
    Object.entries(ranks).flatMap(([path, rank]) => [
      [`${prefix}${path}.lora_A.weight`, { shape: [rank, 3], data: new Float32Array(rank * 3) }] as [
        string,
        SafeTensor,
      ],
      [`${prefix}${path}.lora_B.weight`, { shape: [2, rank], data: new Float32Array(2 * rank) }] as [
        string,
        SafeTensor,
      ],
    ]),
  );

function peftFolder(config: object | string, ranks: Ranks, prefix = 'base_model.model.'): string {
  const folder = join(temporaryFolder(), 'adapter');
  mkdirSync(folder);
  writeFileSync(join(folder, 'adapter_model.safetensors'), encodeSafeTensors(tensorsOf(ranks, prefix)));
  const text = typeof config === 'string' ? config : JSON.stringify({ peft_type: 'LORA', ...config });
  writeFileSync(join(folder, 'adapter_config.json'), text);
  return folder;
}
const scalings = async (path: string) =>
  Object.fromEntries([...(await readAdapter(path)).modules.unet].map(([name, { scaling }]) => [name, scaling]));

const four = { 'attn1.to_q': 4, 'attn1.to_k': 4, 'attn2.to_q': 4, 'attn2.to_k': 4 };
const named = (values: number[]) =>
  Object.fromEntries(Object.keys(four).map((path, i) => [path.replace('.', '_'), values[i]]));

describe('adapter_config.json', () => {
  // What PEFT 0.21.0 keeps as each layer's scaling for these settings.
  it.each<[object, Ranks, number[]]>([
    [{ r: 4, lora_alpha: 16 }, four, [4, 4, 4, 4]],
    [{ r: 4, lora_alpha: 16, use_rslora: true }, four, [8, 8, 8, 8]],
    [{ r: 4, lora_alpha: 16, alpha_pattern: { 'attn1.to_q': 2 } }, four, [0.5, 4, 4, 4]],
    [
      { r: 4, lora_alpha: 16, alpha_pattern: { to_q: 2 }, rank_pattern: { 'attn2.to_k': 2 } },
      { ...four, 'attn2.to_k': 2 },
      [0.5, 4, 0.5, 8],
    ],
    [{ r: 4, lora_alpha: 8, alpha_pattern: { '.*attn2.*': 1 }, use_rslora: true }, four, [4, 4, 0.5, 0.5]],
  ])('%j', async (config, ranks, expected) => {
    const folder = peftFolder(config, ranks);
    expect(await scalings(folder)).toEqual(named(expected));
    // The file alone says the same, because the configuration lies beside it.
    expect(await scalings(join(folder, 'adapter_model.safetensors'))).toEqual(named(expected));
  });

  it.each([
    [{ r: 4, lora_alpha: 4, use_dora: true }, 'has use_dora = true, but "'],
    [{ r: 4, lora_alpha: 4, bias: 'all' }, 'bias = "all"'],
    [{ r: 4, lora_alpha: 4, modules_to_save: ['conv_in'] }, 'modules_to_save = ["conv_in"]'],
    [{ r: 4, lora_alpha: 4, init_lora_weights: 'pissa_niter_16' }, 'init_lora_weights = "pissa_niter_16"'],
    [{ r: 4, lora_alpha: 4, layer_replication: [[0, 4]] }, 'layer_replication'],
    [{ r: 4, peft_type: 'LOHA' }, 'does not say alpha'],
    [{ r: 4, lora_alpha: 4, init_lora_weights: 'lora_ga' }, 'init_lora_weights = "lora_ga"'],
    [{ r: 4, lora_alpha: 4, kasa_config: { beta: 1 } }, 'has kasa_config = {"beta":1}, which visavis does not know'],
    [{ r: 4, lora_alpha: 4, target_parameters: ['w'] }, 'target_parameters'],
    [{ r: 4, peft_type: 'OFT' }, 'peft_type = "OFT"'],
    [{ r: 4 }, 'does not say lora_alpha'],
    ['no json', 'is not valid JSON'],
  ])('%j is refused by name', async (config, message) => {
    await expect(readAdapter(peftFolder(config, four))).rejects.toThrow(message);
  });

  it('what changes no picture is passed over; the text encoder is known by its path', async () => {
    const config = { r: 4, lora_alpha: 8, lora_dropout: 0.1, inference_mode: true, init_lora_weights: 'gaussian' };
    const folder = peftFolder(config, { 'text_model.encoder.layers.0.self_attn.q_proj': 4 });
    const { modules } = await readAdapter(folder);
    expect([...modules.text_encoder.values()].map(({ scaling }) => scaling)).toEqual([2]);
    expect(modules.unet.size).toBe(0);
  });

  it('a folder without weights says what it lacks', async () => {
    await expect(readAdapter(temporaryFolder())).rejects.toThrow('holds no adapter_model.safetensors');
  });
});

describe('diffusers’ lora_adapter_metadata', () => {
  const file = (metadata: object) => {
    const path = join(temporaryFolder(), 'pytorch_lora_weights.safetensors');
    const tensors = new Map([...tensorsOf(four, 'unet.'), ...tensorsOf({ 'text_model.q': 4 }, 'text_encoder.')]);
    writeFileSync(path, encodeSafeTensors(tensors, { lora_adapter_metadata: JSON.stringify(metadata) }));
    return path;
  };

  it('each network has its own strength', async () => {
    const { modules } = await readAdapter(
      file({ 'unet.r': 4, 'unet.lora_alpha': 16, 'text_encoder.r': 4, 'text_encoder.lora_alpha': 2 }),
    );
    expect([...modules.unet.values()].map(({ scaling }) => scaling)).toEqual([4, 4, 4, 4]);
    expect([...modules.text_encoder.values()].map(({ scaling }) => scaling)).toEqual([0.5]);
  });

  it('what cannot be done is refused', async () => {
    await expect(readAdapter(file({ 'unet.lora_alpha': 16, 'unet.use_dora': true }))).rejects.toThrow(
      'use_dora = true',
    );
  });
});
