/** @file Files that are gone, replaced or damaged: a sentence in readyz, a line of the log, a metric, and no vote into nothing. */
import { closeSync, openSync, renameSync, rmSync, statSync, writeSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { connect, openDatabase, type Database } from '../../db/open.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import type { RunningServer } from '../../server/start.ts';
import { freshSqlite } from '../support/databases.ts';
import { TestClient, testServer } from '../support/clients.ts';
import { openStudyOf } from '../support/studies.ts';

async function readiness(server: RunningServer): Promise<{ status: number; text: string }> {
  const response = await fetch(`${server.url}/readyz`);
  return { status: response.status, text: await response.text() };
}

/** Asks until the server says so, for at most ten seconds. */
async function becomes(server: RunningServer, status: number): Promise<string> {
  for (let i = 0; i < 100; i++) {
    const now = await readiness(server);
    if (now.status === status) return now.text;
    await sleep(100);
  }
  throw new Error(`readyz never said ${status}`);
}

const metric = async (server: RunningServer, line: string) =>
  (await (await fetch(`${server.url}/metrics`)).text()).split('\n').includes(line);

async function start(db: Database, pairs = 2) {
  const fixture = await openStudyOf(db, { pairs, votesPerPair: 1 });
  const server = await testServer(db, fixture.dataFolder, {}, { checksFiles: true });
  return { fixture, server, client: await TestClient.connect(server.url, fixture.token, 'ann') };
}

it('health › a database whose log was removed takes no votes until it is back', async () => {
  const { db, location } = await freshSqlite();
  const { server, client } = await start(db);
  expect(await client.answerNext()).toBe(true);
  renameSync(`${location}-wal`, `${location}-elsewhere`);
  expect(await becomes(server, 503)).toContain('removed or replaced');
  expect(await client.refused('assignment:next')).toBe('unavailable');
  expect(await metric(server, 'visavis_problem{problem="database-files-gone"} 1')).toBe(true);
  renameSync(`${location}-elsewhere`, `${location}-wal`);
  await becomes(server, 200);
  expect(await client.answerNext()).toBe(true);
  client.close();
  await server.close();
}, 30_000);

it('health › a pair whose image is gone is set aside and the next one comes; the image is named in readyz', async () => {
  const { db } = await freshSqlite();
  const fixture = await openStudyOf(db, { pairs: 2, votesPerPair: 2 });
  const { image_sha256 } = await db.selectFrom('render').select('image_sha256').executeTakeFirstOrThrow();
  const file = new ImageStore(fixture.dataFolder).placeOf(image_sha256);
  const copy = `${file}.copy`;
  copyFileSync(file, copy);
  rmSync(file);
  let server = await testServer(db, fixture.dataFolder, {}, { checksFiles: true });
  /** What was seen on the disk is believed for a minute; a new process has seen nothing. */
  const restarted = async () => {
    await server.close();
    server = await testServer(db, fixture.dataFolder);
    return server.url;
  };
  expect(await becomes(server, 503)).toContain(image_sha256);
  const client = await TestClient.connect(server.url, fixture.token, 'ann');
  // Whichever of the two is drawn first.
  expect(await client.answerNext()).toBe(true);
  expect(await client.answerNext()).toBe(false);
  expect(await metric(server, 'visavis_images_missing_total 1')).toBe(true);
  const problems = await db.selectFrom('problem').select('reason').execute();
  expect(problems).toEqual([{ reason: 'missing' }]);
  renameSync(copy, file);
  // With the image back it is for others.
  const other = await TestClient.connect(server.url, fixture.token, 'bob');
  expect([await other.answerNext(), await other.answerNext(), await other.answerNext()]).toEqual([true, true, false]);
  // All images away: that is the disk, and nobody loses a pair by it.
  renameSync(join(fixture.dataFolder, 'images'), join(fixture.dataFolder, 'elsewhere'));
  const third = await TestClient.connect(await restarted(), fixture.token, 'cy');
  expect(await third.refused('assignment:next')).toBe('unavailable');
  expect(await db.selectFrom('problem').select('reason').execute()).toHaveLength(1);
  renameSync(join(fixture.dataFolder, 'elsewhere'), join(fixture.dataFolder, 'images'));
  expect(await third.answerNext()).toBe(true);
  for (const each of [client, other, third]) each.close();
  await server.close();
}, 30_000);

it('health › a damaged database is noticed at the start, beside the votes', async () => {
  const { db, location } = await freshSqlite();
  await openStudyOf(db, { pairs: 300 });
  await db.destroy();
  // The last page belongs to the study's rows: an index or a table loses its entries.
  const handle = openSync(location, 'r+');
  writeSync(handle, Buffer.alloc(4096, 0xff), 0, 4096, statSync(location).size - 4096);
  closeSync(handle);
  const damaged = connect(location);
  const server = await testServer(damaged, location.replace(/visavis.db$/, ''), {}, { checksFiles: true });
  expect(await becomes(server, 503)).toContain('The database is damaged');
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  await server.close();
  await damaged.destroy();
}, 30_000);

it('health › a whole database with all of its images is ready', async () => {
  const { location } = await freshSqlite();
  const db = await openDatabase(location);
  const { server, client } = await start(db);
  await sleep(1500);
  expect(await readiness(server)).toEqual({ status: 200, text: '{"ok":true}' });
  client.close();
  await server.close();
  await db.destroy();
}, 30_000);
