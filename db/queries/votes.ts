/** @file Queries on votes, slots and retractions. Votes are only inserted. */
import type { Database } from '../open.ts';
import { prepared } from '../prepared.ts';
import type { Population, StudyState, VoteTable } from '../tables.ts';
import { assignmentOf, type Assignment } from './assignments.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';
import type { Seat } from './studies.ts';

export interface Vote extends Omit<ObjectOf<VoteTable>, 'counted' | 'remaining' | 'bothBad'> {
  counted: boolean;
  /** A tie because neither image will do. */
  bothBad: boolean;
  /** The criteria that were still open after this vote, so that a retry gets the same answer. */
  remaining: string[];
}

/** What a vote is decided on, as one query reads it. */
export interface Ballot {
  assignment: Assignment;
  studyState: StudyState;
  seatState: Seat['state'];
  /** The votes that count on the assignment's seat, by criterion; from this assignment or from one before it. */
  slots: Map<string, { assignmentId: string }>;
  /** The vote that has the id already. */
  earlier: Vote | undefined;
}

const ballotRows = prepared((db, p: { assignmentId: string; voteId: string }) =>
  db
    .selectFrom('assignment as x')
    .innerJoin('seat as s', 's.id', 'x.seat_id')
    .innerJoin('study as t', 't.id', 'x.study_id')
    .leftJoin('slot as c', 'c.seat_id', 'x.seat_id')
    .leftJoin('vote as v', 'v.id', 'c.vote_id')
    .leftJoin('vote as e', (join) => join.on('e.id', '=', p.voteId))
    .selectAll('x')
    .select([
      's.state as seat_state',
      't.state as study_state',
      'c.criterion as slot_criterion',
      'v.assignment_id as slot_assignment',
      'e.id as earlier_id',
    ])
    .where('x.id', '=', p.assignmentId),
);

/** Undefined when there is no such assignment. */
export async function ballotFor(
  db: Database,
  { assignmentId, voteId }: { assignmentId: string; voteId: string },
): Promise<Ballot | undefined> {
  const { rows } = await ballotRows(db, { assignmentId, voteId });
  const [first] = rows;
  if (first === undefined) return undefined;
  return {
    assignment: assignmentOf(first),
    studyState: first.study_state,
    seatState: first.seat_state,
    slots: new Map(
      rows.flatMap(({ slot_criterion: criterion, slot_assignment: assignmentId }) =>
        criterion === null || assignmentId === null ? [] : [[criterion, { assignmentId }]],
      ),
    ),
    earlier: first.earlier_id === null ? undefined : await findVote(db, first.earlier_id),
  };
}

export async function isRetracted(db: Database, voteId: string): Promise<boolean> {
  const row = await db.selectFrom('retraction').select('vote_id').where('vote_id', '=', voteId).executeTakeFirst();
  return row !== undefined;
}

export async function findVote(db: Database, id: string): Promise<Vote | undefined> {
  const row = await db.selectFrom('vote').selectAll().where('id', '=', id).executeTakeFirst();
  return (
    row &&
    objectOf(row, {
      counted: row.counted === 1,
      bothBad: row.both_bad === 1,
      remaining: JSON.parse(row.remaining) as string[],
    })
  );
}

const slotRows = prepared((db, p: { seatId: string }) =>
  db
    .selectFrom('slot as s')
    .innerJoin('vote as v', 'v.id', 's.vote_id')
    .select(['s.criterion', 's.vote_id as voteId', 'v.assignment_id as assignmentId', 'v.created_at as createdAt'])
    .where('s.seat_id', '=', p.seatId),
);

/** The votes that count on a seat, at most one a criterion. */
export async function slotsOfSeat(db: Database, seatId: string) {
  return (await slotRows(db, { seatId })).rows;
}

