/** @file How jobs are cut, how their pace is measured, and that a job's files stay in their folder. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { insertJob, insertSlices, secondsPerItem } from '../../../db/queries/jobs.ts';
import { FolderStore } from '../../../evaluator/engine/store/folder-store.ts';
import { sliceSize, slicesOf } from '../../../evaluator/jobs/slicing.ts';
import { fetchRun } from '../../../evaluator/jobs/train-job.ts';
import { fetchFolder } from '../../../evaluator/models/networks.ts';
import { onBothEngines } from '../../support/databases.ts';
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
