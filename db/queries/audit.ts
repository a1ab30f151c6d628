/** @file Queries on the log of what researchers did. Entries are only added. */
import type { Database } from '../open.ts';
import type { AuditTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

export type AuditEntry = ObjectOf<AuditTable>;

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
