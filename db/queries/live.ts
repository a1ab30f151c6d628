/** @file Counts over a whole study's people: read beside the votes, never by the process that takes them. */
import { sql } from 'kysely';
import type { Database } from '../open.ts';

export async function votesByCriterion(db: Database, studyId: string): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('tally')
    .select(['criterion', sql<number>`sum(a + b + tie)`.as('votes')])
    .where('study_id', '=', studyId)
    .where('population', '=', 'people')
    .groupBy('criterion')
    .execute();
  return new Map(rows.map(({ criterion, votes }) => [criterion, Number(votes)]));
}

export async function countAtWork(db: Database, studyId: string, now: number): Promise<number> {
  const row = await db
    .selectFrom('assignment as x')
    .innerJoin('annotator as n', 'n.id', 'x.annotator_id')
    .select((e) => e.fn.count<number>('x.annotator_id').distinct().as('people'))
    .where('x.study_id', '=', studyId)
    .where('x.state', '=', 'leased')
    .where('x.expires_at', '>', now)
    .where('n.population', '=', 'people')
    .executeTakeFirstOrThrow();
  return Number(row.people);
}

/** How many people took each step. */
export async function countSteps(db: Database, studyId: string): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('visit_step as v')
    .innerJoin('annotator as n', 'n.id', 'v.annotator_id')
    .select(['v.step', (e) => e.fn.count<number>('v.annotator_id').distinct().as('people')])
    .where('n.study_id', '=', studyId)
    .where('n.population', '=', 'people')
    .groupBy('v.step')
    .execute();
  return new Map(rows.map(({ step, people }) => [step, Number(people)]));
}

/** Everybody who came, by how their visit ended; null while it goes on. */
export async function countEnds(db: Database, studyId: string): Promise<{ reason: string | null; people: number }[]> {
  const rows = await db
    .selectFrom('annotator')
    .select(['end_reason as reason', (e) => e.fn.countAll<number>().as('people')])
    .where('study_id', '=', studyId)
    .where('population', '=', 'people')
    .groupBy('end_reason')
    .orderBy('end_reason')
    .execute();
  return rows.map(({ reason, people }) => ({ reason, people: Number(people) }));
}
