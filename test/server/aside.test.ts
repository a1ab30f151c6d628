/** @file Long work runs in a thread: its answers are the same, its refusals stay refusals, and votes go on meanwhile. */
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { inTransaction } from '../../db/transactions.ts';
import { Aside } from '../../server/aside/aside.ts';
import { checkpointAside } from '../../server/aside/checkpoints.ts';
import { studyReport } from '../../server/study/study-report.ts';
import { freshSqlite, onBothEngines } from '../support/databases.ts';
import { TestClient, testServer } from '../support/clients.ts';
import { openStudyOf } from '../support/studies.ts';

onBothEngines('aside', (fresh) => {
  it('a report is the one that the domain makes, and a refusal keeps its code', async () => {
    const { db, location } = await fresh();
    const { name, token, dataFolder } = await openStudyOf(db, { pairs: 3, votesPerPair: 1 });
    const server = await testServer(db, dataFolder);
    const client = await TestClient.connect(server.url, token, 'ann');
    while (await client.answerNext());
    client.close();
    await server.close();
    const aside = new Aside(location);
    expect(await aside.run('report', { name })).toEqual(await studyReport(db, name));
    await expect(aside.run('report', { name: 'none' })).rejects.toMatchObject({
      code: 'not-found',
      message: 'There is no study named "none".',
    });
    await aside.close();
    // A call after its thread has ended gets another thread.
    expect(await aside.run('report', { name })).toMatchObject({ study: name });
    const cut = aside.run('report', { name });
    await aside.close();
    await expect(cut).rejects.toThrow('ended');
  });
});

it('aside › SQLite’s log is moved into the database while it is written to, and does not grow without end', async () => {
  const { db, location } = await freshSqlite();
  const aside = new Aside(location);
  const giveBack = await checkpointAside(db, aside, pino({ level: 'silent' }));
  const sizeOf = (file: string) => statSync(file).size;
  const begun = sizeOf(location);
  const fill = () =>
    inTransaction(db, (tx) =>
      tx
        .insertInto('server_secret')
        .values(Array.from({ length: 100 }, () => ({ name: randomUUID(), value: 'x'.repeat(20_000) })))
        .execute(),
    );
  for (let i = 0; i < 6; i++) await fill();
  // Nothing is moved by the connection that writes.
  expect(sizeOf(location)).toBe(begun);
  expect(sizeOf(`${location}-wal`)).toBeGreaterThan(10 * 2 ** 20);
  for (let i = 0; i < 100 && sizeOf(location) < 10 * 2 ** 20; i++) await sleep(100);
  expect(sizeOf(location)).toBeGreaterThan(10 * 2 ** 20);
  // What has been moved is written over. When exactly is the thread's: of six times two megabytes at most two are added.
  const log = sizeOf(`${location}-wal`);
  for (let i = 0; i < 6; i++) {
    await sleep(400);
    await fill();
  }
  expect(sizeOf(`${location}-wal`)).toBeLessThan(log + 5 * 2 ** 20);
  await giveBack();
  await aside.close();
}, 30_000);