const voteInsert = prepared((db, p: VoteTable) =>
  db.insertInto('vote').values({
    id: p.id,
    study_id: p.study_id,
    assignment_id: p.assignment_id,
    annotator_id: p.annotator_id,
    seat_id: p.seat_id,
    criterion: p.criterion,
    choice: p.choice,
    response_time_ms: p.response_time_ms,
    counted: p.counted,
    remaining: p.remaining,
    created_at: p.created_at,
    seen: p.seen,
    point: p.point,
    both_bad: p.both_bad,
  }),
);
/** A vote that counts fills its slot, whose primary key refuses a second one. */
export async function insertVote(db: Database, vote: Vote): Promise<void> {
  const json = {
    counted: vote.counted ? 1 : 0,
    bothBad: vote.bothBad ? 1 : 0,
    remaining: JSON.stringify(vote.remaining),
  };
  await voteInsert(db, rowOf<VoteTable>({ ...vote, ...json }));
}

/** To how many criteria of an assignment there is an answer, counted or not. */
export async function countAnswered(db: Database, assignmentId: string): Promise<number> {
  const { count } = await db
    .selectFrom('vote')
    .select((e) => e.fn.count<number>('criterion').distinct().as('count'))
    .where('assignment_id', '=', assignmentId)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** The assignment of this annotator's newest vote that still counts, of all that they have; `lastVoted` is faster. */
export async function lastVotedAssignment(db: Database, annotatorId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('assignment as a')
    .innerJoin('slot as s', 's.seat_id', 'a.seat_id')
    .innerJoin('vote as v', (join) => join.onRef('v.id', '=', 's.vote_id').onRef('v.assignment_id', '=', 'a.id'))
    .select('a.id')
    .where('a.annotator_id', '=', annotatorId)
    .where('a.state', '<>', 'expired')
    .orderBy('v.created_at', 'desc')
    .orderBy('a.reopened_at', 'desc')
    .orderBy('a.created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.id;
}

/** Takes back votes that count. The votes stay; retractions are added. @param votes as slotsOfSeat has them */
export async function retractVotes(
  db: Database,
  seatId: string,
  votes: readonly { voteId: string; criterion: string }[],
  now: number,
): Promise<void> {
  for (const { voteId, criterion } of votes) {
    await db.insertInto('retraction').values({ vote_id: voteId, created_at: now }).execute();
    await db.deleteFrom('slot').where('seat_id', '=', seatId).where('criterion', '=', criterion).execute();
  }
}

/** The whole log: every vote ever cast, or those on one pair, with what became of it, oldest first. */
export function voteLog(db: Database, studyId: string, population: Population, pair?: number) {
  return db
    .selectFrom('vote as v')
    .innerJoin('assignment as x', 'x.id', 'v.assignment_id')
    .innerJoin('annotator as n', 'n.id', 'v.annotator_id')
    .innerJoin('pair as p', 'p.id', 'x.pair_id')
    .innerJoin('prompt as q', 'q.id', 'p.prompt_id')
    .leftJoin('slot as s', (join) =>
      join
        .onRef('s.seat_id', '=', 'v.seat_id')
        .onRef('s.criterion', '=', 'v.criterion')
        .onRef('s.vote_id', '=', 'v.id'),
    )
    .leftJoin('retraction as r', 'r.vote_id', 'v.id')
    .select([
      'v.id as voteId',
      'p.position as pair',
      'p.pairing',
      'q.id as promptId',
      'q.text as prompt',
      'q.category',
      'q.challenge',
      'n.participant as annotator',
      'v.criterion',
      'v.choice',
      'v.both_bad as bothBad',
      'x.side_a as sideA',
      'v.response_time_ms as responseTimeMs',
      'v.created_at as createdAt',
      'v.point',
      's.seat_id as countedSeat',
      'r.created_at as retractedAt',
    ])
    .where('v.study_id', '=', studyId)
    .where('n.population', '=', population)
    .where('x.kind', '=', 'work')
    .$if(pair !== undefined, (query) => query.where('p.position', '=', pair!))
    .orderBy('v.created_at')
    .orderBy('v.id')
    .execute();
}
