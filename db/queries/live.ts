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

/** Of each criterion the pairs of the plan that have all their votes, of people who are not left out. */
export async function countPairsDone(
  db: Database,
  studyId: string,
  votesPerPair: number,
): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom((from) =>
      from
        .selectFrom('slot as s')
        .innerJoin('seat as t', 't.id', 's.seat_id')
        .innerJoin('vote as v', 'v.id', 's.vote_id')
        .leftJoin('exclusion as x', (join) =>
          join.onRef('x.annotator_id', '=', 'v.annotator_id').on('x.ended_at', 'is', null),
        )
        .select(['t.pair_id', 's.criterion'])
        .where('x.id', 'is', null)
        .where('t.study_id', '=', studyId)
        .where('t.population', '=', 'people')
        .where('t.position', '>=', 0)
        .groupBy(['t.pair_id', 's.criterion'])
        .having((e) => e.fn.countAll(), '>=', votesPerPair)
        .as('done'),
    )
    .select(['criterion', (e) => e.fn.countAll<number>().as('pairs')])
    .groupBy('criterion')
    .execute();
  return new Map(rows.map(({ criterion, pairs }) => [criterion, Number(pairs)]));
}

/** When people's first vote was cast, and the response times since then of those that count on the study's pairs. */
export async function recentVotes(
  db: Database,
  studyId: string,
  since: number,
): Promise<{ first: number | null; times: number[] }> {
  const votes = db
    .selectFrom('vote as v')
    .innerJoin('annotator as n', 'n.id', 'v.annotator_id')
    .where('v.study_id', '=', studyId)
    .where('n.population', '=', 'people');
  const row = await votes.select((e) => e.fn.min('v.created_at').as('first')).executeTakeFirst();
  const rows = await votes
    .innerJoin('assignment as x', 'x.id', 'v.assignment_id')
    .select('v.response_time_ms as ms')
    .where('v.created_at', '>=', since)
    .where('v.counted', '=', 1)
    .where('x.kind', '=', 'work')
    .execute();
  const first = row?.first ?? null;
  return { first: first === null ? null : Number(first), times: rows.map(({ ms }) => Number(ms)) };
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
