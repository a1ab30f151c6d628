/**
 * @file Rewards: pixels and scores against their goldens, odd images, wrong networks, gates and screens. Slow: it runs
 * reward networks on large images.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { Graph } from '../../../evaluator/engine/autodiff/graph.ts';
import { TorchGenerator } from '../../../evaluator/engine/diffusion/torch-random.ts';
import { decodeRgb } from '../../../evaluator/engine/images/decode.ts';
import { readModel, writeModel } from '../../../evaluator/engine/onnx/model-file.ts';
import { cutModel } from '../../../evaluator/engine/onnx/subgraph.ts';
import { junit } from '../../../evaluator/screens/junit.ts';
import { readNetworkFolder } from '../../../evaluator/rewards/network-folder.ts';
import { clipMean, clipStd, preprocess, type Preprocessing } from '../../../evaluator/rewards/preprocessing.ts';
import { checkGates, parseGate } from '../../../evaluator/screens/gates.ts';
import { scoreAll as scoreEach } from '../../../evaluator/rewards/image-scorer.ts';
import { RewardModel } from '../../../evaluator/rewards/reward-model.ts';
import { RewardScorer } from '../../../evaluator/rewards/reward-scorer.ts';
import { screenReward } from '../../../evaluator/screens/screen.ts';
import { starter } from '../../../evaluator/starter/starter.ts';
import { keyOf, VectorCache } from '../../../evaluator/engine/files/vector-cache.ts';
import { stratifiedProportion } from '../../../evaluator/statistics/stratified.ts';
import { golden as goldenFolder, temporaryFolder } from '../../support/folders.ts';

const device = { kind: 'cpu' } as const;
const golden = join(goldenFolder, 'clip-tiny');

async function scoreAll(folder: string, kind: string, files: string[], prompts: string[]) {
  const scorer = new RewardScorer(await readNetworkFolder(folder, kind), { device });
  try {
    return await scoreEach(scorer, files, prompts);
  } finally {
    await scorer.close();
  }
}

async function image(width: number, height: number, background: string): Promise<string> {
  const file = join(temporaryFolder(), 'image.png');
  await sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toFile(file);
  return file;
}

async function pixelsOf(file: string, preprocessing: Preprocessing): Promise<Float32Array> {
  return preprocess(await decodeRgb(file, file), preprocessing, file);
}

/** A BERT tokenizer over these words, as its tokenizer.json has it. */
function wordPieces(words: string[]) {
  const token = (content: string) => ({ id: words.indexOf(content), content, special: true, normalized: false });
  const special = (content: string) => ({ SpecialToken: { id: content, type_id: 0 } });
  return {
    version: '1.0',
    added_tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]'].map(token),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }, special('[SEP]')],
      pair: [],
      special_tokens: Object.fromEntries(
        ['[CLS]', '[SEP]'].map((name) => [name, { id: name, ids: [words.indexOf(name)], tokens: [name] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(words.map((word, i) => [word, i])),
    },
  };
}

describe('goldens', () => {
  for (const kind of ['clip', 'hps'] as const) {
    it(`${kind} pixels are the original's, bit for bit`, async () => {
      const bytes = readFileSync(join(golden, 'golden', `${kind}_pixel_values.f32`));
      const expected = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
      const size = 3 * 224 * 224;
      expect(expected.length).toBeGreaterThan(0);
      for (let i = 0; i < expected.length / size; i++) {
        const image = await decodeRgb(join(golden, 'golden', `${i}.png`), 'image');
        const pixels = preprocess(image, { kind, size: 224, mean: clipMean, std: clipStd }, 'image');
        const different = pixels.reduce((n, value, k) => n + Number(value !== expected[i * size + k]), 0);
        expect(different).toBe(0);
      }
    });
  }
  it('every score is within 1e-4 of the original’s', async () => {
    const expected = JSON.parse(readFileSync(join(golden, 'golden', 'scores.json'), 'utf8')) as Record<
      string,
      number[][]
    > & {
      images: string[];
      prompts: string[];
    };
    const files = (expected.images as unknown as string[]).map((name) => join(golden, 'golden', name));
    for (const [kind, key] of [
      ['pickscore', 'pickScore'],
      ['hps-v2', 'hpsCosine'],
      ['clip-score', 'cosine'],
    ] as const) {
      const scores = await scoreAll(golden, kind, files, expected.prompts as unknown as string[]);
      scores.forEach((row, i) => row.forEach((score, j) => expect(score / expected[key]![i]![j]!).toBeCloseTo(1, 4)));
    }
  }, 60_000);
});

describe('images', () => {
  const score = (file: string, kind = 'clip-score') => {
    const folder = join(temporaryFolder(), 'reward');
    cpSync(starter.reward.network, folder, { recursive: true });
    rmSync(join(folder, 'reward.json'));
    return scoreAll(folder, kind, [file], ['a red circle', '', 'a red star '.repeat(400)]);
  };
  const write = async (name: string, image: Sharp) => {
    const file = join(temporaryFolder(), name);
    await image.toFile(file);
    return file;
  };
  const solid = (width: number, height: number, channels: 3 | 4 = 3) =>
    sharp({ create: { width, height, channels, background: { r: 200, g: 30, b: 30, alpha: 0.5 } } });

  it('1 × 1, alpha, 20,000 pixels wide, an empty prompt and one of 400 words are scored', async () => {
    const one = await score(await write('one.png', solid(1, 1)));
    const alpha = await score(await write('alpha.png', solid(64, 64, 4)));
    expect(alpha[0]![0]!).toBeCloseTo(one[0]![0]!, 5);
    const wide = await score(await write('wide.png', solid(20_000, 3)));
    for (const value of wide[0]!) expect(Number.isFinite(value)).toBe(true);
  }, 30_000);
  it('CMYK, a damaged file and an image that vanishes are refused in one sentence', async () => {
    await expect(score(await write('c.jpg', solid(8, 8).toColourspace('cmyk').jpeg()))).rejects.toThrow('CMYK');
    const damaged = join(temporaryFolder(), 'damaged.png');
    writeFileSync(damaged, (await solid(64, 64).png().toBuffer()).subarray(0, 60));
    await expect(score(damaged)).rejects.toThrow('damaged.png');
    await expect(score(await write('thin.png', solid(20_000, 1)), 'hps-v2')).rejects.toThrow('vanishes');
  }, 30_000);
});

describe('networks', () => {
  const copy = () => {
    const folder = join(temporaryFolder(), 'reward');
    cpSync(starter.reward.network, folder, { recursive: true });
    return folder;
  };
  it.each([
    [
      'config.json',
      { model_type: 'siglip' },
      'says model_type = "siglip"; pickscore is computed by a CLIP network alone',
    ],
    ['config.json', { model_type: 'siglip2' }, 'model_type = "siglip2"'],
    ['config.json', { model_type: 'chinese_clip' }, 'model_type = "chinese_clip"'],
    [
      'preprocessor_config.json',
      { image_processor_type: 'SiglipImageProcessor' },
      'image_processor_type = "SiglipImageProcessor"',
    ],
    ['tokenizer_config.json', { tokenizer_class: 'GemmaTokenizer' }, 'tokenizer_class = "GemmaTokenizer"'],
    [
      'preprocessor_config.json',
      { size: { height: 64, width: 64 } },
      'has size = {"height":64,"width":64}; visavis prepares',
    ],
    ['preprocessor_config.json', { size: { shortest_edge: 72 } }, 'has crop_size = '],
    ['preprocessor_config.json', { do_center_crop: false }, 'has do_center_crop = false'],
    ['preprocessor_config.json', { do_normalize: false }, 'has do_normalize = false'],
    ['preprocessor_config.json', { rescale_factor: 1 }, 'has rescale_factor = 1'],
    ['preprocessor_config.json', { do_pad: true }, 'has do_pad = true'],
  ])('%s with %j is refused', async (name, fields, message) => {
    const folder = copy();
    const before = JSON.parse(readFileSync(join(folder, name), 'utf8')) as object;
    writeFileSync(join(folder, name), JSON.stringify({ ...before, ...fields }));
    await expect(readNetworkFolder(folder, 'pickscore')).rejects.toThrow(message);
  });
  it('SigLIP without its configs is known by the bias of its logits', async () => {
    const folder = copy();
    rmSync(join(folder, 'config.json'));
    const model = await readModel(join(folder, 'model.onnx'));
    const bias = new Uint8Array(Float32Array.of(-10).buffer);
    model.graph.initializer.push({ name: 'logit_bias', dims: [1], dataType: 1, rawData: bias });
    await writeModel(join(folder, 'model.onnx'), model);
    await expect(readNetworkFolder(folder, 'pickscore')).rejects.toThrow('adds a bias to its logits, as SigLIP does');
  });
  it('one of another kind is refused', async () => {
    await expect(readNetworkFolder(starter.reward.network, 'hps-v2')).rejects.toThrow('is pickscore, not hps-v2');
    await expect(readNetworkFolder(join(starter.pipeline, 'unet'), 'clip-score')).rejects.toThrow(
      'no input pixel_values',
    );
    const folder = copy();
    rmSync(join(folder, 'reward.json'));
    await expect(readNetworkFolder(folder, 'aesthetic')).rejects.toThrow('head.onnx');
    await expect(readNetworkFolder(folder, 'image-reward')).rejects.toThrow('image and prompt together');
  });
  it('PickScore without a logit scale is refused; split encoders with one in the manifest score the same', async () => {
    const [whole, split] = [copy(), copy()];
    const file = await image(64, 64, 'red');
    const [expected] = await scoreAll(whole, 'pickscore', [file], ['a red circle']);
    const model = await readModel(join(split, 'model.onnx'));
    for (const [name, output] of [
      ['vision', 'image_embeds'],
      ['text', 'text_embeds'],
    ] as const)
      await writeModel(join(split, `${name}_model.onnx`), cutModel(model, [output]));
    rmSync(join(split, 'model.onnx'));
    await expect(scoreAll(split, 'pickscore', [file], ['a red circle'])).rejects.toThrow('no logit scale');
    const { scale } = await new RewardScorer(await readNetworkFolder(whole, 'pickscore'), { device }).logit();
    writeFileSync(join(split, 'reward.json'), JSON.stringify({ kind: 'pickscore', logitScale: scale }));
    const [scores] = await scoreAll(split, 'pickscore', [file], ['a red circle']);
    expect(scores![0]! / expected![0]!).toBeCloseTo(1, 5);
  }, 30_000);
  it('the aesthetic head rates the normalised image embedding, whatever the prompt', async () => {
    const folder = copy();
    rmSync(join(folder, 'reward.json'));
    const files = await Promise.all(['red', 'blue', 'green'].map((colour) => image(64, 64, colour)));
    const network = await readNetworkFolder(starter.reward.network, 'pickscore');
    const model = new RewardModel(network, device);
    const embeddings = await Promise.all(
      files.map(async (file) => model.embedImages(await pixelsOf(file, network.preprocessing), 1)),
    );
    // As the released head: linear layers without activations.
    const widths = [embeddings[0]!.length, 128, 64, 16, 1];
    const graph = new Graph();
    const random = new TorchGenerator(3);
    let value = graph.input('embedding', [files.length, widths[0]!]);
    let expected = embeddings.map((row) => Float64Array.from(row));
    for (const [layer, width] of widths.slice(1).entries()) {
      const before = widths[layer]!;
      const [weight, bias] = [random.randn(before * width), random.randn(width)];
      const constant = (name: string, dims: number[], data: Float32Array) => {
        graph.initialize({ name, dims, dataType: 1, rawData: new Uint8Array(data.buffer) });
        return name;
      };
      value = graph.plus(
        graph.matmul(value, constant(`w${layer}`, [before, width], weight)),
        constant(`b${layer}`, [width], bias),
      );
      expected = expected.map((row) =>
        Float64Array.from({ length: width }, (_, o) =>
          row.reduce((sum, x, k) => sum + x * weight[k * width + o]!, bias[o]!),
        ),
      );
    }
    graph.output(value, 'rating');
    await writeModel(join(folder, 'head.onnx'), graph.toModel());
    const scorer = new RewardScorer(await readNetworkFolder(folder, 'aesthetic'), { device });
    const images = files.map((file, n) => ({ file, sha256: keyOf(file), prompt: `prompt ${n}` }));
    const scores: number[] = [];
    for await (const { results } of scorer.score(images))
      for (const result of results) scores.push('score' in result ? result.score : NaN);
    await scorer.close();
    expect(new Set(scores).size).toBe(3);
    scores.forEach((score, n) => expect(score / expected[n]![0]!).toBeCloseTo(1, 4));
  }, 30_000);
  it('image-reward reads image and 35 word pieces together, and is standardised', async () => {
    const folder = join(temporaryFolder(), 'reward');
    mkdirSync(folder);
    const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'red', 'circle', '##s'];
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(wordPieces(words)));
    // Its number: the mean pixel, plus the weighted sum of the ids that the mask lets through.
    const [count, tokens, size] = [3, 35, 8];
    const graph = new Graph();
    const pixels = graph.input('pixel_values', [count, 3, size, size]);
    const floats = (name: string) =>
      graph.add('Cast', [graph.input(name, [count, tokens], 7)], [count, tokens], { to: 1 }, 1);
    const places = Float32Array.from({ length: tokens }, (_, i) => i + 1);
    graph.initialize({ name: 'places', dims: [tokens], dataType: 1, rawData: new Uint8Array(places.buffer) });
    const seen = graph.times(graph.times(floats('input_ids'), floats('attention_mask')), 'places');
    const mean = graph.reduce('ReduceMean', pixels, [1, 2, 3], false);
    graph.output(graph.plus(mean, graph.times(graph.reduce('ReduceSum', seen, [1], false), 0.01)), 'reward');
    await writeModel(join(folder, 'model.onnx'), graph.toModel());

    const file = await image(8, 8, 'red');
    const network = await readNetworkFolder(folder, 'image-reward');
    const own = await pixelsOf(file, network.preprocessing);
    const meanPixel = own.reduce((sum, x) => sum + x, 0) / own.length;
    const raw = (ids: number[]) => meanPixel + 0.01 * ids.reduce((sum, id, i) => sum + id * (i + 1), 0);
    const [scores] = await scoreAll(folder, 'image-reward', [file], ['a red circles', 'A  dog', 'a '.repeat(60)]);
    const expected = [
      [2, 4, 5, 6, 7, 3],
      [2, 4, 1, 3],
      [2, ...Array<number>(33).fill(4), 3],
    ].map((ids) => (raw(ids) - 0.16717362830052426) / 1.0333394966054072);
    scores!.forEach((score, i) => expect(score).toBeCloseTo(expected[i]!, 4));
    rmSync(join(folder, 'tokenizer.json'));
    await expect(scoreAll(folder, 'image-reward', [file], ['a'])).rejects.toThrow('no tokenizer.json');
  }, 30_000);
  it('a vector cache that was cut in the middle of a record keeps the whole ones', () => {
    const file = join(temporaryFolder(), 'cache.vve');
    const key = (n: number) => String(n).padStart(64, '0');
    const cache = new VectorCache(file);
    for (const n of [1, 2]) cache.put(key(n), Float32Array.of(n, -n));
    cache.close();
    writeFileSync(file, readFileSync(file).subarray(0, -3));
    const again = new VectorCache(file);
    expect([...again.get(key(1))!]).toEqual([1, -1]);
    expect(again.has(key(2))).toBe(false);
    again.put(key(3), Float32Array.of(3, -3));
    expect([...again.get(key(3))!]).toEqual([3, -3]);
    again.close();
  });
});

