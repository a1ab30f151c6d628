/** @file An adapter in other programs' words: names as they write them, the way back to the byte, and what a style cannot say. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  convertAdapter,
  inspectAdapter,
  type AdapterStyle,
} from '../../../../evaluator/engine/diffusion/adapter-styles.ts';
import { withDots } from '../../../../evaluator/engine/diffusion/adapter-keys.ts';
import { readAdapter, type Adapter } from '../../../../evaluator/engine/diffusion/lora.ts';
import { encodeSafeTensors, readSafeTensors, type SafeTensor } from '../../../../evaluator/engine/onnx/safetensors.ts';
import { golden, temporaryFolder } from '../../../support/folders.ts';

let seed = 1;
const tensor = (shape: number[], dtype = 'F32'): SafeTensor => ({
  shape,
  // Halves and their multiples are exact in every type.
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => ((seed = (seed * 75) % 65537) % 64) / 8),
  ...(dtype === 'F32' ? {} : { dtype }),
});

function file(tensors: Record<string, SafeTensor>): string {
  const path = join(temporaryFolder(), 'adapter.safetensors');
  writeFileSync(path, encodeSafeTensors(new Map(Object.entries(tensors))));
  return path;
}
const layer = (key: string, rank: number, [rows, columns]: [number, number], alpha?: number, dtype?: string) => ({
  [`${key}.lora_down.weight`]: tensor([rank, columns], dtype),
  [`${key}.lora_up.weight`]: tensor([rows, rank], dtype),
  ...(alpha === undefined ? {} : { [`${key}.alpha`]: { shape: [], data: Float32Array.of(alpha) } }),
});

const q = 'lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q';
const k = 'lora_unet_up_blocks_2_attentions_1_transformer_blocks_0_attn2_to_k';
const te = 'lora_te1_text_model_encoder_layers_0_self_attn_q_proj';
const te2 = 'lora_te2_text_model_encoder_layers_3_mlp_fc1';
const xl = () => ({
  ...layer(q, 4, [8, 8], 2, 'F16'),
  ...layer(k, 2, [8, 2048], 2, 'F16'),
  ...layer(te, 4, [6, 6], 4),
  ...layer(te2, 4, [6, 6], 1),
});

const out = (style: AdapterStyle) => join(temporaryFolder(), style === 'peft' ? 'peft' : `${style}.safetensors`);
async function converted(from: string, style: AdapterStyle): Promise<string> {
  const to = out(style);
  await convertAdapter(from, to, style);
  return to;
}
/** What it does: every layer's numbers and strength. */
const meaning = ({ modules }: Adapter) =>
  Object.fromEntries(
    Object.entries(modules).map(([network, all]) => [
      network,
      Object.fromEntries(
        [...all]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([path, { kind, rank, scaling, parts }]) => {
            const numbers = Object.entries(parts).filter(([part]) => part !== 'alpha');
            return [
              path,
              { kind, rank, scaling, parts: Object.fromEntries(numbers.map(([part, { data }]) => [part, [...data]])) },
            ];
          }),
      ),
    ]),
  );

