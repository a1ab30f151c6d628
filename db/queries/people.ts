/** @file Queries on one participant, over all studies: what is stored of them, and taking their name away. */
import { sql } from 'kysely';
import type { Database } from '../open.ts';

/** Where somebody takes part, under their platform's id. */
export function annotatorsNamed(db: Database, participant: string) {
  return db
    .selectFrom('annotator as n')
    .innerJoin('study as s', 's.id', 'n.study_id')
    .select([
      'n.id',
      'n.study_id as studyId',
      's.name as study',
      's.state',
      'n.created_at as createdAt',
      'n.end_reason as endReason',
    ])
    .where('n.participant', '=', participant)
    .where('n.population', '=', 'people')
    .orderBy('s.name')
    .execute();
}

/** How the visit of each of a study's people ended, by their platform's id, and whether they are left out. */
export async function peopleWithEnds(db: Database, studyId: string) {
  const rows = await db
    .selectFrom('annotator as n')
    .leftJoin('exclusion as x', (join) => join.onRef('x.annotator_id', '=', 'n.id').on('x.ended_at', 'is', null))
    .select(['n.participant', 'n.end_reason as endReason', 'x.id as exclusionId'])
    .where('n.study_id', '=', studyId)
    .where('n.population', '=', 'people')
    .execute();
  return new Map(
    rows.map(({ participant, endReason, exclusionId }) => [
      participant,
      { endReason, isExcluded: exclusionId !== null },
    ]),
  );
}

/** Every vote that somebody cast, checks among them, oldest first. */
export function votesOfAnnotator(db: Database, annotatorId: string) {
  return db
    .selectFrom('vote as v')
    .innerJoin('assignment as x', 'x.id', 'v.assignment_id')
    .innerJoin('pair as p', 'p.id', 'x.pair_id')
    .innerJoin('prompt as q', 'q.id', 'p.prompt_id')
    .leftJoin('retraction as r', 'r.vote_id', 'v.id')
    .select([
      'v.id',
      'q.text as prompt',
      'x.kind',
      'v.criterion',
      'v.choice',
      'v.both_bad as bothBad',
      'v.response_time_ms as responseTimeMs',
    ])
    .select(['v.created_at as createdAt', 'v.seen', 'v.point', 'r.created_at as retractedAt'])
    .where('v.annotator_id', '=', annotatorId)
    .orderBy('v.created_at')
    .orderBy('v.id')
    .execute();
}

export function problemsOfAnnotator(db: Database, annotatorId: string) {
  return db
    .selectFrom('problem as m')
    .innerJoin('assignment as x', 'x.id', 'm.assignment_id')
    .innerJoin('pair as p', 'p.id', 'x.pair_id')
    .innerJoin('prompt as q', 'q.id', 'p.prompt_id')
    .select(['q.text as prompt', 'm.reason', 'm.created_at as createdAt'])
    .where('x.annotator_id', '=', annotatorId)
    .orderBy('m.created_at')
    .execute();
}

export function takeOversOfAnnotator(db: Database, annotatorId: string) {
  return db
    .selectFrom('take_over')
    .select('created_at as createdAt')
    .where('annotator_id', '=', annotatorId)
    .orderBy('created_at')
    .execute();
}

export function submissionsOfAnnotator(db: Database, annotatorId: string) {
  return db
    .selectFrom('submission')
    .select(['id', 'status', 'code', 'bonus_told as bonus', 'started_at as startedAt', 'created_at as createdAt'])
    .where('annotator_id', '=', annotatorId)
    .orderBy('created_at')
    .execute();
}

/** Takes the name, the browsers' secrets and what was answered at the steps around the voting away; votes stay. */
export async function forgetAnnotator(db: Database, annotatorId: string, pseudonym: string): Promise<void> {
  await db
    .updateTable('annotator')
    .set({ participant: pseudonym, secret_hash: null })
    .where('id', '=', annotatorId)
    .execute();
  await db.updateTable('take_over').set({ secret_hash: null }).where('annotator_id', '=', annotatorId).execute();
  // The platform's ids name them too. What it still tells of them is nobody's here.
  await db
    .updateTable('submission')
    .set((e) => ({
      annotator_id: null,
      // They are to be paid all the same.
      finished: e
        .selectFrom('annotator')
        .select(sql<number>`case when end_reason = 'finished' then 1 else 0 end`.as('finished'))
        .where('id', '=', annotatorId),
    }))
    .where('annotator_id', '=', annotatorId)
    .execute();
  // What was agreed to and practised decides where the visit stands; screens, languages and words are theirs.
  await db
    .updateTable('visit_step')
    .set({ answer: '{}' })
    .where('annotator_id', '=', annotatorId)
    .where('step', 'not in', ['consent', 'practice'])
    .execute();
}

/** How the pseudonym of somebody who was erased begins. */
export const erasedPrefix = 'erased-';
const erasedName = /^erased-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The ids of a study's people who still have their names. */
export async function peopleToForget(db: Database, studyId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('annotator')
    .select(['id', 'participant'])
    .where('study_id', '=', studyId)
    .where('population', '=', 'people')
    .orderBy('id')
    .execute();
  return rows.flatMap(({ id, participant }) => (erasedName.test(participant) ? [] : [id]));
}
