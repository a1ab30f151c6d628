/** @file Queries on votes, slots and retractions. Votes are only inserted. */
import type { Database } from '../open.ts';
import type { Choice, Population, Side, VoteTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

export interface Vote extends Omit<ObjectOf<VoteTable>, 'counted' | 'remaining'> {
  counted: boolean;
  /** The criteria that were still open after this vote, so that a retry gets the same answer. */
  remaining: string[];
}

export async function findVote(db: Database, id: string): Promise<Vote | undefined> {
  const row = await db.selectFrom('vote').selectAll().where('id', '=', id).executeTakeFirst();
  return row && objectOf(row, { counted: row.counted === 1, remaining: JSON.parse(row.remaining) as string[] });
}

/** The criteria of a seat and the vote that counts for each, null where none does. */
export function slotsOfSeat(db: Database, seatId: string) {
  return db
    .selectFrom('slot as s')
    .leftJoin('vote as v', 'v.id', 's.vote_id')
    .select(['s.criterion', 's.vote_id as voteId', 'v.assignment_id as assignmentId'])
    .where('s.seat_id', '=', seatId)
    .execute();
}

export async function insertVote(db: Database, vote: Vote): Promise<void> {
  const json = { counted: vote.counted ? 1 : 0, remaining: JSON.stringify(vote.remaining) };
  await db
    .insertInto('vote')
    .values(rowOf<VoteTable>({ ...vote, ...json }))
    .execute();
  if (!vote.counted) return;
  await db.updateTable('assignment').set({ voted: 1 }).where('id', '=', vote.assignmentId).execute();
  await db
    .updateTable('slot')
    .set({ vote_id: vote.id })
    .where('seat_id', '=', vote.seatId)
    .where('criterion', '=', vote.criterion)
    .where('vote_id', 'is', null)
    .execute();
}

/** The assignment of this annotator's newest vote that still counts. */
export async function lastVotedAssignment(db: Database, annotatorId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('vote as v')
    .innerJoin('slot as s', 's.vote_id', 'v.id')
    .innerJoin('assignment as a', 'a.id', 'v.assignment_id')
    .select('v.assignment_id as assignmentId')
    .where('v.annotator_id', '=', annotatorId)
    .where('a.state', '<>', 'expired')
    .orderBy('v.created_at', 'desc')
    .orderBy('a.reopened_at', 'desc')
    .orderBy('a.created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.assignmentId;
}

/** Takes back every vote of the assignment that counts. The votes stay; retractions are added. */
export async function retractVotes(
  db: Database,
  assignment: { id: string; seatId: string },
  now: number,
): Promise<void> {
  const rows = (await slotsOfSeat(db, assignment.seatId)).filter((slot) => slot.assignmentId === assignment.id);
  for (const { voteId, criterion } of rows) {
    await db.insertInto('retraction').values({ vote_id: voteId!, created_at: now }).execute();
    await db
      .updateTable('slot')
      .set({ vote_id: null })
      .where('seat_id', '=', assignment.seatId)
      .where('criterion', '=', criterion)
      .execute();
  }
}

export interface CountedVote {
  pair: number;
  prompt: string;
  category: string | null;
  challenge: string | null;
  annotator: string;
  criterion: string;
  choice: Choice;
  sideA: Side;
  responseTimeMs: number;
}

/** Every vote that counts, in an order that depends on the study alone. */
export function countedVotes(db: Database, studyId: string, population: Population): Promise<CountedVote[]> {
  return db
    .selectFrom('slot as s')
    .innerJoin('vote as v', 'v.id', 's.vote_id')
    .innerJoin('seat as t', 't.id', 's.seat_id')
    .innerJoin('assignment as x', 'x.id', 'v.assignment_id')
    .innerJoin('pair as p', 'p.id', 't.pair_id')
    .innerJoin('prompt as q', 'q.id', 'p.prompt_id')
    .innerJoin('annotator as n', 'n.id', 'v.annotator_id')
    .select([
      'p.position as pair',
      'q.text as prompt',
      'q.category',
      'q.challenge',
      'n.participant as annotator',
      'v.criterion',
      'v.choice',
      'x.side_a as sideA',
      'v.response_time_ms as responseTimeMs',
    ])
    .where('t.study_id', '=', studyId)
    .where('t.population', '=', population)
    .orderBy('p.position')
    .orderBy('v.criterion')
    .orderBy('t.seat_index')
    .execute();
}

/** The whole log: every vote ever cast with what became of it, oldest first. */
export function voteLog(db: Database, studyId: string, population: Population) {
  return db
    .selectFrom('vote as v')
    .innerJoin('assignment as x', 'x.id', 'v.assignment_id')
    .innerJoin('annotator as n', 'n.id', 'v.annotator_id')
    .innerJoin('pair as p', 'p.id', 'x.pair_id')
    .innerJoin('prompt as q', 'q.id', 'p.prompt_id')
    .leftJoin('slot as s', 's.vote_id', 'v.id')
    .leftJoin('retraction as r', 'r.vote_id', 'v.id')
    .select([
      'v.id as voteId',
      'p.position as item',
      'q.text as prompt',
      'q.category',
      'q.challenge',
      'n.participant as annotator',
      'v.criterion',
      'v.choice',
      'x.side_a as sideA',
      'v.response_time_ms as responseTimeMs',
      'v.created_at as createdAt',
      's.seat_id as countedSeat',
      'r.created_at as retractedAt',
    ])
    .where('v.study_id', '=', studyId)
    .where('n.population', '=', population)
    .orderBy('v.created_at')
    .orderBy('v.id')
    .execute();
}