describe('converting', () => {
  it('kohya → diffusers → kohya is the same file to the byte, and means the same on the way', async () => {
    const first = file(xl());
    const middle = await converted(first, 'diffusers');
    const { tensors, metadata } = await readSafeTensors(middle);
    expect([...tensors.keys()].filter((key) => key.includes('lora_A'))).toEqual([
      'text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight',
      'text_encoder_2.text_model.encoder.layers.3.mlp.fc1.lora_A.weight',
      'unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight',
      'unet.up_blocks.2.attentions.1.transformer_blocks.0.attn2.to_k.lora_A.weight',
    ]);
    expect(JSON.parse(metadata['lora_adapter_metadata']!)).toMatchObject({
      'unet.r': 4,
      'unet.rank_pattern': { 'up_blocks.2.attentions.1.transformer_blocks.0.attn2.to_k': 2 },
      'unet.lora_alpha': 2,
      'unet.alpha_pattern': {},
      'text_encoder_2.lora_alpha': 1,
    });
    expect(tensors.get('unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight')!.dtype).toBe(
      'F16',
    );
    expect(meaning(await readAdapter(middle))).toEqual(meaning(await readAdapter(first)));
    expect(readFileSync(await converted(middle, 'kohya')).equals(readFileSync(first))).toBe(true);
  });

  it('one network → PEFT’s folder → kohya; bfloat16 stays', async () => {
    const first = file({ ...layer(q, 4, [8, 8], 2, 'BF16'), ...layer(k, 4, [8, 768], 8, 'BF16') });
    const folder = await converted(first, 'peft');
    const config = JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8')) as object;
    expect(config).toMatchObject({ peft_type: 'LORA', r: 4, rank_pattern: {}, use_dora: false, bias: 'none' });
    expect(meaning(await readAdapter(folder))).toEqual(meaning(await readAdapter(first)));
    expect(readFileSync(await converted(folder, 'kohya')).equals(readFileSync(first))).toBe(true);
    await expect(convertAdapter(file(xl()), out('peft'), 'peft')).rejects.toThrow(
      "changes unet and text_encoder and text_encoder_2; a PEFT folder holds one network's adapter.",
    );
  });

  const { cases } = JSON.parse(readFileSync(join(golden, 'adapters.json'), 'utf8')) as {
    cases: Record<string, { config: object; tensors: Record<string, { shape: number[]; data: number[] }> }>;
  };
  it.each(Object.keys(cases))('%s: PEFT’s own folder → kohya → PEFT', async (name) => {
    const folder = temporaryFolder();
    const tensors = Object.entries(cases[name]!.tensors).map(([key, { shape, data }]): [string, SafeTensor] => [
      key.replace('.lin.', '.mid_block.proj_in.').replace('.conv.', '.mid_block.conv_in.'),
      { shape, data: Float32Array.from(data) },
    ]);
    writeFileSync(join(folder, 'adapter_model.safetensors'), encodeSafeTensors(new Map(tensors)));
    writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify(cases[name]!.config));
    if (name === 'LoKr') {
      // α/r = 1.5 of whole factors.
      await expect(convertAdapter(folder, out('kohya'), 'kohya')).rejects.toThrow('has the strength 1.5 and no rank');
      return;
    }
    const kohya = await converted(folder, 'kohya');
    expect(meaning(await readAdapter(kohya))).toEqual(meaning(await readAdapter(folder)));
    const back = await readSafeTensors(join(await converted(kohya, 'peft'), 'adapter_model.safetensors'));
    expect([...back.tensors]).toEqual(tensors.sort(([a], [b]) => (a < b ? -1 : 1)));
    if (name.startsWith('Lo'))
      await expect(convertAdapter(folder, out('diffusers'), 'diffusers')).rejects.toThrow('has no keys for');
  });

  it('DoRA keeps its axis and its dimensions; what PEFT does not have is refused', async () => {
    const conv = 'lora_unet_down_blocks_0_resnets_0_conv1';
    const lora = (scale: number[]) =>
      file({
        [`${conv}.lora_down.weight`]: tensor([2, 4, 3, 3]),
        [`${conv}.lora_up.weight`]: tensor([4, 2, 1, 1]),
        [`${conv}.alpha`]: { shape: [], data: Float32Array.of(2) },
        [`${conv}.dora_scale`]: tensor(scale),
      });
    for (const scale of [
      [4, 1, 1, 1],
      [1, 4, 1, 1],
    ]) {
      const first = lora(scale);
      expect(readFileSync(await converted(first, 'kohya')).equals(readFileSync(first))).toBe(true);
    }
    const outputs = lora([4, 1, 1, 1]);
    const peft = await converted(outputs, 'peft');
    const { tensors } = await readSafeTensors(join(peft, 'adapter_model.safetensors'));
    expect(tensors.get('base_model.model.down_blocks.0.resnets.0.conv1.lora_magnitude_vector')!.shape).toEqual([
      1, 4, 1, 1,
    ]);
    expect(readFileSync(await converted(peft, 'kohya')).equals(readFileSync(outputs))).toBe(true);
    await expect(convertAdapter(lora([1, 4, 1, 1]), out('peft'), 'peft')).rejects.toThrow(
      'has a magnitude of each input',
    );
    const lokr = file({
      [`${conv}.lokr_w1`]: tensor([2, 2]),
      [`${conv}.lokr_w2`]: tensor([2, 2, 3, 3]),
      [`${conv}.dora_scale`]: tensor([4, 1, 1, 1]),
    });
    expect(readFileSync(await converted(lokr, 'kohya')).equals(readFileSync(lokr))).toBe(true);
    await expect(convertAdapter(lokr, out('peft'), 'peft')).rejects.toThrow(
      'is LoKr with DoRA, which PEFT does not have',
    );
  });

  it('a strength of α/√r is kept where it can be written', async () => {
    const folder = await converted(file(layer(q, 3, [8, 8], 7)), 'peft');
    const config = join(folder, 'adapter_config.json');
    const before = JSON.parse(readFileSync(config, 'utf8')) as object;
    writeFileSync(config, JSON.stringify({ ...before, use_rslora: true }));
    const strength = (path: string) => inspectAdapter(path).then((summary) => summary.strength.high);
    expect(await strength(folder)).toBe(7 / Math.sqrt(3));
    for (const style of ['peft', 'diffusers'] as const)
      expect(await strength(await converted(folder, style))).toBeCloseTo(7 / Math.sqrt(3), 14);
  });

  it('is refused where dots cannot be told from underscores', async () => {
    const odd = file(layer('lora_unet_some_layer_1', 4, [8, 8]));
    await expect(convertAdapter(odd, out('diffusers'), 'diffusers')).rejects.toThrow(
      '"lora_unet_some_layer_1.lora_down.weight" is of a layer whose dots cannot be told',
    );
  });

  it.each([
    'conv_in',
    'time_embedding.linear_1',
    'add_embedding.linear_2',
    'down_blocks.0.resnets.1.time_emb_proj',
    'down_blocks.2.downsamplers.0.conv',
    'mid_block.attentions.0.proj_in',
    'up_blocks.1.resnets.2.conv_shortcut',
    'up_blocks.1.attentions.2.transformer_blocks.9.ff.net.0.proj',
    'up_blocks.3.attentions.0.transformer_blocks.0.attn2.to_out.0',
    'text_model.encoder.layers.11.self_attn.out_proj',
    'text_model.encoder.layers.11.mlp.fc2',
    'text_model.final_layer_norm',
  ])('%s has its dots again', (path) => {
    expect(withDots(path.replaceAll('.', '_'))).toBe(path);
  });
});

it('inspect says kind, rank, layers, strength and base', async () => {
  expect(await inspectAdapter(file(xl()))).toMatchObject({
    kinds: ['LoRA'],
    rank: { low: 2, high: 4 },
    strength: { low: 0.25, high: 1 },
    layers: { unet: 2, text_encoder: 1, text_encoder_2: 1 },
    targets: { to_q: 1, to_k: 1, q_proj: 1, fc1: 1 },
    base: 'SDXL',
    types: ['F16', 'F32'],
  });
  const dora = { ...layer(k, 2, [8, 768]), [`${k}.dora_scale`]: tensor([8, 1]) };
  expect(await inspectAdapter(file(dora))).toMatchObject({ kinds: ['LoRA with DoRA'], base: 'Stable Diffusion 1.x' });
  expect(await inspectAdapter(file(layer(q, 2, [8, 768])))).toMatchObject({
    base: null,
    strength: { low: 1, high: 1 },
  });
});
