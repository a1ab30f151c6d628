/** @file The queue on the research page: how far jobs are, why one failed, ending one. Slow: it drives a browser. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../db/open.ts';
import { findJob, insertJob, insertSlices, type StoredJob, type StoredSlice } from '../../db/queries/jobs.ts';
import type { RunningServer } from '../../server/start.ts';
import { chromiumPath, launchBrowser } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { temporaryFolder } from '../support/folders.ts';
import { looksRight, openResearch, sizes } from '../support/research-page.ts';

describe.skipIf(chromiumPath === undefined)('jobs on the research page', () => {
  let db: Database;
  let server: RunningServer;
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  let startedAt: number;

  const add = async (job: Pick<StoredJob, 'id' | 'kind' | 'title' | 'state'>, slices: Partial<StoredSlice>[]) => {
    const now = Date.now();
    await insertJob(db, {
      ...job,
      ...{
        request: {},
        requestSha256: job.id,
        rateKey: 'x',
        priority: 0,
        store: 'x',
        memoryBytes: 0,
        createdAt: now - 70_000,
        updatedAt: now,
      },
      ...{
        deviceKind: job.state === 'waiting' ? null : 'cuda',
        error: slices.find(({ error }) => error)?.error ?? null,
      },
    });
    await insertSlices(
      db,
      slices.map((slice, position) => ({
        ...{ jobId: job.id, position, part: {}, items: 50, done: 0, state: 'waiting', worker: null, result: null },
        ...{ error: null, startedAt: null, heardAt: null, endedAt: null },
        ...slice,
      })),
    );
  };

  beforeAll(async () => {
    const folder = temporaryFolder();
    db = await openDatabase(join(folder, 'visavis.db'));
    startedAt = Date.now() - 45_000;
    await add({ id: 'one', kind: 'render', title: 'render parti-prompts with sdxl-ncp-dpo', state: 'running' }, [
      { state: 'done', done: 50, worker: 'gpu-1 812 cuda:0', startedAt },
      { state: 'running', done: 25, worker: 'gpu-1 812 cuda:0', startedAt },
      { state: 'running', done: 25, worker: 'gpu-2 77 cuda:0', startedAt },
      {},
    ]);
    await add({ id: 'two', kind: 'score', title: 'score parti-prompts by sdxl-dpo with pickscore', state: 'failed' }, [
      { state: 'done', done: 50, startedAt },
      { state: 'failed', error: 'model.onnx has changed since the reward "pickscore" was added.' },
    ]);
    await add({ id: 'three', kind: 'train', title: 'train ncp-dpo as run-7', state: 'waiting' }, [{ items: 1500 }]);
    server = await testServer(db, folder);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await db?.destroy();
  });

  it.each(sizes)('shows how far each is ($size)', async ({ size, width, height }) => {
    const { page } = await openResearch(browser, server, { viewport: { width, height } });
    await page.goto(`${server.url}/research`);
    const asked = Date.now();
    await page.getByRole('link', { name: 'Jobs', exact: true }).click();
    const row = (title: string) => page.getByRole('row').filter({ hasText: title });
    await row('sdxl-ncp-dpo').waitFor();
    const running = await row('sdxl-ncp-dpo').innerText();
    expect(running).toMatch(/100 of 200/);
    // What is left takes as long as the half that is done took: since it was started, until the page asked.
    const left = Number(/\b(\d+) s\b/.exec(running)![1]);
    expect(left).toBeGreaterThanOrEqual((asked - startedAt) / 1000 - 1);
    expect(left).toBeLessThanOrEqual((Date.now() - startedAt) / 1000 + 1);
    expect(running).toMatch(/gpu-1 812 cuda:0[\s\S]*gpu-2 77 cuda:0/);
    expect(await row('pickscore').innerText()).toContain('model.onnx has changed');
    expect(await row('run-7').innerText()).toContain('No worker has taken it yet.');
    await looksRight(page, 'jobs', size);
    await page.close();
  });

  it('ends one after asking once more', async () => {
    const { page } = await openResearch(browser, server);
    await page.goto(`${server.url}/research/jobs`);
    await page.getByRole('button', { name: 'Cancel train ncp-dpo as run-7' }).click();
    await page.getByRole('button', { name: 'Go on' }).click();
    expect((await findJob(db, 'three'))!.state).toBe('waiting');
    await page.getByRole('button', { name: 'Cancel train ncp-dpo as run-7' }).click();
    await page.getByRole('button', { name: 'End it' }).click();
    await page.getByRole('row').filter({ hasText: 'run-7' }).getByText('cancelled').waitFor();
    expect((await findJob(db, 'three'))!.state).toBe('cancelled');
    await page.close();
  });
});
