/** @file Queries on annotators, seats and assignments: who sits where, until when, and what is shown. */
import { sql } from 'kysely';
import { isPostgres } from '../engine.ts';
import type { Database } from '../open.ts';
import { prepared } from '../prepared.ts';
import type {
  AnnotatorTable,
  AssignmentTable,
  Population,
  ProblemTable,
  Side,
  StudyState,
  TakeOverTable,
} from '../tables.ts';
import { Conflict } from '../transactions.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

export type Annotator = ObjectOf<AnnotatorTable>;
export type NewAnnotator = Pick<Annotator, 'id' | 'studyId' | 'population' | 'participant' | 'createdAt'>;
export interface Assignment extends Omit<ObjectOf<AssignmentTable>, 'voted'> {
  /** A vote on it has counted, or it was skipped: the pair is no longer for this annotator. */
  voted: boolean;
}

export function assignmentOf<Row extends { voted: number }>(row: Row) {
  return objectOf(row, { voted: row.voted === 1 });
}

export async function findAnnotator(
  db: Database,
  { studyId, population, participant }: Pick<Annotator, 'studyId' | 'population' | 'participant'>,
): Promise<Annotator | undefined> {
  const row = await db
    .selectFrom('annotator')
    .selectAll()
    .where('study_id', '=', studyId)
    .where('population', '=', population)
    .where('participant', '=', participant)
    .executeTakeFirst();
  return row && objectOf(row);
}

/**
 * Gives the annotator a key, if nobody has it yet.
 * @param secretHash of the secret that their browser made, if it did
 * @returns whether this call did
 */
