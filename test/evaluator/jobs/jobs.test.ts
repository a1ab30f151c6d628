/** @file How jobs are cut, how their pace is measured, and that a job's files stay in their folder. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { insertJob, insertSlices, secondsPerItem } from '../../../db/queries/jobs.ts';
import { FolderStore } from '../../../evaluator/engine/store/folder-store.ts';
import { sliceSize, slicesOf } from '../../../evaluator/jobs/slicing.ts';
import { planRender } from '../../../evaluator/jobs/render-job.ts';
import { encodePng } from '../../../evaluator/engine/images/png.ts';
import { addModel } from '../../../evaluator/models/add.ts';
import { importPrompts } from '../../../evaluator/prompts/import.ts';
import { starter } from '../../../evaluator/starter/starter.ts';
import { fetchRun, planTraining } from '../../../evaluator/jobs/train-job.ts';
import { fetchFolder } from '../../../evaluator/models/networks.ts';
import { freshSqlite, onBothEngines } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';

describe('a slice', () => {
  it.each([
    // total, seconds an item, items
    [1632, 0.5, 82], // a twentieth, where a minute would be 120
    [1632, 3, 20], // a minute
    [1632, 90, 1], // never none
    [1632, undefined, 32], // nobody knows
    [300, undefined, 15],
    [1, undefined, 1],
    [0, 1, 1],
  ])('of %d items at %s s each has %d', (total, seconds, items) => {
    expect(sliceSize(total, seconds)).toBe(items);
  });

  it('takes every item once, in order', () => {
    expect(slicesOf(['a', 'b', 'c', 'd', 'e'], 2)).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(slicesOf([], 2)).toEqual([]);
  });
});

describe('what whoever submits a job is told', () => {
  it('of prompts that are cut, before anything is in the queue', async () => {
    const { db } = await freshSqlite();
    const prompts = join(temporaryFolder(), 'prompts.txt');
    // The starter's text encoder reads 24 tokens: a, 21 × b and c, between its two marks.
    writeFileSync(prompts, ['a short one', `a${' b'.repeat(21)} c d`].join('\n'));
    await importPrompts(db, { file: prompts, name: 'prompts' });
    await addModel(db, { name: 'model', pipeline: starter.pipeline, adapters: [], steps: 1, guidance: 1 });
    const asked = { prompts: 'prompts', model: 'model', seed: 0, batch: 1 };
    const all = await planRender(db, undefined, { ...asked, limit: null });
    expect(all.notes).toEqual([expect.stringMatching(/^1 of 2 prompts is longer .* it does not read "c d"\.$/)]);
    expect((await planRender(db, undefined, { ...asked, limit: 1 })).notes).toEqual([]);
  });

  it('of rows that are no preference', async () => {
    const folder = temporaryFolder();
    const image = await encodePng(new Uint8Array(8 * 8 * 3), 8, 8, {});
    for (const name of ['one.png', 'two.png']) writeFileSync(join(folder, name), image);
    const row = { caption: 'a', image_0: 'one.png', image_1: 'two.png', label_0: 1 };
    const rows = [row, { ...row, label_0: 3 }, row];
    writeFileSync(join(folder, 'rows.jsonl'), rows.map((each) => JSON.stringify(each)).join('\n'));
    const { leftOut } = await planTraining(new FolderStore(temporaryFolder()), {
      ...{ name: 'run', pipeline: starter.pipeline, preferences: join(folder, 'rows.jsonl') },
      ...{ settings: { objective: 'dpo', steps: 1 } as never, width: null, height: null, threads: null },
    });
    expect(leftOut).toMatchObject([{ count: 1, example: expect.stringContaining('2') }]);
  });
});

onBothEngines('the pace of jobs', (fresh) => {
  it('is of the slices of the same kind that are done, in seconds an item', async () => {
    const { db } = await fresh();
    const add = async (
      id: string,
      rateKey: string,
      slices: [items: number, ms: number, state: 'done' | 'failed'][],
    ) => {
      await insertJob(db, {
        ...{ id, kind: 'render', title: id, request: {}, requestSha256: id, rateKey, deviceKind: null, store: 'x' },
        ...{ memoryBytes: 0, priority: 0, state: 'done', error: null, createdAt: 1, updatedAt: 1 },
      });
      await insertSlices(
        db,
        slices.map(([items, ms, state], position) => ({
          ...{ jobId: id, position, part: {}, items, done: items, state, worker: 'w', result: null, error: null },
          ...{ startedAt: 1000, heardAt: 1000 + ms, endedAt: 1000 + ms },
        })),
      );
    };
    await add('one', 'render m', [
      [10, 5000, 'done'],
      [30, 25_000, 'done'],
      [10, 900_000, 'failed'],
    ]);
    await add('two', 'render other', [[1, 600_000, 'done']]);
    // 30 s for 40 items
    expect(await secondsPerItem(db, 'render m')).toBeCloseTo(0.75, 12);
    expect(await secondsPerItem(db, 'render nothing')).toBeUndefined();
  });
});

describe('a file of a job', () => {
  it.each(['../out', '/etc/out', 'a/../../out', 'a\\..\\out', ''])('is not fetched to %j', async (path) => {
    const root = temporaryFolder();
    const store = new FolderStore(join(root, 'store'));
    const bytes = Buffer.from('x');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await store.put({ kind: 'files', sha256 }, bytes);
    const file = { path, sha256, size: 1, modifiedMs: 0 };
    const good = { ...file, path: 'good' };
    const cacheFolder = join(root, 'cache');
    await expect(fetchFolder({ store, cacheFolder }, 'digest', [good, file])).rejects.toThrow(/in no folder of it/);
    await expect(fetchRun(store, [good, file], join(root, 'run'))).rejects.toThrow(/in no folder of it/);
    // Nothing of it, not the good one either.
    expect(readdirSync(root)).toEqual(['store']);
    expect(existsSync(join(root, 'out'))).toBe(false);
  });
});
