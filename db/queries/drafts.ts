/** @file Queries on studies that are being written, and on their previews. */
import type { Database } from '../open.ts';
import type { DraftTable, PreviewTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

export type Draft = ObjectOf<DraftTable>;
export type Preview = ObjectOf<PreviewTable>;

/** Without their content, the one that was changed last first. */
export async function listDrafts(db: Database): Promise<Omit<Draft, 'content'>[]> {
  const rows = await db
    .selectFrom('draft')
    .select(['id', 'name', 'version', 'created_at', 'updated_at'])
    .orderBy('updated_at', 'desc')
    .orderBy('id')
    .execute();
  return rows.map((row) => objectOf(row));
}

export async function findDraft(db: Database, id: string): Promise<Draft | undefined> {
  const row = await db.selectFrom('draft').selectAll().where('id', '=', id).executeTakeFirst();
  return row && objectOf(row);
}

/** False when there is one with this id. */
export async function insertDraft(db: Database, draft: Draft): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('draft')
    .values(rowOf<DraftTable>(draft))
    .onConflict((c) => c.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** False when it is no longer of the version before. */
export async function changeDraft(
  db: Database,
  { id, name, content, version, updatedAt }: Omit<Draft, 'createdAt'>,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('draft')
    .set({ name, content, version, updated_at: updatedAt })
    .where('id', '=', id)
    .where('version', '=', version - 1)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** False when there is none of this version. */
export async function deleteDraft(db: Database, id: string, version: number): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('draft')
    .where('id', '=', id)
    .where('version', '=', version)
    .executeTakeFirst();
  return numDeletedRows === 1n;
}

export async function countDrafts(db: Database): Promise<number> {
  const { count } = await db
    .selectFrom('draft')
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** @param endsBefore older ones go */
export async function insertPreview(db: Database, preview: Preview, endsBefore: number): Promise<void> {
  await db.deleteFrom('preview').where('created_at', '<', endsBefore).execute();
  await db.insertInto('preview').values(rowOf<PreviewTable>(preview)).execute();
}

export async function countPreviews(db: Database, since: number): Promise<number> {
  const { count } = await db
    .selectFrom('preview')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('created_at', '>=', since)
    .executeTakeFirstOrThrow();
  return Number(count);
}

export async function findPreview(db: Database, token: string, since: number): Promise<Preview | undefined> {
  const row = await db
    .selectFrom('preview')
    .selectAll()
    .where('token', '=', token)
    .where('created_at', '>=', since)
    .executeTakeFirst();
  return row && objectOf(row);
}
