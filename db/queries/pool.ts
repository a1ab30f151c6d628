/** @file Queries on the pairs that a study may still ask: those of an active study, which are drawn while people vote. */
import { sql } from 'kysely';
import type { Database } from '../open.ts';
import type { PoolTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';
import { insertRows } from './rows.ts';

/** A pair that may be drawn: in its pairing those of the lowest place come first. */
export type Candidate = ObjectOf<PoolTable>;

export async function insertPool(db: Database, candidates: readonly Candidate[]): Promise<void> {
  await insertRows(db, 'pool', candidates.map(rowOf<PoolTable>));
}

export interface Draws {
  /** Pairs that were drawn. */
  drawn: number;
  /** Of each pairing how likely it comes next; null: even. */
  odds: number[] | null;
}

/** How far a study's draws are. Nobody else draws until the transaction ends. */
export async function lockDraws(db: Database, studyId: string): Promise<Draws> {
  const row = await db
    .updateTable('study')
    .set((e) => ({ active_drawn: e.ref('active_drawn') }))
    .where('id', '=', studyId)
    .returning(['active_drawn', 'active_odds'])
    .executeTakeFirstOrThrow();
  return {
    drawn: Number(row.active_drawn),
    odds: row.active_odds === null ? null : (JSON.parse(row.active_odds) as number[]),
  };
}

export async function setDrawn(db: Database, studyId: string, drawn: number): Promise<void> {
  await db.updateTable('study').set({ active_drawn: drawn }).where('id', '=', studyId).execute();
}

export async function setOdds(db: Database, studyId: string, odds: readonly number[]): Promise<void> {
  await db
    .updateTable('study')
    .set({ active_odds: JSON.stringify(odds) })
    .where('id', '=', studyId)
    .execute();
}

/** How many pairs of each pairing were drawn, and how many it has in all. */
export async function countDraws(db: Database, studyId: string): Promise<{ drawn: number; all: number }[]> {
  const pool = await db
    .selectFrom('pool')
    .select(['pairing', (e) => e.fn.countAll<number>().as('count')])
    .where('study_id', '=', studyId)
    .groupBy('pairing')
    .orderBy('pairing')
    .execute();
  const drawn = await db
    .selectFrom('pair')
    .select(['pairing', (e) => e.fn.countAll<number>().as('count')])
    .where('study_id', '=', studyId)
    .where('position', '>=', 0)
    .groupBy('pairing')
    .execute();
  const counts = new Map(drawn.map(({ pairing, count }) => [pairing, Number(count)]));
  return pool.map(({ pairing, count }) => ({ drawn: counts.get(pairing) ?? 0, all: Number(count) }));
}

export async function candidateAt(db: Database, studyId: string, pairing: number, place: number): Promise<Candidate> {
  return objectOf(
    await db
      .selectFrom('pool')
      .selectAll()
      .where('study_id', '=', studyId)
      .where('pairing', '=', pairing)
      .where('place', '=', place)
      .executeTakeFirstOrThrow(),
  );
}

/** What people voted on one criterion, by pairing. */
export async function votesByPairing(
  db: Database,
  studyId: string,
  criterion: string,
): Promise<{ pairing: number; a: number; b: number; tie: number }[]> {
  const rows = await db
    .selectFrom('slot as s')
    .innerJoin('seat as t', 't.id', 's.seat_id')
    .innerJoin('vote as v', 'v.id', 's.vote_id')
    .innerJoin('assignment as x', 'x.id', 'v.assignment_id')
    .innerJoin('pair as p', 'p.id', 't.pair_id')
    .select([
      'p.pairing',
      sql<number>`sum(case when v.choice = x.side_a then 1 else 0 end)`.as('a'),
      sql<number>`sum(case when v.choice = 'tie' then 1 else 0 end)`.as('tie'),
      sql<number>`count(*)`.as('votes'),
    ])
    .where('t.study_id', '=', studyId)
    .where('t.population', '=', 'people')
    .where('t.position', '>=', 0)
    .where('s.criterion', '=', criterion)
    .groupBy('p.pairing')
    .orderBy('p.pairing')
    .execute();
  return rows.map(({ pairing, a, tie, votes }) => ({
    pairing,
    a: Number(a),
    tie: Number(tie),
    b: Number(votes) - Number(a) - Number(tie),
  }));
}