describe('screens', () => {
  const model = (
    name: string,
    scores: number[],
    checkpoint: { run: string; step: number; deviceSeconds: number } | null = null,
  ) => ({
    model: name,
    checkpoint,
    scores: Float64Array.from(scores),
  });
  const screen = screenReward(
    {
      reward: 'r',
      kind: 'pickscore',
      baseline: model('base', [1, 1, 1, 1, NaN]),
      candidates: [
        model('a', [2, 2, 1, 0, 9], { run: 'one', step: 10, deviceSeconds: 5 }),
        model('b', [3, 3, 3, 3, 3], { run: 'one', step: 20, deviceSeconds: 20 }),
        model('c', [0, 0, 0, 0, 0], { run: 'two', step: 10, deviceSeconds: 10 }),
      ],
    },
    ['x', 'x', 'y', 'y', 'y'],
    0,
  );
  it('counts wins, ties as ½, and what is missing', () => {
    expect(screen.candidates[0]).toMatchObject({
      wins: 2,
      losses: 1,
      ties: 1,
      missing: 1,
      winRate: { value: 0.625, n: 4 },
    });
    expect(screen.candidates[0]!.byCategory.map(({ winRate }) => winRate.value)).toEqual([1, 0.25]);
    expect(screen.candidates[0]!.median.value).toBe(2);
    expect(screen.best).toMatchObject({ model: 'b' });
  });
  it('compares runs at equal time', () => {
    expect(screen.equalTime).toMatchObject({ deviceSeconds: 10, runs: [{ model: 'a' }, { model: 'c' }] });
    expect(screen.equalTime!.winRates[0]!.winRate.value).toBe(0.9);
  });
  it('gates hold for each run’s best and read as JUnit', () => {
    const gate = parseGate('r.winRate >= 0.5', ['r']);
    const results = checkGates([gate], [screen]);
    expect(results.map(({ model: name, met }) => [name, met])).toEqual([
      ['b', true],
      ['c', false],
    ]);
    expect(junit(results, 'suite')).toContain('failures="1"');
    expect(() => parseGate('r.charm>=1', ['r'])).toThrow('is no gate');
  });
  it('a stratified proportion weighs its strata back', () => {
    const estimate = stratifiedProportion([
      { size: 10, n: 10, points: 10 },
      { size: 90, n: 10, points: 0 },
    ]);
    expect(estimate!.value).toBeCloseTo(0.1, 12);
    expect(stratifiedProportion([{ size: 10, n: 0, points: 0 }])).toBeNull();
  });
});
