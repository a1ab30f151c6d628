/** @file Queries on login links and secrets. */
import type { Database } from '../open.ts';

export async function insertLoginLink(db: Database, keySha256: string, expiresAt: number): Promise<void> {
  await db.insertInto('login_link').values({ key_sha256: keySha256, expires_at: expiresAt, used_at: null }).execute();
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

export async function isLoginLinkGood(db: Database, keySha256: string, now: number): Promise<boolean> {
  const row = await db
    .selectFrom('login_link')
    .select('key_sha256')
    .where('key_sha256', '=', keySha256)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return row !== undefined;
}

/** Reads and writes a row: a database that can only be read takes no votes. */
export async function checkWritable(db: Database, now = Date.now()): Promise<void> {
  await db
    .insertInto('server_secret')
    .values({ name: 'readiness', value: String(now) })
    .onConflict((c) => c.column('name').doUpdateSet({ value: String(now) }))
    .execute();
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
