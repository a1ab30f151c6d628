/**
 * @file The database goes away, is held, is full, while people vote: the server stays, says so, and loses nothing. Slow: it
 * starts a PostgreSQL of its own and waits for locks.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, openDatabase, type Database } from '../../db/open.ts';
import type { AssignmentView, VoteResult } from '../../contract/annotate.ts';
import { freshSqlite } from '../support/databases.ts';
import { TestClient, testServer } from '../support/clients.ts';
import { startPostgres, type PostgresServer } from '../support/postgres.ts';
import { openStudyOf } from '../support/studies.ts';

const ready = async (url: string) => (await fetch(`${url}/readyz`)).status;
const healthy = async (url: string) => (await fetch(`${url}/healthz`)).status;

/** Votes until told to stop; every refusal but "unavailable" fails the test. */
async function keepVoting(url: string, token: string, name: string, until: () => boolean) {
  const acknowledged: string[] = [];
  let unavailable = 0;
  const connected = async (): Promise<TestClient> => {
    try {
      return await TestClient.connect(url, token, name);
    } catch (error) {
      if ((error as { code?: string }).code !== 'unavailable') throw error;
      unavailable += 1;
      await sleep(20);
      return connected();
    }
  };
  const client = await connected();
  const ask = async <T>(event: string, payload: unknown): Promise<T | undefined> => {
    for (;;) {
      const answer = await client.send<T>(event, payload);
      if (answer.ok) return answer.data;
      if (answer.error.code !== 'unavailable')
        throw new Error(`${event}: ${answer.error.code}: ${answer.error.message}`);
      unavailable += 1;
      if (until()) return undefined;
      await sleep(20);
    }
  };
  while (!until()) {
    const assignment = await ask<AssignmentView | null>('assignment:next', {});
    if (assignment == null) break;
    for (const criterion of assignment.criteria) {
      const vote = { voteId: randomUUID(), assignmentId: assignment.id, criterion, choice: 'left', responseTimeMs: 5 };
      if ((await ask<VoteResult>('vote:cast', vote)) !== undefined) acknowledged.push(vote.voteId);
    }
  }
  client.close();
  return { acknowledged, unavailable };
}

async function countedIds(db: Database): Promise<Set<string>> {
  const rows = await db.selectFrom('slot').select('vote_id').execute();
  return new Set(rows.map((row) => row.vote_id));
}

describe('PostgreSQL', () => {
  let postgres: PostgresServer | undefined;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres?.remove());

  it('backends are ended ten times and the server restarted while people vote: nobody’s vote is lost, nobody’s page ends', async ({
    skip,
  }) => {
    if (postgres === undefined) skip('no PostgreSQL here');
    const db = await openDatabase(postgres!.url);
    const fixture = await openStudyOf(db, { pairs: 400, votesPerPair: 4 });
    const server = await testServer(db, fixture.dataFolder);
    let over = false;
    const people = ['ann', 'bob', 'cy', 'dee'].map((name) => keepVoting(server.url, fixture.token, name, () => over));
    const executioner = async () => {
      const client = new pg.Client({ connectionString: postgres!.url });
      client.on('error', () => undefined);
      await client.connect();
      await client.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
      await client.end();
    };
    for (let i = 0; i < 10; i++) {
      await sleep(120);
      await executioner();
    }
    await sleep(200);
    postgres!.stop('immediate');
    await sleep(300);
    expect(await ready(server.url)).toBe(503);
    expect(await healthy(server.url)).toBe(200);
    postgres!.start();
    const back = Date.now();
    while ((await ready(server.url)) !== 200) expect(Date.now() - back).toBeLessThan(5000);
    await sleep(500);
    over = true;
    const results = await Promise.all(people);
    const counted = await countedIds(db);
    const acknowledged = results.flatMap((result) => result.acknowledged);
    expect(acknowledged.length).toBeGreaterThan(50);
    for (const id of acknowledged) expect(counted).toContain(id);
    expect(results.reduce((sum, { unavailable }) => sum + unavailable, 0)).toBeGreaterThan(0);
    await server.close();
    await db.destroy();
  }, 120_000);

  it('a process that hangs in a transaction makes others wait for seconds, not for ever', async ({ skip }) => {
    if (postgres === undefined) skip('no PostgreSQL here');
    const name = `t_${randomUUID().replaceAll('-', '')}`;
    const admin = new pg.Client({ connectionString: postgres!.url });
    await admin.connect();
    await admin.query(`create database ${name}`);
    await admin.end();
    const location = postgres!.url.replace(/\/postgres$/, `/${name}`);
    const db = await openDatabase(location);
    const fixture = await openStudyOf(db, { pairs: 2 });
    const server = await testServer(db, fixture.dataFolder);
    const client = await TestClient.connect(server.url, fixture.token, 'ann');
    const held = (await client.next())!;
    const vote = {
      voteId: randomUUID(),
      assignmentId: held.id,
      criterion: held.criteria[0],
      choice: 'left',
      responseTimeMs: 9,
    };
    const other = connect(location);
    const bob = await TestClient.connect(server.url, fixture.token, 'bob');
    // It never ends its transaction; after a quarter of a minute PostgreSQL does.
    const hanging = other.transaction().execute(async (tx) => {
      await sql`update annotator set votes = votes where participant = 'ann'`.execute(tx);
      await sleep(18_000);
      await sql`select 1`.execute(tx);
    });
    hanging.catch(() => undefined);
    await sleep(300);
    const begun = Date.now();
    // Whoever has nothing to do with it goes on.
    expect(await bob.answerNext()).toBe(true);
    expect(Date.now() - begun).toBeLessThan(2000);
    expect(await client.refused('vote:cast', vote)).toBe('unavailable');
    expect(Date.now() - begun).toBeLessThan(8000);
    while ((await client.send('vote:cast', vote)).ok === false) expect(Date.now() - begun).toBeLessThan(25_000);
    client.close();
    bob.close();
    await server.close();
    await db.destroy();
    await other.destroy();
  }, 90_000);
});

