/** @file Queries on seats beyond the plan's, for the pairs of people who are left out. */
import type { Database } from '../open.ts';
import type { Side } from '../tables.ts';

export interface ExcludedSeat {
  pairId: string;
  position: number;
  sideA: Side;
  /** The one that it is for, where the study splits them. */
  criterion: string | null;
  /** Votes that count on the seat, and how many of them are of people who are left out now. */
  votes: number;
  excluded: number;
}

/** Seats of the plan and beyond it on which somebody has voted who is left out now, in the plan's order. */
export async function seatsOfExcluded(db: Database, studyId: string): Promise<ExcludedSeat[]> {
  const rows = await db
    .selectFrom('slot as s')
    .innerJoin('seat as t', 't.id', 's.seat_id')
    .innerJoin('vote as v', 'v.id', 's.vote_id')
    .leftJoin('exclusion as x', (join) =>
      join.onRef('x.annotator_id', '=', 'v.annotator_id').on('x.ended_at', 'is', null),
    )
    .select(['t.pair_id as pairId', 't.position', 't.side_a as sideA', 't.seat_index', 't.criterion'])
    .select((e) => [e.fn.countAll<number>().as('votes'), e.fn.count<number>('x.id').as('excluded')])
    .where('t.study_id', '=', studyId)
    .where('t.population', '=', 'people')
    .where('t.position', '>=', 0)
    .groupBy(['t.id', 't.pair_id', 't.position', 't.side_a', 't.seat_index', 't.criterion'])
    .having((e) => e.fn.count('x.id'), '>', 0)
    .orderBy('t.position')
    .orderBy('t.seat_index')
    .execute();
  return rows.map(({ pairId, position, sideA, criterion, votes, excluded }) => ({
    ...{ pairId, position, sideA, criterion },
    votes: Number(votes),
    excluded: Number(excluded),
  }));
}

export interface ExtraSeat {
  id: string;
  pairId: string;
  seatIndex: number;
  sideA: Side;
  criterion: string | null;
  /** Whether somebody has it, or has voted on it. */
  isUsed: boolean;
  /** Whether somebody has held it and left: it can be put away, not deleted. */
  wasHeld: boolean;
}

/** @param planned seats of the plan that a pair has */
export async function extraSeatsOf(db: Database, studyId: string, planned: number): Promise<ExtraSeat[]> {
  const rows = await db
    .selectFrom('seat as t')
    .select((e) => [
      't.id',
      't.pair_id as pairId',
      't.seat_index as seatIndex',
      't.side_a as sideA',
      't.criterion',
      e
        .or([
          e('t.state', '<>', 'free'),
          e.exists(e.selectFrom('slot as s').select('s.seat_id').whereRef('s.seat_id', '=', 't.id')),
        ])
        .as('isUsed'),
      e.exists(e.selectFrom('assignment as a').select('a.id').whereRef('a.seat_id', '=', 't.id')).as('wasHeld'),
    ])
    .where('t.study_id', '=', studyId)
    .where('t.population', '=', 'people')
    .where('t.seat_index', '>=', planned)
    .where('t.position', '>=', 0)
    .orderBy('t.seat_index')
    .execute();
  return rows.map((row) => ({ ...row, isUsed: Boolean(row.isUsed), wasHeld: Boolean(row.wasHeld) }));
}

/** The largest index that any seat of a pair has, put away ones among them. */
export async function largestIndexes(db: Database, studyId: string): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('seat')
    .select((e) => ['pair_id', e.fn.max('seat_index').as('largest')])
    .where('study_id', '=', studyId)
    .where('population', '=', 'people')
    .groupBy('pair_id')
    .execute();
  return new Map(rows.map(({ pair_id, largest }) => [pair_id, Number(largest)]));
}

/** Below every place in a plan: nobody is given such a seat, and no count sees it. */
const away = -1_000_000_000;

const batch = 500;

/** @param ids of seats that somebody has held and left */
export async function putSeatsAway(db: Database, ids: readonly string[]): Promise<void> {
  for (let i = 0; i < ids.length; i += batch)
    await db
      .updateTable('seat')
      .set({ position: away })
      .where('id', 'in', ids.slice(i, i + batch))
      .where('state', '=', 'free')
      .execute();
}

/** @param ids of seats that nobody has held */
export async function deleteSeats(db: Database, ids: readonly string[]): Promise<void> {
  for (let i = 0; i < ids.length; i += batch)
    await db
      .deleteFrom('seat')
      .where('id', 'in', ids.slice(i, i + batch))
      .where('state', '=', 'free')
      .execute();
}

export async function setExtraSeats(db: Database, studyId: string, count: number): Promise<void> {
  await db.updateTable('study').set({ extra_seats: count }).where('id', '=', studyId).execute();
}
