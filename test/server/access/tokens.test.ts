/** @file Tokens that are taken back, sessions that end everywhere, and a log that shows when it was changed. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import { inTransaction } from '../../../db/transactions.ts';
import { fromCommandLine, readAudit, record } from '../../../server/access/audit.ts';
import { allTokens, createToken, revokeToken } from '../../../server/access/tokens.ts';
import { Sessions } from '../../../server/http/session.ts';
import { onBothEngines } from '../../support/databases.ts';
import { testServer } from '../../support/clients.ts';
import { openStudyOf } from '../../support/studies.ts';

const soon = () => Date.now() + 60_000;

async function statusOf(url: string, token: string): Promise<number> {
  return (await fetch(`${url}/api/studies`, { headers: { authorization: `Bearer ${token}` } })).status;
}

/** Asks until the server says so, for at most five seconds. */
async function becomes(url: string, token: string, status: number): Promise<void> {
  for (let i = 0; i < 50; i++) {
    if ((await statusOf(url, token)) === status) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`it never answered ${status}`);
}

onBothEngines('access', (fresh) => {
  it('a revoked token opens nothing, also at a server that already runs; others go on', async () => {
    const { db } = await fresh();
    const { dataFolder } = await openStudyOf(db, { pairs: 1 });
    const server = await testServer(db, dataFolder);
    // As the command line does, beside the server.
    const sessions = await Sessions.open(db);
    const one = await createToken(
      db,
      sessions,
      { expires: soon(), scope: 'all', label: 'nightly' },
      fromCommandLine,
      10,
    );
    const two = await createToken(
      db,
      sessions,
      { expires: soon(), scope: 'prescreen', label: '' },
      fromCommandLine,
      20,
    );
    expect(await statusOf(server.url, one.token)).toBe(200);
    expect(await allTokens(db)).toMatchObject([
      { id: two.id, scope: 'prescreen', revokedAt: null },
      { id: one.id, scope: 'all', label: 'nightly', createdAt: 10, revokedAt: null },
    ]);
    await revokeToken(db, one.id, 'command line');
    await becomes(server.url, one.token, 401);
    expect(await statusOf(server.url, one.token)).toBe(401);
    const other = await createToken(db, sessions, { expires: soon(), scope: 'all', label: '' }, fromCommandLine);
    expect(await statusOf(server.url, other.token)).toBe(200);
    await expect(revokeToken(db, one.id, 'command line')).rejects.toMatchObject({ code: 'not-found' });
    await expect(revokeToken(db, 'none', 'command line')).rejects.toMatchObject({ code: 'not-found' });

    await sessions.signOutEverywhere('command line');
    await becomes(server.url, other.token, 401);
    const after = await createToken(db, sessions, { expires: soon(), scope: 'all', label: '' }, fromCommandLine);
    expect(await statusOf(server.url, after.token)).toBe(200);
    await server.close();
  });

  it('what researchers do is in the log, by ids; who did it over HTTP too', async () => {
    const { db } = await fresh();
    const { dataFolder, name } = await openStudyOf(db, { pairs: 1 });
    const server = await testServer(db, dataFolder);
    const { id, token } = await createToken(
      db,
      await Sessions.open(db),
      { expires: soon(), scope: 'all', label: 'a name' },
      fromCommandLine,
    );
    await fetch(`${server.url}/api/studies/${name}`, {
      method: 'PATCH',
      body: '{"state":"paused"}',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });
    const link = new URL(await server.researcherLink());
    const body = new URLSearchParams({ key: link.searchParams.get('key')! });
    const signedIn = await fetch(`${server.url}/research/login`, { method: 'POST', body, redirect: 'manual' });
    const cookie = signedIn.headers.get('set-cookie')!.split(';')[0]!;
    const session = `session ${cookie.split('.')[2]!}`;
    await fetch(`${server.url}/api/studies/${name}`, {
      method: 'PATCH',
      body: '{"state":"open"}',
      headers: { cookie, 'content-type': 'application/json', origin: server.url },
    });
    const { entries, brokenAt } = await readAudit(db);
    expect(entries.map(({ actor, action, subject }) => [actor, action, subject])).toEqual([
      ['command line', 'study create', name],
      ['command line', 'study open', name],
      ['command line', 'token create', id],
      [`token ${id}`, 'study paused', name],
      [session, 'sign in', 'login link'],
      [session, 'study open', name],
    ]);
    expect(brokenAt).toBeNull();
    await server.close();
  });

  it('entries written at once are one chain', async () => {
    const { db } = await fresh();
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        inTransaction(db, (tx) => record(tx, { actor: `token ${i}`, action: 'try', subject: 'x' })),
      ),
    );
    const { entries, brokenAt } = await readAudit(db);
    expect([entries.length, brokenAt]).toEqual([20, null]);
  });
});

describe('the log', () => {
  const changes: [string, (db: Database) => Promise<unknown>, number][] = [
    ['an entry that is changed', (db) => sql`update audit set subject = 'y' where position = 3`.execute(db), 3],
    ['an entry that is taken out', (db) => sql`delete from audit where position = 2`.execute(db), 3],
    [
      'two entries exchanged',
      (db) => sql`update audit set position = case position when 2 then -2 else position end`.execute(db),
      -2,
    ],
    ['a hash that is made anew', (db) => sql`update audit set hash = 'x' where position = 4`.execute(db), 4],
  ];
  onBothEngines('is broken by', (fresh) => {
    it.each(changes)('%s', async (_, change, at) => {
      const { db } = await fresh();
      for (let i = 0; i < 5; i++)
        await inTransaction(db, (tx) => record(tx, { actor: 'a', action: 'b', subject: `${i}` }, i));
      expect((await readAudit(db)).brokenAt).toBeNull();
      await change(db);
      expect((await readAudit(db)).brokenAt).toBe(at);
    });

    it('nothing when many write at once, as several servers do', async () => {
      const { db } = await fresh();
      const write = (i: number) =>
        db.transaction().execute((tx) => record(tx, { actor: 'a', action: 'b', subject: `${i}` }, i));
      await Promise.all(Array.from({ length: 12 }, (_, i) => write(i)));
      const { entries, brokenAt } = await readAudit(db);
      expect(brokenAt).toBeNull();
      expect(entries.map(({ subject }) => Number(subject)).sort((a, b) => a - b)).toEqual([...Array(12).keys()]);
    });
  });
});