export async function claimAnnotator(
  db: Database,
  { id, secretHash }: { id: string; secretHash: string | null },
  now: number,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('annotator')
    .set({ keyed_at: now, secret_hash: secretHash })
    .where('id', '=', id)
    .where('keyed_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function insertTakeOver(
  db: Database,
  takeOver: { id: string; annotatorId: string; createdAt: number; secretHash: string | null },
): Promise<void> {
  await db.insertInto('take_over').values(rowOf<TakeOverTable>(takeOver)).execute();
}

/** Since when votes are of the browser with this secret: 0 for the annotator's first; undefined when it is none of theirs. */
export async function secretSince(db: Database, annotatorId: string, secretHash: string): Promise<number | undefined> {
  const row = await db
    .selectFrom('annotator')
    .select(sql<number>`0`.as('since'))
    .where('id', '=', annotatorId)
    .where('secret_hash', '=', secretHash)
    .unionAll(
      db
        .selectFrom('take_over')
        .select('created_at as since')
        .where('annotator_id', '=', annotatorId)
        .where('secret_hash', '=', secretHash),
    )
    .executeTakeFirst();
  return row === undefined ? undefined : Number(row.since);
}

/** Finds or makes the annotator. Safe when the same person connects twice at once. */
export async function ensureAnnotator(db: Database, annotator: NewAnnotator): Promise<Annotator> {
  const known = await findAnnotator(db, annotator);
  if (known !== undefined) return known;
  await db
    .insertInto('annotator')
    .values(rowOf<AnnotatorTable>(annotator))
    .onConflict((c) => c.columns(['study_id', 'population', 'participant']).doNothing())
    .execute();
  return (await findAnnotator(db, annotator))!;
}

/** Where an annotator is: how far, what they hold, and what they had begun when its lease ran out. */
export interface Standing {
  studyState: StudyState;
  /** Why their visit is over, if it is; `withdrawn` for as long as their crowd platform says so. */
  endReason: Annotator['endReason'] | 'withdrawn';
  done: number;
  /** Nobody whose votes count yet. */
  isNew: boolean;
  /** The position of the pair that they got last; 0 before the first. */
  lastPosition: number;
  /** The assignment of their newest vote. */
  lastVoted: string | null;
  /** To be looked at in this order: a reopened one first, then the oldest. One whose time is over counts until it is released. */
  held: Assignment[];
  /** Has votes, ran out, and nobody has taken its seat since: it can go on. */
  revivable: Assignment | undefined;
}

const standingRows = prepared((db, p: { annotatorId: string }) =>
  db
    .selectFrom('annotator as n')
    .innerJoin('study as t', 't.id', 'n.study_id')
    .leftJoin('assignment as a', (join) =>
      join
        .onRef('a.annotator_id', '=', 'n.id')
        // In the words of the index assignment_open, which only then is used.
        .on(sql<boolean>`a.state <> 'done'`)
        .on((e) => e.or([e('a.state', '=', 'leased'), e('a.voted', '=', 1)])),
    )
    .leftJoin('seat as s', 's.id', 'a.seat_id')
    .selectAll('a')
    .select([
      't.state as study_state',
      'n.done',
      'n.votes',
      'n.last_position',
      'n.last_assignment_id',
      'n.end_reason',
      'n.withdrawn_at',
      's.state as seat_state',
    ])
    .where('n.id', '=', p.annotatorId)
    .orderBy((e) => e.fn.coalesce('a.reopened_at', e.val(0)), 'desc')
    .orderBy('a.created_at')
    .orderBy('a.id'),
);

export async function standingOf(db: Database, annotatorId: string): Promise<Standing> {
  const { rows } = await standingRows(db, { annotatorId });
  const [first] = rows;
  if (first === undefined) throw new Error(`There is no annotator ${annotatorId}.`);
  const pick = (isWanted: (row: (typeof rows)[number]) => boolean) =>
    rows.filter((row) => row.id !== null && isWanted(row)).map((row) => assignmentOf(row as AssignmentTable));
  return {
    studyState: first.study_state,
    endReason: first.end_reason ?? (first.withdrawn_at === null ? null : 'withdrawn'),
    done: first.done,
    isNew: first.votes === 0,
    lastPosition: first.last_position,
    lastVoted: first.last_assignment_id,
    held: pick(({ state }) => state === 'leased'),
    revivable: pick(
      ({ state, seat_state, skipped_at, surplus_at, kind }) =>
        state === 'expired' &&
        seat_state === 'free' &&
        skipped_at === null &&
        surplus_at === null &&
        kind !== 'practice',
    )[0],
  };
}

export async function findAssignment(db: Database, id: string): Promise<Assignment | undefined> {
  const row = await db.selectFrom('assignment').selectAll().where('id', '=', id).executeTakeFirst();
  return row && assignmentOf(row);
}

/** In the words of the index assignment_expiry, which only then is used. */
const isLeased = sql<boolean>`state = 'leased'`;
/** In the words of the index assignment_open. */
const isOpen = sql<boolean>`state <> 'done'`;

/** Leases looked at in one go; more of them wait for the next. */
const sweep = 500;

/**
 * Takes back the seats whose lease ran out before `now`. A lease that ends later than any given now could was written before
 * the clock was set back; it is cut to a whole lease from now.
 * @returns how many were taken back
 */
export async function releaseExpired(
  db: Database,
  { studyId, leaseMs, now }: { studyId: string; leaseMs: number; now: number },
): Promise<number> {
  await db
    .updateTable('assignment')
    .set({ expires_at: now + leaseMs })
    .where('study_id', '=', studyId)
    .where(isLeased)
    .where('expires_at', '>', now + leaseMs)
    .execute();
  const rows = await db
    .updateTable('assignment')
    .set({ state: 'expired' })
    .where('id', 'in', (e) =>
      e
        .selectFrom('assignment')
        .select('id')
        .where('study_id', '=', studyId)
        .where(isLeased)
        .where('expires_at', '<', now)
        .limit(sweep)
        .$if(isPostgres(db), (q) => q.forUpdate().skipLocked()),
    )
    .where(isLeased)
    .returning('id')
    .execute();
  return rows.length;
}

export interface FreeSeat {
  id: string;
  pairId: string;
  sideA: Side;
  /** Of its pair in the study. */
  position: number;
  /** The one that is answered here, where the study splits them. */
  criterion: string | null;
  /** Criteria that somebody voted on before they left. */
  filled: string[];
}

interface SeatSearch {
  studyId: string;
  annotatorId: string;
  population: Population;
  /** Position from which on free seats are candidates. */
  from: number;
  /** Candidates among which one is drawn. */
  limit: number;
  /** Seats of the plan that a pair has; those beyond it are not for those who are left out. */
  planned: number;
}

const freeSeatRows = prepared((db, p: SeatSearch) =>
  db
    .selectFrom((e) =>
      e
        .selectFrom((inner) =>
          inner
            .selectFrom('seat')
            .select(['seat.id', 'seat.pair_id', 'seat.side_a', 'seat.position', 'seat.criterion'])
            .where('seat.study_id', '=', p.studyId)
            .where('seat.population', '=', p.population)
            .where('seat.state', '=', 'free')
            .where('seat.position', '>=', p.from)
            // Others are asked on seats beyond the plan's: not those who are left out.
            .where((e) =>
              e.or([
                e('seat.seat_index', '<', p.planned),
                e.not(
                  e.exists(
                    e
                      .selectFrom('exclusion as x')
                      .select('x.id')
                      .where('x.annotator_id', '=', p.annotatorId)
                      .where('x.ended_at', 'is', null),
                  ),
                ),
              ]),
            )
            .where(({ not, exists, selectFrom }) =>
              not(
                exists(
                  selectFrom('assignment as a')
                    .select('a.id')
                    .where('a.annotator_id', '=', p.annotatorId)
                    .whereRef('a.pair_id', '=', 'seat.pair_id')
                    // In the words of the index assignment_person, which only then is used.
                    .where(sql<boolean>`(a.state <> 'expired' or a.voted = 1)`),
                ),
              ),
            )
            .orderBy('seat.position')
            .orderBy('seat.seat_index')
            .limit(p.limit)
            .as('candidate'),
        )
        .selectAll('candidate')
        .orderBy(sql`random()`)
        .limit(1)
        .as('drawn'),
    )
    .leftJoin('slot', 'slot.seat_id', 'drawn.id')
    .select([
      'drawn.id',
      'drawn.pair_id',
      'drawn.side_a',
      'drawn.position',
      'drawn.criterion as seat_criterion',
      'slot.criterion',
    ]),
);

/** A free seat of a pair that this annotator has nothing to do with yet, drawn from the first ones of a position on. */
export async function freeSeat(db: Database, search: SeatSearch): Promise<FreeSeat | undefined> {
  const { rows } = await freeSeatRows(db, search);
  const [first] = rows;
  if (first === undefined) return undefined;
  return {
    id: first.id,
    pairId: first.pair_id,
    sideA: first.side_a,
    position: first.position,
    criterion: first.seat_criterion,
    filled: rows.flatMap(({ criterion }) => criterion ?? []),
  };
}

const insertAssignment = prepared((db, p: AssignmentTable) =>
  db
    .insertInto('assignment')
    .values({
      id: p.id,
      study_id: p.study_id,
      pair_id: p.pair_id,
      seat_id: p.seat_id,
      annotator_id: p.annotator_id,
      side_a: p.side_a,
      state: p.state,
      voted: p.voted,
      created_at: p.created_at,
      expires_at: p.expires_at,
      reopened_at: p.reopened_at,
      skipped_at: p.skipped_at,
      kind: p.kind,
      surplus_at: p.surplus_at,
      criterion: p.criterion,
    })
    // One holder a seat: assignment_seat.
    .onConflict((c) => c.doNothing()),
);

/** False when somebody else was faster. */
export async function takeSeat(db: Database, assignment: Assignment): Promise<boolean> {
  const row = rowOf<AssignmentTable>({ ...assignment, voted: assignment.voted ? 1 : 0 });
  return (await insertAssignment(db, row)).numAffectedRows === 1n;
}

const setExpiry = prepared((db, p: { id: string; expiresAt: number }) =>
  db.updateTable('assignment').set({ expires_at: p.expiresAt }).where('id', '=', p.id),
);

export async function renewLease(db: Database, id: string, expiresAt: number): Promise<void> {
  await setExpiry(db, { id, expiresAt });
}

/** Shortens what annotators hold; a lease that ends sooner stays as it is. */
export async function shortenLeases(
  db: Database,
  annotatorIds: readonly string[],
  expiresAt: number,
  connections?: readonly string[],
): Promise<void> {
  await db
    .updateTable('assignment')
    .set({ expires_at: expiresAt })
    .where('annotator_id', 'in', annotatorIds)
    .$if(connections !== undefined, (query) =>
      query.where((e) =>
        e.exists(
          e
            .selectFrom('annotator as a')
            .select('a.id')
            .whereRef('a.id', '=', 'assignment.annotator_id')
            .where('a.connection', 'in', connections!),
        ),
      ),
    )
    .where(isOpen)
    .where('state', '=', 'leased')
    .where('expires_at', '>', expiresAt)
    .execute();
}

interface AssignmentChange {
  state: 'leased' | 'done';
  voted: boolean;
  expiresAt: number;
}

const changeAssignment = prepared(
  (db, p: { id: string; before: Assignment['state']; state: Assignment['state']; voted: number; expiresAt: number }) =>
    db
      .updateTable('assignment')
      .set({ state: p.state, voted: p.voted, expires_at: p.expiresAt })
      .where('id', '=', p.id)
      .where('state', '=', p.before),
);
/**
 * Moves an assignment on; its seat follows.
 * @throws Conflict when it is no longer in the state that was read
 */
export async function advanceAssignment(
  db: Database,
  { id, state: before }: Pick<Assignment, 'id' | 'state'>,
  { state, voted, expiresAt }: AssignmentChange,
): Promise<void> {
  const { numAffectedRows } = await changeAssignment(db, { id, before, state, voted: voted ? 1 : 0, expiresAt });
  if (numAffectedRows !== 1n) throw new Conflict(`The assignment ${id} is no longer ${before}.`);
}

/** Says that the assignment was opened again, which puts it before what else is held. */
export async function markReopened(db: Database, id: string, now: number): Promise<void> {
  await db.updateTable('assignment').set({ reopened_at: now }).where('id', '=', id).execute();
}

/** Has this annotator another place at the assignment's pair, or voted on it from another one? */
export async function sitsElsewhere(db: Database, assignment: Assignment): Promise<boolean> {
  const other = await db
    .selectFrom('assignment')
    .select('id')
    .where('annotator_id', '=', assignment.annotatorId)
    .where('pair_id', '=', assignment.pairId)
    .where('kind', '=', assignment.kind)
    .where('id', '<>', assignment.id)
    .where(sql<boolean>`(state <> 'expired' or voted = 1)`)
    .limit(1)
    .executeTakeFirst();
  return other !== undefined;
}

/** Gives an assignment's seat back for good, also when its lease ran out before. @returns false when it is finished */
export async function skipAssignment(db: Database, id: string, now: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('assignment')
    .set({ state: 'expired', voted: 1, skipped_at: now })
    .where('id', '=', id)
    .where('state', '<>', 'done')
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function insertProblem(db: Database, problem: ObjectOf<ProblemTable>): Promise<void> {
  await db.insertInto('problem').values(rowOf<ProblemTable>(problem)).execute();
}

/** Pairs that somebody found something wrong with, most problems first. */
export function problemsOfStudy(db: Database, studyId: string) {
  return db
    .selectFrom('problem as o')
    .innerJoin('assignment as x', 'x.id', 'o.assignment_id')
    .innerJoin('pair as p', 'p.id', 'x.pair_id')
    .innerJoin('prompt as q', 'q.id', 'p.prompt_id')
    .select((e) => ['p.position as pair', 'q.text as prompt', 'o.reason', e.fn.countAll<number>().as('count')])
    .where('o.study_id', '=', studyId)
    .groupBy(['p.position', 'q.text', 'o.reason'])
    .orderBy('count', 'desc')
    .orderBy('p.position')
    .orderBy('o.reason')
    .limit(100)
    .execute();
}

/** Seats that annotators hold who have no vote yet. */
export async function heldByNewcomers(db: Database, studyId: string): Promise<number> {
  const { count } = await db
    .selectFrom('assignment as a')
    .innerJoin('annotator as n', 'n.id', 'a.annotator_id')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('a.study_id', '=', studyId)
    .where(sql<boolean>`a.state = 'leased'`)
    .where('n.population', '=', 'people')
    .where('n.votes', '=', 0)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Whether at least so many of a study's seats are free. */
export async function hasFreeSeats(db: Database, studyId: string, population: Population, count: number) {
  const row = await db
    .selectFrom('seat')
    .select('id')
    .where('study_id', '=', studyId)
    .where('population', '=', population)
    .where('state', '=', 'free')
    .where('position', '>=', 0)
    .orderBy('position')
    .orderBy('seat_index')
    .offset(count - 1)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** The annotator did work whose seat had gone: it counts for them all the same, once. */
export async function countSurplusPair(
  db: Database,
  { id, annotatorId }: Pick<Assignment, 'id' | 'annotatorId'>,
  now: number,
): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('assignment')
    .set({ surplus_at: now })
    .where('id', '=', id)
    .where('surplus_at', 'is', null)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return;
  await db
    .updateTable('annotator')
    .set((e) => ({ done: e('done', '+', 1) }))
    .where('id', '=', annotatorId)
    .execute();
}

/** The annotator is back: what they still hold is theirs for a whole lease again. */
/** From now on their leases end with this connection, and with no older one. */
export async function setConnection(db: Database, annotatorId: string, connection: string): Promise<void> {
  await db.updateTable('annotator').set({ connection }).where('id', '=', annotatorId).execute();
}

export async function renewLeases(db: Database, annotatorId: string, expiresAt: number): Promise<void> {
  await db
    .updateTable('assignment')
    .set({ expires_at: expiresAt })
    .where('annotator_id', '=', annotatorId)
    .where(isOpen)
    .where('state', '=', 'leased')
    .execute();
}

const imageRows = prepared((db, p: { id: string }) =>
  db
    .selectFrom('assignment as x')
    .innerJoin('pair as p', 'p.id', 'x.pair_id')
    .innerJoin('render as a', 'a.id', 'p.render_a_id')
    .innerJoin('render as b', 'b.id', 'p.render_b_id')
    .select(['x.side_a', 'a.image_sha256 as imageA', 'b.image_sha256 as imageB'])
    .where('x.id', '=', p.id),
);

/** The SHA-256 of the image on each side of an assignment; undefined when there is no such assignment. */
export async function imagesOfAssignment(db: Database, id: string): Promise<Record<Side, string> | undefined> {
  const [row] = (await imageRows(db, { id })).rows;
  if (row === undefined) return undefined;
  const { side_a, imageA, imageB } = row;
  return side_a === 'left' ? { left: imageA, right: imageB } : { left: imageB, right: imageA };
}

/** Where an assignment's pair stands in its study, which of its seats this is, and on which side A is. */
export function pairOfAssignment(db: Database, assignmentId: string) {
  return db
    .selectFrom('assignment as x')
    .innerJoin('pair as p', 'p.id', 'x.pair_id')
    .innerJoin('seat as s', 's.id', 'x.seat_id')
    .select(['p.position as pair', 'p.pairing', 's.seat_index as seat', 'x.side_a as sideA'])
    .where('x.id', '=', assignmentId)
    .executeTakeFirstOrThrow();
}
