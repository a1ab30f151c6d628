/** @file Queries on annotators, seats and assignments: who sits where, until when, and what is shown. */
import { sql } from 'kysely';
import { isPostgres } from '../engine.ts';
import type { Database } from '../open.ts';
import type { AnnotatorTable, AssignmentTable, Population } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';
import type { Seat } from './studies.ts';

export type Annotator = ObjectOf<AnnotatorTable>;
export interface Assignment extends Omit<ObjectOf<AssignmentTable>, 'voted'> {
  /** A vote on it has counted. */
  voted: boolean;
}

function assignmentOf<Row extends { voted: number }>(row: Row) {
  return objectOf(row, { voted: row.voted === 1 });
}

/** Finds or makes the annotator. Safe when the same person connects twice at once. */
export async function ensureAnnotator(db: Database, annotator: Annotator): Promise<Annotator> {
  await db
    .insertInto('annotator')
    .values(rowOf<AnnotatorTable>(annotator))
    .onConflict((c) => c.columns(['study_id', 'population', 'participant']).doNothing())
    .execute();
  const row = await db
    .selectFrom('annotator')
    .selectAll()
    .where('study_id', '=', annotator.studyId)
    .where('population', '=', annotator.population)
    .where('participant', '=', annotator.participant)
    .executeTakeFirstOrThrow();
  return objectOf(row);
}

/**
 * Makes the changes to one study's seats follow one another, as they do on SQLite, whose transactions begin with the
 * write lock. Call it first in every transaction that leases, votes or undoes; what is read after it stays true.
 */
export async function lockStudy(db: Database, studyId: string): Promise<void> {
  if (isPostgres(db)) await sql`select pg_advisory_xact_lock(hashtextextended(${studyId}, 0))`.execute(db);
}

/** What this annotator should look at now: a reopened assignment first, then the oldest. Expired ones count. */
export async function heldAssignments(db: Database, annotatorId: string): Promise<Assignment[]> {
  const rows = await db
    .selectFrom('assignment')
    .selectAll()
    .where('annotator_id', '=', annotatorId)
    .where('state', '=', 'leased')
    .orderBy((e) => e.fn.coalesce('reopened_at', e.val(0)), 'desc')
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map(assignmentOf);
}

export async function findAssignment(db: Database, id: string): Promise<Assignment | undefined> {
  const row = await db.selectFrom('assignment').selectAll().where('id', '=', id).executeTakeFirst();
  return row && assignmentOf(row);
}

/** An assignment with votes whose lease ran out and whose seat nobody has taken since: it can go on. */
export async function revivableAssignment(db: Database, annotatorId: string): Promise<Assignment | undefined> {
  const row = await db
    .selectFrom('assignment as a')
    .innerJoin('seat as s', 's.id', 'a.seat_id')
    .selectAll('a')
    .where('a.annotator_id', '=', annotatorId)
    .where('a.state', '=', 'expired')
    .where('a.voted', '=', 1)
    .where('s.state', '=', 'free')
    .orderBy('a.created_at')
    .limit(1)
    .executeTakeFirst();
  return row && assignmentOf(row);
}

/** Takes back the seats whose lease ran out before `now`. */
export async function releaseExpired(db: Database, studyId: string, now: number): Promise<void> {
  const rows = await db
    .selectFrom('assignment')
    .select(['id', 'seat_id'])
    .where('study_id', '=', studyId)
    .where('state', '=', 'leased')
    .where('expires_at', '<', now)
    .execute();
  if (rows.length === 0) return;
  await db
    .updateTable('assignment')
    .set({ state: 'expired' })
    .where(
      'id',
      'in',
      rows.map((row) => row.id),
    )
    .execute();
  await db
    .updateTable('seat')
    .set({ state: 'free' })
    .where(
      'id',
      'in',
      rows.map((row) => row.seat_id),
    )
    .execute();
}

/** Free seats of pairs that this annotator has nothing to do with yet, in the study's order from a position on. */
export async function freeSeats(
  db: Database,
  {
    studyId,
    annotatorId,
    population,
    from,
    limit,
  }: { studyId: string; annotatorId: string; population: Population; from: number; limit: number },
): Promise<Seat[]> {
  const rows = await db
    .selectFrom('seat')
    .selectAll('seat')
    .where('seat.study_id', '=', studyId)
    .where('seat.population', '=', population)
    .where('seat.state', '=', 'free')
    .where('seat.position', '>=', from)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('assignment as a')
            .select('a.id')
            .where('a.annotator_id', '=', annotatorId)
            .whereRef('a.pair_id', '=', 'seat.pair_id')
            .where((e) => e.or([e('a.state', '<>', 'expired'), e('a.voted', '=', 1)])),
        ),
      ),
    )
    .orderBy('seat.position')
    .orderBy('seat.seat_index')
    .limit(limit)
    .execute();
  return rows.map((row) => objectOf(row));
}

