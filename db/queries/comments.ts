/** @file Queries on what researchers say of a study and its pairs. */
import type { Database } from '../open.ts';
import type { CommentTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

export type Comment = ObjectOf<CommentTable>;

export async function insertComment(db: Database, comment: Comment): Promise<void> {
  await db.insertInto('comment').values(rowOf<CommentTable>(comment)).execute();
}

/** Oldest first. */
export async function listComments(db: Database, studyId: string): Promise<Comment[]> {
  const rows = await db
    .selectFrom('comment')
    .selectAll()
    .where('study_id', '=', studyId)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map((row) => objectOf(row));
}

export async function countComments(db: Database, studyId: string): Promise<number> {
  const { count } = await db
    .selectFrom('comment')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('study_id', '=', studyId)
    .executeTakeFirstOrThrow();
  return Number(count);
}

export async function findComment(db: Database, studyId: string, id: string): Promise<Comment | undefined> {
  const row = await db
    .selectFrom('comment')
    .selectAll()
    .where('study_id', '=', studyId)
    .where('id', '=', id)
    .executeTakeFirst();
  return row && objectOf(row);
}

export async function deleteComment(db: Database, studyId: string, id: string): Promise<void> {
  await db.deleteFrom('comment').where('study_id', '=', studyId).where('id', '=', id).execute();
}