describe('SQLite', () => {
  it('held by another process for seconds it is waited for, and the server answers meanwhile', async () => {
    const { db, location } = await freshSqlite();
    const fixture = await openStudyOf(db, { pairs: 2 });
    const server = await testServer(db, fixture.dataFolder);
    const client = await TestClient.connect(server.url, fixture.token, 'ann');
    const assignment = (await client.next())!;
    const other = connect(location);
    const held = other.transaction().execute(() => sleep(2500));
    await sleep(100);
    const begun = Date.now();
    const vote = client.vote(assignment.id, 'appeal', 'left');
    const delays: number[] = [];
    for (let i = 0; i < 10; i++) {
      const asked = performance.now();
      expect(await healthy(server.url)).toBe(200);
      delays.push(performance.now() - asked);
      await sleep(100);
    }
    expect((await vote).counted).toBe(true);
    expect(Date.now() - begun).toBeGreaterThan(1500);
    // The lock is waited for without holding the event loop.
    expect(Math.max(...delays)).toBeLessThan(1000);
    await held;
    client.close();
    await server.close();
    await other.destroy();
  });

  it('full, it refuses with "unavailable", is not ready, and goes on when there is room', async () => {
    const { db } = await freshSqlite();
    const fixture = await openStudyOf(db, { pairs: 200, votesPerPair: 1 });
    const server = await testServer(db, fixture.dataFolder);
    const client = await TestClient.connect(server.url, fixture.token, 'ann');
    const pages = (await sql<{ page_count: number }>`pragma page_count`.execute(db)).rows[0]!.page_count;
    await sql.raw(`pragma max_page_count = ${pages}`).execute(db);
    const acknowledged: string[] = [];
    let refused = '';
    for (let i = 0; i < 190 && refused === ''; i++) {
      const next = await client.send<AssignmentView | null>('assignment:next', {});
      if (!next.ok) {
        refused = next.error.code;
        break;
      }
      for (const criterion of next.data!.criteria) {
        const voteId = randomUUID();
        const answer = await client.send('vote:cast', {
          voteId,
          assignmentId: next.data!.id,
          criterion,
          choice: 'left',
          responseTimeMs: 1,
        });
        if (answer.ok) acknowledged.push(voteId);
        else refused = answer.error.code;
      }
    }
    expect(refused).toBe('unavailable');
    await sql.raw(`pragma max_page_count = ${pages + 1000}`).execute(db);
    expect(await client.next()).not.toBeNull();
    expect(await ready(server.url)).toBe(200);
    const counted = await countedIds(db);
    for (const id of acknowledged) expect(counted).toContain(id);
    client.close();
    await server.close();
  });

  it('that can only be read is not ready', async () => {
    const { db } = await freshSqlite();
    const fixture = await openStudyOf(db, { pairs: 1 });
    const server = await testServer(db, fixture.dataFolder);
    expect(await ready(server.url)).toBe(200);
    await sql`pragma query_only = on`.execute(db);
    const response = await fetch(`${server.url}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { code: 'unavailable' } });
    expect(await healthy(server.url)).toBe(200);
    await server.close();
  });
});
