/** @file Jobs that share a commit, jobs that lose a race, and queries that are built once. */
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isPostgres } from '../../db/engine.ts';
import type { Database } from '../../db/open.ts';
import { prepared } from '../../db/prepared.ts';
import { insertRows } from '../../db/queries/rows.ts';
import { Conflict, inTransaction, onCommit, type Commit } from '../../db/transactions.ts';
import { freshSqlite, onBothEngines } from '../support/databases.ts';

const put = (db: Database, name: string, value = 'x') =>
  db.insertInto('server_secret').values({ name, value }).execute();
const names = async (db: Database) =>
  (await db.selectFrom('server_secret').select('name').orderBy('name').execute()).map(({ name }) => name);

onBothEngines('a transaction', (fresh) => {
  it('of a job that fails changes nothing, and those beside it are kept', async () => {
    const { db } = await fresh();
    const results = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((name) =>
        inTransaction(db, async (tx) => {
          await put(tx, name);
          if (name === 'b') throw new RangeError('no');
          return name.toUpperCase();
        }),
      ),
    );
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason)))).toEqual([
      'A',
      'RangeError: no',
      'C',
      'D',
    ]);
    expect(await names(db)).toEqual(['a', 'c', 'd']);
  });

  it('is answered when its rows can be seen from elsewhere, not before', async () => {
    const { db } = await fresh();
    let answered = false;
    const job = inTransaction(db, (tx) => put(tx, 'a')).then(() => (answered = true));
    if (!isPostgres(db)) expect(answered).toBe(false);
    await job;
    expect(await names(db)).toEqual(['a']);
  });
});

describe('on SQLite', () => {
  // A clock that only the jobs move: how they are grouped depends on nothing that the machine does beside them.
  let now = 0;
  beforeEach(() => void vi.spyOn(performance, 'now').mockImplementation(() => now));
  afterEach(() => vi.restoreAllMocks());

  it('jobs that wait share a commit', async () => {
    const { db } = await freshSqlite();
    const commits: Commit[] = [];
    const stop = onCommit(db, (commit) => commits.push(commit));
    await Promise.all(Array.from({ length: 20 }, (_, i) => inTransaction(db, (tx) => put(tx, String(i)))));
    expect(commits.map(({ jobs }) => jobs)).toEqual([20]);
    stop();
    await inTransaction(db, (tx) => put(tx, 'later'));
    expect(commits).toHaveLength(1);
  });

  it('a group gives the event loop back when it has worked for a while', async () => {
    const { db } = await freshSqlite();
    const commits: number[] = [];
    onCommit(db, ({ jobs }) => commits.push(jobs));
    const slow = (tx: Database) => {
      now += 3;
      return put(tx, crypto.randomUUID());
    };
    await Promise.all(Array.from({ length: 12 }, () => inTransaction(db, slow)));
    // A group is closed after 5 ms: by its second job of 3 ms.
    expect(commits).toEqual([2, 2, 2, 2, 2, 2]);
  });

  it('when the commit fails all of its jobs do, and the next ones work', async () => {
    const { db } = await freshSqlite();
    const orphan = (tx: Database) => tx.insertInto('retraction').values({ vote_id: 'nobody', created_at: 1 }).execute();
    const results = await Promise.allSettled([
      inTransaction(db, (tx) => put(tx, 'a')),
      inTransaction(db, async (tx) => {
        // The missing vote is noticed at the commit alone.
        await sql`pragma defer_foreign_keys = on`.execute(tx);
        await orphan(tx);
      }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await inTransaction(db, (tx) => put(tx, 'b'));
    expect(await names(db)).toEqual(['b']);
  });

  it('a database that is closed refuses what waits for it', async () => {
    const { db } = await freshSqlite();
    await db.destroy();
    await expect(inTransaction(db, (tx) => put(tx, 'a'))).rejects.toThrow();
  });
});

onBothEngines('a lost race', (fresh) => {
  it('begins anew on PostgreSQL, and cannot happen on SQLite', async () => {
    const { db } = await fresh();
    let tries = 0;
    const job = inTransaction(db, async (tx) => {
      await put(tx, `try ${tries}`);
      tries += 1;
      if (tries < 3) throw new Conflict('somebody was faster');
      return tries;
    });
    if (!isPostgres(db)) {
      await expect(job).rejects.toThrow('faster');
      expect(await names(db)).toEqual([]);
      return;
    }
    expect(await job).toBe(3);
    expect(await names(db)).toEqual(['try 2']);
  });
});

onBothEngines('a prepared query', (fresh) => {
  const find = prepared((db, p: { name: string; other: string }) =>
    db.selectFrom('server_secret').select('value').where('name', 'in', [p.name, p.other]).orderBy('name'),
  );
  const rename = prepared((db, p: { from: string; to: string }) =>
    db.updateTable('server_secret').set({ name: p.to }).where('name', '=', p.from),
  );

  it('takes other values each time, each in its place', async () => {
    const { db } = await fresh();
    await put(db, 'a', '1');
    await put(db, 'b', '2');
    expect((await find(db, { name: 'b', other: 'c' })).rows).toEqual([{ value: '2' }]);
    expect((await find(db, { name: 'a', other: 'b' })).rows).toEqual([{ value: '1' }, { value: '2' }]);
    expect((await rename(db, { from: 'a', to: 'c' })).numAffectedRows).toBe(1n);
    expect((await rename(db, { from: 'a', to: 'd' })).numAffectedRows).toBe(0n);
    expect(await names(db)).toEqual(['b', 'c']);
  });

  it('inserts any number of rows, every one with its own values', async () => {
    const { db } = await fresh();
    const rows = Array.from({ length: 4321 }, (_, i) => ({ name: `n${i}`, value: String(i * 7) }));
    await insertRows(db, 'server_secret', rows);
    const stored = await db.selectFrom('server_secret').selectAll().execute();
    expect(new Map(stored.map(({ name, value }) => [name, value]))).toEqual(
      new Map(rows.map(({ name, value }) => [name, value])),
    );
  });
});
