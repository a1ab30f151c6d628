/** @file Queries on accounts and on sessions that were ended. */
import type { Database } from '../open.ts';
import type { AccountTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

export type Account = ObjectOf<AccountTable>;

export async function insertAccount(db: Database, account: Account): Promise<void> {
  await db.insertInto('account').values(rowOf<AccountTable>(account)).execute();
}

/** By name. */
export async function listAccounts(db: Database): Promise<Account[]> {
  const rows = await db.selectFrom('account').selectAll().orderBy('name').execute();
  return rows.map((row) => objectOf(row));
}

export async function findAccount(
  db: Database,
  by: 'id' | 'name' | 'openid_subject',
  value: string,
): Promise<Account | undefined> {
  const row = await db.selectFrom('account').selectAll().where(by, '=', value).executeTakeFirst();
  return row && objectOf(row);
}

export async function updateAccount(db: Database, id: string, change: Partial<Account>): Promise<void> {
  await db.updateTable('account').set(rowOf<AccountTable>(change)).where('id', '=', id).execute();
}

/** What a session of theirs has to show at every request. */
export type Standing = Pick<Account, 'id' | 'name' | 'role' | 'generation'>;

/** Accounts that may sign in. */
export async function listStandings(db: Database): Promise<Standing[]> {
  const rows = await db
    .selectFrom('account')
    .select(['id', 'name', 'role', 'generation'])
    .where('disabled_at', 'is', null)
    .execute();
  return rows.map((row) => objectOf(row));
}

/** Ends one session; what has run out by itself is forgotten. */
export async function endSession(db: Database, id: string, expiresAt: number, now: number): Promise<void> {
  await db.deleteFrom('ended_session').where('expires_at', '<=', now).execute();
  await db
    .insertInto('ended_session')
    .values({ id, expires_at: expiresAt })
    .onConflict((c) => c.column('id').doNothing())
    .execute();
}

/** Ids of sessions that were ended and would be good otherwise. */
export async function endedSessions(db: Database, now: number): Promise<string[]> {
  const rows = await db.selectFrom('ended_session').select('id').where('expires_at', '>', now).execute();
  return rows.map(({ id }) => id);
}