/** The position of the pair that the annotator got last; 0 before the first. */
export async function lastPosition(db: Database, annotatorId: string): Promise<number> {
  const row = await db
    .selectFrom('assignment as a')
    .innerJoin('pair as p', 'p.id', 'a.pair_id')
    .select('p.position')
    .where('a.annotator_id', '=', annotatorId)
    .orderBy('a.created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.position ?? 0;
}

export async function takeSeat(db: Database, assignment: Assignment): Promise<void> {
  await db.updateTable('seat').set({ state: 'leased' }).where('id', '=', assignment.seatId).execute();
  const row = rowOf<AssignmentTable>({ ...assignment, voted: assignment.voted ? 1 : 0 });
  await db.insertInto('assignment').values(row).execute();
}

export async function renewLease(db: Database, id: string, expiresAt: number): Promise<void> {
  await db.updateTable('assignment').set({ expires_at: expiresAt }).where('id', '=', id).execute();
}

/** Shortens what an annotator holds; a lease that ends sooner stays as it is. */
export async function shortenLeases(db: Database, annotatorId: string, expiresAt: number): Promise<void> {
  await db
    .updateTable('assignment')
    .set({ expires_at: expiresAt })
    .where('annotator_id', '=', annotatorId)
    .where('state', '=', 'leased')
    .where('expires_at', '>', expiresAt)
    .execute();
}

/** Moves an assignment and its seat between leased and done, or brings an expired one back. */
export async function setAssignmentState(
  db: Database,
  assignment: Pick<Assignment, 'id' | 'seatId'>,
  change: { state: 'leased' | 'done'; expiresAt: number; reopenedAt?: number },
): Promise<void> {
  await db
    .updateTable('assignment')
    .set({
      state: change.state,
      expires_at: change.expiresAt,
      ...(change.reopenedAt === undefined ? {} : { reopened_at: change.reopenedAt }),
    })
    .where('id', '=', assignment.id)
    .execute();
  await db.updateTable('seat').set({ state: change.state }).where('id', '=', assignment.seatId).execute();
}

export async function seatState(db: Database, seatId: string): Promise<Seat['state']> {
  return (await db.selectFrom('seat').select('state').where('id', '=', seatId).executeTakeFirstOrThrow()).state;
}

/** Has this annotator another place at the assignment's pair, or voted on it from another one? */
export async function sitsElsewhere(db: Database, assignment: Assignment): Promise<boolean> {
  const other = await db
    .selectFrom('assignment')
    .select('id')
    .where('annotator_id', '=', assignment.annotatorId)
    .where('pair_id', '=', assignment.pairId)
    .where('id', '<>', assignment.id)
    .where((e) => e.or([e('state', '<>', 'expired'), e('voted', '=', 1)]))
    .limit(1)
    .executeTakeFirst();
  return other !== undefined;
}

/** The annotator is back: what they still hold is theirs for a whole lease again. */
export async function renewLeases(db: Database, annotatorId: string, expiresAt: number): Promise<void> {
  await db
    .updateTable('assignment')
    .set({ expires_at: expiresAt })
    .where('annotator_id', '=', annotatorId)
    .where('state', '=', 'leased')
    .execute();
}

export async function countDone(db: Database, annotatorId: string): Promise<number> {
  const row = await db
    .selectFrom('assignment')
    .select((e) => e.fn.countAll<number>().as('done'))
    .where('annotator_id', '=', annotatorId)
    .where('state', '=', 'done')
    .executeTakeFirstOrThrow();
  return row.done;
}

/** What the annotator's page shows of an assignment: the prompt and both images. */
export function assignmentContent(db: Database, assignmentId: string) {
  return db
    .selectFrom('assignment as x')
    .innerJoin('pair as p', 'p.id', 'x.pair_id')
    .innerJoin('prompt as t', 't.id', 'p.prompt_id')
    .innerJoin('render as a', 'a.id', 'p.render_a_id')
    .innerJoin('render as b', 'b.id', 'p.render_b_id')
    .select([
      't.text as prompt',
      'a.width as widthA',
      'a.height as heightA',
      'b.width as widthB',
      'b.height as heightB',
    ])
    .where('x.id', '=', assignmentId)
    .executeTakeFirstOrThrow();
}

/** The SHA-256 of the image behind an opaque id, for an assignment that exists. */
export async function imageOfAssignment(db: Database, imageId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('assignment as x')
    .innerJoin('pair as p', 'p.id', 'x.pair_id')
    .innerJoin('render as a', 'a.id', 'p.render_a_id')
    .innerJoin('render as b', 'b.id', 'p.render_b_id')
    .select(['x.side_a', 'x.left_image', 'a.image_sha256 as imageA', 'b.image_sha256 as imageB'])
    .where((e) => e.or([e('x.left_image', '=', imageId), e('x.right_image', '=', imageId)]))
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const side = row.left_image === imageId ? 'left' : 'right';
  return side === row.side_a ? row.imageA : row.imageB;
}

/** Where an assignment's pair stands in its study, which of its seats this is, and on which side A is. */
export function pairOfAssignment(db: Database, assignmentId: string) {
  return db
    .selectFrom('assignment as x')
    .innerJoin('pair as p', 'p.id', 'x.pair_id')
    .innerJoin('seat as s', 's.id', 'x.seat_id')
    .select(['p.position as pair', 's.seat_index as seat', 'x.side_a as sideA'])
    .where('x.id', '=', assignmentId)
    .executeTakeFirstOrThrow();
}
