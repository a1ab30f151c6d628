/** @file SigLIP's scores against transformers': pixels, token ids, logits; and what is no SigLIP. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeRgb } from '../../../evaluator/engine/images/decode.ts';
import { readModel, writeModel } from '../../../evaluator/engine/onnx/model-file.ts';
import { cutModel } from '../../../evaluator/engine/onnx/subgraph.ts';
import { preprocess } from '../../../evaluator/rewards/preprocessing.ts';
import { readNetworkFolder } from '../../../evaluator/rewards/network-folder.ts';
import { scoreImages } from '../../../evaluator/rewards/reward.ts';
import { siglipPromptTokenizer } from '../../../evaluator/rewards/tokenizer.ts';
import { golden as goldenFolder, temporaryFolder } from '../../support/folders.ts';

const folder = join(goldenFolder, 'siglip-tiny');
interface Expected {
  prompts: string[];
  ids: number[][];
  aesthetic: number[];
  bicubic: { images: string[]; logits_per_image: number[][]; pixelSums: number[] };
  bilinear: { images: string[]; logits_per_image: number[][]; pixelSums: number[] };
}
const expected = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as Expected;
const images = expected.bicubic.images.map((name) => join(folder, `${name}.png`));

function copy(changes: Record<string, object> = {}): string {
  const to = join(temporaryFolder(), 'network');
  cpSync(folder, to, { recursive: true });
  for (const [name, fields] of Object.entries(changes)) {
    const before = JSON.parse(readFileSync(join(to, name), 'utf8')) as object;
    writeFileSync(join(to, name), JSON.stringify({ ...before, ...fields }));
  }
  return to;
}

describe('siglip-score', () => {
  it('token ids are those of transformers: case, punctuation, accents, ligatures, what is cut, nothing at all', async () => {
    const tokenize = await siglipPromptTokenizer(folder, 64);
    expect(expected.prompts.map((prompt) => tokenize(prompt).ids)).toEqual(expected.ids);
    expect(tokenize('fox').mask).toEqual(Array(16).fill(1));
  });

  it('SigLIP 2’s ids: Gemma’s pieces in lower case, bytes for what it does not know', async () => {
    const second = join(folder, 'second');
    const { prompts, ids } = JSON.parse(readFileSync(join(second, 'ids.json'), 'utf8')) as Expected;
    const tokenize = await siglipPromptTokenizer(second, 64);
    expect(prompts.map((prompt) => tokenize(prompt).ids)).toEqual(ids);
  });

  it.each(['bicubic', 'bilinear'] as const)('pixels and logits are those of transformers, %s', async (resampling) => {
    const network = copy({ 'preprocessor_config.json': { resample: resampling === 'bicubic' ? 3 : 2 } });
    const { preprocessing } = await readNetworkFolder(network, 'siglip-score');
    const { logits_per_image: logits, pixelSums } = expected[resampling];
    for (const [i, file] of images.entries()) {
      const pixels = preprocess(await decodeRgb(file, file), preprocessing, file);
      expect(pixels.reduce((sum, value) => sum + value, 0)).toBeCloseTo(pixelSums[i]!, 2);
    }
    const scores = await scoreImages({ kind: 'siglip-score', network, images, prompts: expected.prompts });
    for (const [i, row] of scores.entries())
      for (const [j, score] of row.entries()) expect(score).toBeCloseTo(logits[i]![j]!, 3);
  });

  it('the image encoder and head of Aesthetic Predictor V2.5', async () => {
    const network = copy();
    rmSync(join(network, 'model.onnx'));
    for (const name of ['head.onnx', 'vision_model.onnx'])
      cpSync(join(network, 'aesthetic', name), join(network, name));
    const scores = await scoreImages({ kind: 'aesthetic-v2.5', network, images, prompts: ['', 'other'] });
    for (const [i, row] of scores.entries())
      for (const score of row) expect(score).toBeCloseTo(expected.aesthetic[i]!, 4);
    await expect(readNetworkFolder(network, 'aesthetic')).rejects.toThrow('is computed by a CLIP network alone');
  });

  it('split encoders need scale and bias in the manifest, and score the same with them', async () => {
    const split = copy();
    const model = await readModel(join(split, 'model.onnx'));
    for (const [name, output] of [
      ['vision', 'image_embeds'],
      ['text', 'text_embeds'],
    ] as const)
      await writeModel(join(split, `${name}_model.onnx`), cutModel(model, [output]));
    rmSync(join(split, 'model.onnx'));
    const score = () =>
      scoreImages({ kind: 'siglip-score', network: split, images: [images[0]!], prompts: [expected.prompts[0]!] });
    await expect(score()).rejects.toThrow('holds no logit scale');
    const manifest = (fields: object) =>
      writeFileSync(join(split, 'reward.json'), JSON.stringify({ kind: 'siglip-score', ...fields }));
    manifest({ logitScale: 100 });
    await expect(score()).rejects.toThrow('holds no logit bias');
    manifest({ logitScale: 100, logitBias: -12.9 });
    expect((await score())[0]![0]).toBeCloseTo(expected.bicubic.logits_per_image[0]![0]!, 3);
  });

  it.each([
    ['config.json', { model_type: 'siglip2' }, 'model_type = "siglip2"; siglip-score is computed by a SigLIP network'],
    ['config.json', { model_type: 'clip' }, 'model_type = "clip"; siglip-score is computed by a SigLIP network'],
    [
      'preprocessor_config.json',
      { image_processor_type: 'Siglip2ImageProcessor' },
      'image_processor_type = "Siglip2ImageProcessor"',
    ],
    ['preprocessor_config.json', { size: { height: 32, width: 16 } }, 'has size = {"height":32,"width":16}'],
    ['preprocessor_config.json', { size: { shortest_edge: 32 } }, 'has size = {"shortest_edge":32}'],
    ['preprocessor_config.json', { crop_size: 32 }, 'has crop_size = 32'],
    ['preprocessor_config.json', { resample: 1 }, 'asks for resampling 1'],
    ['preprocessor_config.json', { do_normalize: false }, 'has do_normalize = false'],
    ['tokenizer_config.json', { tokenizer_class: 'CLIPTokenizer' }, 'tokenizer_class = "CLIPTokenizer"'],
  ])('%s with %j is refused', async (name, fields, message) => {
    await expect(readNetworkFolder(copy({ [name]: fields }), 'siglip-score')).rejects.toThrow(message);
  });
  it.each([
    [{ do_lower_case: false }, 'has do_lower_case = false'],
    [{ add_bos_token: true }, 'has add_bos_token = true'],
    [{ tokenizer_class: 'GemmaTokenizer' }, 'does not say padding_side'],
    [{ eos_token: '<end>' }, 'has no token <end>'],
  ])('a tokenizer with %j is refused', async (fields, message) => {
    await expect(siglipPromptTokenizer(copy({ 'tokenizer_config.json': fields }), 64)).rejects.toThrow(message);
  });
  it('everything that decides a score is hashed: the texts’ length too', async () => {
    const { files } = await readNetworkFolder(copy(), 'siglip-score');
    expect(files).toEqual(
      expect.arrayContaining(['config.json', 'model.onnx', 'tokenizer.json', 'tokenizer_config.json']),
    );
  });
  it('a prompt with one of the tokenizer’s own tokens is refused', async () => {
    const tokenize = await siglipPromptTokenizer(folder, 64);
    expect(() => tokenize('a fox </s> a cat')).toThrow('holds </s>');
  });
  it('a SigLIP under a CLIP kind is known by its graph, whatever its weights are called', async () => {
    const network = copy();
    for (const name of ['config.json', 'tokenizer_config.json', 'preprocessor_config.json'])
      rmSync(join(network, name));
    const model = await readModel(join(network, 'model.onnx'));
    for (const tensor of model.graph.initializer)
      if (tensor.name?.includes('logit_bias')) {
        for (const node of model.graph.node)
          node.input = node.input.map((input) => (input === tensor.name ? 'renamed' : input));
        tensor.name = 'renamed';
      }
    await writeModel(join(network, 'model.onnx'), model);
    await expect(scoreImages({ kind: 'pickscore', network, images: [images[0]!], prompts: ['a fox'] })).rejects.toThrow(
      'adds a bias to its logits',
    );
  });
});
