/** @file Who runs a prescreen: one worker at a time, another when it is gone, nobody when it kills them. */
import { expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import {
  finishPrescreen,
  isPrescreenWaiting,
  readPrescreen,
  reportProgress,
  submitPrescreen,
  takePrescreen,
} from '../../../server/prescreens/prescreens.ts';
import { onBothEngines } from '../../support/databases.ts';

const request = {
  prompts: 'prompts',
  baseline: 'base',
  candidates: ['x'],
  checkpoints: [],
  rewards: ['r'],
  require: [],
  seed: 0,
};
/** A worker is given up for dead when it has not been heard of for so long. */
const stale = 120_000;

onBothEngines('prescreens', (open) => {
  const submit = async (db: Database, now: number) => (await submitPrescreen(db, request, { now })).prescreen.id;

  it('the oldest is taken first, each by one worker', async () => {
    const { db } = await open();
    const [second, first] = [await submit(db, 2), await submit(db, 1)];
    const taken = await Promise.all([takePrescreen(db, 3), takePrescreen(db, 3)]);
    const more = [await takePrescreen(db, 3), await takePrescreen(db, 3)];
    expect([...taken, ...more].flatMap((row) => (row === undefined ? [] : [row.id])).sort()).toEqual(
      [first, second].sort(),
    );
    expect(await isPrescreenWaiting(db, 3)).toBe(false);
  });

  it('a worker that is heard of keeps it; one that is not loses it to the next', async () => {
    const { db } = await open();
    const id = await submit(db, 0);
    await takePrescreen(db, 0);
    await reportProgress(db, id, { task: 'rendering', done: 1, total: 2 }, stale);
    expect(await takePrescreen(db, 2 * stale)).toBeUndefined();
    expect(await isPrescreenWaiting(db, 2 * stale + 1)).toBe(true);
    expect(await takePrescreen(db, 2 * stale + 1)).toMatchObject({ id, state: 'running', progress: { done: 1 } });
  });

  it('three workers lost are enough: it fails with a sentence, and the next one is taken', async () => {
    const { db } = await open();
    const id = await submit(db, 0);
    for (let lost = 0; lost < 3; lost++) expect((await takePrescreen(db, lost * (stale + 1)))?.id).toBe(id);
    const next = await submit(db, 1);
    expect((await takePrescreen(db, 3 * (stale + 1)))?.id).toBe(next);
    expect(await readPrescreen(db, id)).toMatchObject({
      state: 'failed',
      exitCode: 1,
      error: 'Its worker ended 3 times without a word, as a process does that is killed or out of memory.',
    });
  });

  it('one that was stopped with a word waits again and has lost nobody', async () => {
    const { db } = await open();
    const id = await submit(db, 0);
    for (let stop = 0; stop < 5; stop++) {
      expect((await takePrescreen(db, stop))?.id).toBe(id);
      await finishPrescreen(db, id, { requeue: true }, stop);
    }
    expect((await takePrescreen(db, 9))?.state).toBe('running');
  });
});
