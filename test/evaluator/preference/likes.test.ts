/** @file Single images that were liked or not: read, matched, and trained on with a caption each. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LogRow } from '../../../contract/training.ts';
import { encodePng } from '../../../evaluator/engine/images/png.ts';
import { Batches, type BatchSource } from '../../../evaluator/preference/batches.ts';
import { inspectPairs } from '../../../evaluator/preference/filter.ts';
import { trainablePairs } from '../../../evaluator/preference/likes.ts';
import { objectiveOf } from '../../../evaluator/preference/objectives/objectives.ts';
import { openPreferences } from '../../../evaluator/preference/preference-rows.ts';
import { noiseSchedule } from '../../../evaluator/preference/reverse-step.ts';
import { runTraining } from '../../../evaluator/preference/run-training.ts';
import type { TrainingSettings } from '../../../evaluator/preference/trainer.ts';
import { TrainingSession } from '../../../evaluator/preference/training-session.ts';
import { starter } from '../../../evaluator/starter/starter.ts';
import { golden, temporaryFolder } from '../../support/folders.ts';

const kto = { objective: 'kto', safeguard: null } as const;

function written(name: string, text: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, text);
  return path;
}
const jsonl = (rows: object[]) => written('likes.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
const like = (caption: string, liked: unknown) => ({ caption, image: `${caption}.png`, liked });

describe('single images', () => {
  it('are read from JSONL and CSV', async () => {
    const rows = [like('a cat', true), like('a dog', false), like('a bird', 1), like('a fish', '0')];
    const csv = ['caption,image,liked', ...rows.map((row) => `${row.caption},${row.image},${String(row.liked)}`)];
    for (const path of [jsonl(rows), written('likes.csv', csv.join('\n'))]) {
      const source = await openPreferences(path);
      expect(source.rows.map(({ caption, label, images, isSingle }) => [caption, label, images[0], isSingle])).toEqual([
        ['a cat', 1, 'a cat.png', true],
        ['a dog', 0, 'a dog.png', true],
        ['a bird', 1, 'a bird.png', true],
        ['a fish', 0, 'a fish.png', true],
      ]);
    }
  });

  it.each([
    [0.5, 'liked is 0.5; it must be true or false, 1 or 0'],
    ['maybe', 'liked is maybe'],
    ['', 'liked is ;'],
  ])('liked = %j is said with its line', async (liked, message) => {
    await expect(openPreferences(jsonl([like('a', 1), like('b', liked)]), { strict: true })).rejects.toThrow(message);
  });

  it('beside pairs in one table are not taken for one another', async () => {
    const header = 'caption,image_0,image_1,label_0,image,liked';
    const pairs = written('pairs.csv', [header, 'a cat,a.png,b.png,1,,', 'a dog,c.png,d.png,0,,'].join('\n'));
    expect((await openPreferences(pairs)).rows.map(({ images, isSingle }) => [...images, isSingle])).toEqual([
      ['a.png', 'b.png', undefined],
      ['c.png', 'd.png', undefined],
    ]);
    const mixed = await openPreferences(
      written('mixed.csv', [header, 'a cat,a.png,b.png,1,,', 'a dog,,,,c.png,1'].join('\n')),
    );
    expect(mixed.skipped).toEqual([]);
    expect(() => trainablePairs(mixed.rows, kto)).toThrow('pairs and single images');
    const both = written('both.csv', [header, 'a cat,a.png,b.png,1,c.png,0'].join('\n'));
    await expect(openPreferences(both)).rejects.toThrow('it has a pair and an image that was liked or not');
  });

  it('are matched so that each is there, with its own caption, the same way every time', async () => {
    const names = Array.from({ length: 7 }, (_, i) => `liked ${i}`);
    const others = Array.from({ length: 20 }, (_, i) => `not ${i}`);
    const source = await openPreferences(
      jsonl([...names.map((name) => like(name, 1)), ...others.map((name) => like(name, 0))]),
    );
    const pairs = trainablePairs(source.rows, kto);
    expect(pairs).toHaveLength(20);
    expect(new Set(pairs.map(({ loserCaption }) => loserCaption))).toEqual(new Set(others));
    expect(new Set(pairs.map(({ caption }) => caption))).toEqual(new Set(names));
    for (const { caption, loserCaption, winner, loser } of pairs)
      expect([winner.row.caption, loser.row.caption, winner.row.label, loser.row.label]).toEqual([
        caption,
        loserCaption,
        1,
        0,
      ]);
    // In the file's order each like would meet the dislike of its place.
    expect(pairs.map(({ loserCaption }) => loserCaption)).not.toEqual(others);
    expect(trainablePairs(source.rows, kto)).toEqual(pairs);
  });

  it('what compares pairs refuses them, and so does a source of both kinds or of one side', async () => {
    const { rows } = await openPreferences(jsonl([like('a', 1), like('b', 0)]));
    expect(() => trainablePairs(rows, { objective: 'dpo', safeguard: null })).toThrow(
      'single images that were liked or not, and dpo compares pairs; kto and ncp-kto take them',
    );
    expect(() => trainablePairs(rows, { objective: 'kto', safeguard: 0 })).toThrow('a safeguard weighs the two images');
    expect(() => trainablePairs(rows.slice(0, 1), kto)).toThrow('Not one of 1 images was disliked');
    expect(() => trainablePairs(rows.slice(1), kto)).toThrow('Not one of 1 images was liked');
    expect(() => inspectPairs(rows, 1)).toThrow('only pairs are inspected and filtered');
    const pair = { caption: 'c', image_0: 'c.png', image_1: 'd.png', label_0: 1 };
    const mixed = await openPreferences(jsonl([like('a', 1), pair]));
    expect(() => trainablePairs(mixed.rows, kto)).toThrow('pairs and single images');
    const pairs = await openPreferences(jsonl([pair]));
    expect(trainablePairs(pairs.rows, kto)).toHaveLength(1);
  });

  it('a loser’s caption reaches the losers alone', async () => {
    const shape = { channels: 4, height: 8, width: 8, conditions: { encoder_hidden_states: [77, 32] } };
    const spec = { features: 'down', rank: 2, alpha: 2, beta: 20, lambda: 1, pairs: 2 } as const;
    const session = await TrainingSession.create(
      join(golden, 'sd-tiny', 'unet', 'model.onnx'),
      shape,
      { objective: objectiveOf('kto'), ...spec },
      noiseSchedule(0.00085, 0.012, 1000),
      { kind: 'cpu' },
    );
    const waves = (n: number, speed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(speed * i));
    const size = 2 * 256;
    const [own, other] = [waves(2 * 77 * 32, 1.3), waves(2 * 77 * 32, 0.7)];
    const batch = {
      ...{ winner: waves(size, 1.1), loser: waves(size, 1.9), noise: waves(size, 2.3), z: waves(size, 0.3) },
      timesteps: [200, 600],
    };
    const parameters = session.training.parameters.map(({ dims }) => waves(dims[0]! * dims[1]!, 0.9).map((x) => x / 9));
    const errors = async (winners: Float32Array, losers?: Float32Array) => {
      const conditions = { encoder_hidden_states: winners };
      const more = losers === undefined ? {} : { loserConditions: { encoder_hidden_states: losers } };
      return [...(await session.run({ ...batch, conditions, ...more }, parameters)).modelErrors];
    };
    const [same, apart, all] = [await errors(own), await errors(own, other), await errors(other)];
    await session.release();
    expect(apart.slice(0, 2)).toEqual(same.slice(0, 2));
    expect(apart.slice(2)).toEqual(all.slice(2));
    expect(apart[2]).not.toBe(same[2]);
  });

  it('batches hold each side’s own captions, and none of losers where pairs share theirs', () => {
    const codes: Record<string, number> = { cat: 1, dog: 2, bird: 3 };
    const batchOf = (pairs: BatchSource['pairs']) =>
      new Batches(
        {
          pairs,
          shape: { channels: 1, height: 1, width: 1, conditions: { states: [2] } },
          latent: (_key, noise, into) => into.set(noise),
          conditions: (caption) => ({ states: new Float32Array(2).fill(codes[caption]!) }),
        },
        { objective: 'kto', batch: 2, accumulate: 1, seed: 5 },
        1000,
      ).at(0, 0);
    const images = { winner: 'w', loser: 'l' };
    const apart = batchOf([
      { caption: 'cat', loserCaption: 'dog', ...images },
      { caption: 'cat', loserCaption: 'bird', ...images },
    ]);
    expect([...apart.conditions['states']!]).toEqual([1, 1, 1, 1]);
    expect([...apart.loserConditions!['states']!].sort()).toEqual([2, 2, 3, 3]);
    expect(batchOf([{ caption: 'cat', ...images }]).loserConditions).toBeUndefined();
  });

  it('a run trains on them', async () => {
    const folder = temporaryFolder();
    const rows: object[] = [];
    for (const [i, caption] of ['a red circle', 'a blue star', 'a green square'].entries()) {
      writeFileSync(join(folder, `${i}.png`), await encodePng(new Uint8Array(32 * 32 * 3).fill(60 * i + 40), 32, 32));
      rows.push({ caption, image: `${i}.png`, liked: i !== 1 });
    }
    writeFileSync(join(folder, 'manifest.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
    const settings: TrainingSettings = {
      ...{ objective: 'ncp-kto', adapter: 'lora', features: 'down', rank: 2, alpha: 2, targetModules: null, beta: 1e5 },
      ...{
        lambda: 1,
        safeguard: null,
        ema: null,
        gradientCheckpointing: false,
        learningRate: 1e-3,
        warmup: 0,
        steps: 2,
      },
      ...{ batch: 2, accumulate: 1, optimizer: 'adamw', clip: 1, checkpointEvery: 2, seed: 1, maxSeconds: null },
    };
    const out = join(folder, 'out');
    const request = { pipeline: starter.pipeline, preferences: folder, out, cacheFolder: join(folder, 'cache') };
    const outcome = await runTraining({ ...request, device: { kind: 'cpu' }, settings, width: 32, height: 32 });
    expect(outcome).toMatchObject({ step: 2, pairs: 2 });
    const log = readFileSync(join(out, 'log.jsonl'), 'utf8').trim().split('\n');
    // Both kinds begin at σ(0) = ½.
    const row = JSON.parse(log[0]!) as LogRow;
    expect(row.loss).toBeCloseTo(0.5, 3);
    // A like and a dislike of another caption are not ordered.
    expect([row.implicitAccuracy, row.margin]).toEqual([null, null]);
  });
});
