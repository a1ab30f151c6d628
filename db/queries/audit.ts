/** @file Queries on the log of what researchers did. Entries are only added. */
import { sql } from 'kysely';
import { isPostgres } from '../engine.ts';
import type { Database } from '../open.ts';
import type { AuditTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

/** A number that no other lock of the program has. */
const auditLock = 0x61756469;
export type AuditEntry = ObjectOf<AuditTable>;

/** Until the transaction ends nobody else adds an entry: each follows from the one before. SQLite has one writer anyway. */
export async function lockAudit(tx: Database): Promise<void> {
  if (isPostgres(tx)) await sql`select pg_advisory_xact_lock(${auditLock})`.execute(tx);
}

export async function lastAuditEntry(db: Database): Promise<AuditEntry | undefined> {
  const row = await db.selectFrom('audit').selectAll().orderBy('position', 'desc').limit(1).executeTakeFirst();
  return row && objectOf(row);
}

/** Its position is its primary key: two at once are not both the next one. */
export async function insertAuditEntry(db: Database, entry: AuditEntry): Promise<void> {
  await db.insertInto('audit').values(rowOf<AuditTable>(entry)).execute();
}

/** All of them, or those on one subject, oldest first. */
export async function listAuditEntries(db: Database, subject?: string): Promise<AuditEntry[]> {
  const rows = await db
    .selectFrom('audit')
    .selectAll()
    .$if(subject !== undefined, (query) => query.where('subject', '=', subject!))
    .orderBy('position')
    .execute();
  return rows.map((row) => objectOf(row));
}

/** Whether the log tells of this since then. */
export async function hasAuditEntry(
  db: Database,
  { actor, action, subject, since }: Pick<AuditEntry, 'actor' | 'action' | 'subject'> & { since: number },
): Promise<boolean> {
  const row = await db
    .selectFrom('audit')
    .select('position')
    .where('actor', '=', actor)
    .where('action', '=', action)
    .where('subject', '=', subject)
    .where('created_at', '>=', since)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
