/** @file Queries on who is left out of the results. */
import type { Database } from '../open.ts';
import type { ExclusionTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

export type Exclusion = ObjectOf<ExclusionTable>;

/** Everybody who is left out now, and who was, oldest first. */
export async function exclusionsOf(db: Database, studyId: string): Promise<(Exclusion & { participant: string })[]> {
  const rows = await db
    .selectFrom('exclusion as x')
    .innerJoin('annotator as n', 'n.id', 'x.annotator_id')
    .selectAll('x')
    .select('n.participant')
    .where('x.study_id', '=', studyId)
    .orderBy('x.created_at')
    .orderBy('x.id')
    .execute();
  return rows.map((row) => objectOf(row));
}

export async function insertExclusion(db: Database, exclusion: Exclusion): Promise<void> {
  await db.insertInto('exclusion').values(rowOf<ExclusionTable>(exclusion)).execute();
}

/** @returns whether the person was left out */
export async function endExclusion(
  db: Database,
  annotatorId: string,
  { now, reason }: { now: number; reason: string | null },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('exclusion')
    .set({ ended_at: now, ended_reason: reason })
    .where('annotator_id', '=', annotatorId)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Whether somebody is left out now. */
export async function isExcluded(db: Database, annotatorId: string): Promise<boolean> {
  const row = await db
    .selectFrom('exclusion')
    .select('id')
    .where('annotator_id', '=', annotatorId)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  return row !== undefined;
}
