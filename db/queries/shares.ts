/** @file Queries on links to reports. */
import type { Database } from '../open.ts';
import type { ShareTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

export type Share = ObjectOf<ShareTable>;

export async function insertShare(db: Database, share: Share): Promise<void> {
  await db.insertInto('share').values(rowOf<ShareTable>(share)).execute();
}

/** Newest first. */
export async function listShares(db: Database, studyId: string): Promise<Share[]> {
  const rows = await db
    .selectFrom('share')
    .selectAll()
    .where('study_id', '=', studyId)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .execute();
  return rows.map((row) => objectOf(row));
}

/** False when there is none that is still good. */
export async function endShare(db: Database, studyId: string, id: string, now: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('share')
    .set({ revoked_at: now })
    .where('id', '=', id)
    .where('study_id', '=', studyId)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Name of the study that a key opens; undefined when it is none, over or taken back. */
export async function studyOfShare(db: Database, keySha256: string, now: number): Promise<string | undefined> {
  const row = await db
    .selectFrom('share as h')
    .innerJoin('study as s', 's.id', 'h.study_id')
    .select('s.name')
    .where('h.key_sha256', '=', keySha256)
    .where('h.revoked_at', 'is', null)
    .where('h.expires_at', '>', now)
    .executeTakeFirst();
  return row?.name;
}
