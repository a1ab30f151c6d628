/** @file Queries on login links and secrets. */
import type { Database } from '../open.ts';
import type { LoginLinkTable, TokenTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

export type LoginLink = ObjectOf<LoginLinkTable>;

export async function insertLoginLink(db: Database, link: Omit<LoginLink, 'usedAt'>): Promise<void> {
  await db
    .insertInto('login_link')
    .values(rowOf<LoginLinkTable>({ ...link, usedAt: null }))
    .execute();
}

/** True for the first call with a key that exists and is still valid; false ever after. */
export async function useLoginLink(db: Database, keySha256: string, now: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('login_link')
    .set({ used_at: now })
    .where('key_sha256', '=', keySha256)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** A link that exists, was not used and is still valid. */
export async function goodLoginLink(db: Database, keySha256: string, now: number): Promise<LoginLink | undefined> {
  const row = await db
    .selectFrom('login_link')
    .selectAll()
    .where('key_sha256', '=', keySha256)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return row && objectOf(row);
}

/** Links that were not used sign nobody in any more. @param accountId whose; everybody's without one */
export async function endLoginLinks(db: Database, accountId?: string): Promise<void> {
  await db
    .deleteFrom('login_link')
    .where('used_at', 'is', null)
    .$if(accountId !== undefined, (query) => query.where('account_id', '=', accountId!))
    .execute();
}

export type Token = ObjectOf<TokenTable>;

export async function insertToken(db: Database, token: Token): Promise<void> {
  await db.insertInto('token').values(rowOf<TokenTable>(token)).execute();
}

/** Newest first. */
export async function listTokens(db: Database): Promise<Token[]> {
  const rows = await db.selectFrom('token').selectAll().orderBy('created_at', 'desc').orderBy('id').execute();
  return rows.map((row) => objectOf(row));
}

/** False when there is none that is still good. */
export async function revokeToken(db: Database, id: string, now: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('token')
    .set({ revoked_at: now })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Ids of tokens that are revoked and would be good otherwise. */
export async function revokedTokens(db: Database, now: number): Promise<string[]> {
  const rows = await db
    .selectFrom('token')
    .select('id')
    .where('revoked_at', 'is not', null)
    .where('expires_at', '>', now)
    .execute();
  return rows.map(({ id }) => id);
}

/** Reads and writes a row: a database that can only be read takes no votes. */
export async function checkWritable(db: Database, now = Date.now()): Promise<void> {
  await db
    .insertInto('server_secret')
    .values({ name: 'readiness', value: String(now) })
    .onConflict((c) => c.column('name').doUpdateSet({ value: String(now) }))
    .execute();
}

/** What was signed with the one before is good no longer. */
export async function replaceSecret(db: Database, name: string, value: string): Promise<void> {
  await db.updateTable('server_secret').set({ value }).where('name', '=', name).execute();
}

/** The named secret; the first caller's `fresh` value becomes it. */
export async function serverSecret(db: Database, name: string, fresh: string): Promise<string> {
  await db
    .insertInto('server_secret')
    .values({ name, value: fresh })
    .onConflict((c) => c.column('name').doNothing())
    .execute();
  const row = await db.selectFrom('server_secret').select('value').where('name', '=', name).executeTakeFirstOrThrow();
  return row.value;
}

/** Likewise, when it is there. */
export async function findSecret(db: Database, name: string): Promise<string | undefined> {
  const row = await db.selectFrom('server_secret').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value;
}

/** @param value null takes it away */
export async function setSecret(db: Database, name: string, value: string | null): Promise<void> {
  if (value === null) {
    await db.deleteFrom('server_secret').where('name', '=', name).execute();
    return;
  }
  await db
    .insertInto('server_secret')
    .values({ name, value })
    .onConflict((c) => c.column('name').doUpdateSet({ value }))
    .execute();
}
