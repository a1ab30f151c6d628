/** @file Rewards: pixels and scores against their goldens, odd pictures, wrong networks, gates and screens. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeRgb } from '../../evaluator/images/decode.ts';
import { readModel, writeModel } from '../../evaluator/onnx/model-file.ts';
import { cutModel } from '../../evaluator/onnx/subgraph.ts';
import { junit } from '../../evaluator/rewards/junit.ts';
import { readNetworkFolder } from '../../evaluator/rewards/network-folder.ts';
import { clipMean, clipStd, preprocess } from '../../evaluator/rewards/preprocessing.ts';
import { checkRequirements, parseRequirement } from '../../evaluator/rewards/requirements.ts';
import { RewardScorer } from '../../evaluator/rewards/reward-scorer.ts';
import { screenReward } from '../../evaluator/rewards/screen.ts';
import { starter } from '../../evaluator/starter/starter.ts';
import { VectorCache } from '../../evaluator/vector-cache.ts';
import { stratifiedProportion } from '../../evaluator/statistics/stratified.ts';
import { hasShared, shared, temporaryFolder } from '../support/folders.ts';

const device = { kind: 'cpu' } as const;
const golden = join(shared, 'golden', 'clip-tiny');

async function scoreAll(folder: string, kind: string, files: string[], prompts: string[]) {
  const scorer = new RewardScorer(await readNetworkFolder(folder, kind), { device });
  try {
    return await scorer.scoreAll(files, prompts);
  } finally {
    await scorer.close();
  }
}

describe.skipIf(!hasShared)('goldens (needs ../shared)', () => {
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

describe('pictures', () => {
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
  it('CMYK, a damaged file and a picture that vanishes are refused in one sentence', async () => {
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
  it('one of another kind is refused', async () => {
    await expect(readNetworkFolder(starter.reward.network, 'hps-v2')).rejects.toThrow('is pickscore, not hps-v2');
    await expect(readNetworkFolder(join(starter.pipeline, 'unet'), 'clip-score')).rejects.toThrow(
      'no input pixel_values',
    );
    const folder = copy();
    rmSync(join(folder, 'reward.json'));
    await expect(readNetworkFolder(folder, 'aesthetic')).rejects.toThrow('head.onnx');
    await expect(readNetworkFolder(folder, 'image-reward')).rejects.toThrow('picture and prompt together');
  });
  it('PickScore without a logit scale is refused; split encoders with one in the manifest score the same', async () => {
    const [whole, split] = [copy(), copy()];
    const file = join(temporaryFolder(), 'picture.png');
    await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } })
      .png()
      .toFile(file);
    const [expected] = await scoreAll(whole, 'pickscore', [file], ['a red circle']);
    const model = await readModel(join(split, 'model.onnx'));
    for (const [name, output] of [
      ['vision', 'image_embeds'],
      ['text', 'text_embeds'],
    ] as const)
      await writeModel(join(split, `${name}_model.onnx`), cutModel(model, [output]));
    rmSync(join(split, 'model.onnx'));
    await expect(scoreAll(split, 'pickscore', [file], ['a red circle'])).rejects.toThrow('no logit scale');
    const scale = await new RewardScorer(await readNetworkFolder(whole, 'pickscore'), { device }).logitScale();
    writeFileSync(join(split, 'reward.json'), JSON.stringify({ kind: 'pickscore', logitScale: scale }));
    const [scores] = await scoreAll(split, 'pickscore', [file], ['a red circle']);
    expect(scores![0]! / expected![0]!).toBeCloseTo(1, 5);
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
    const gate = parseRequirement('r.winRate >= 0.5', ['r']);
    const results = checkRequirements([gate], [screen]);
    expect(results.map(({ model: name, met }) => [name, met])).toEqual([
      ['b', true],
      ['c', false],
    ]);
    expect(junit(results, 'suite')).toContain('failures="1"');
    expect(() => parseRequirement('r.charm>=1', ['r'])).toThrow('is no requirement');
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
