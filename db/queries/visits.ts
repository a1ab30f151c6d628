/** @file Queries on visits: the steps that people took, how a visit ended, and the checks among their pairs. */
import { sql } from 'kysely';
import type { Database } from '../open.ts';
import type { AnnotatorTable, Choice, Population, SeatTable, Side, VisitStepTable } from '../tables.ts';
import { assignmentOf, takeSeat, type Assignment } from './assignments.ts';
import { rowOf, type ObjectOf } from './objects.ts';

export interface TakenStep extends Omit<ObjectOf<VisitStepTable>, 'answer'> {
  answer: Record<string, unknown>;
}

/** In the order in which they were taken. */
export async function stepsTaken(db: Database, annotatorId: string): Promise<TakenStep[]> {
  const rows = await db
    .selectFrom('visit_step')
    .selectAll()
    .where('annotator_id', '=', annotatorId)
    .orderBy('position')
    .execute();
  return rows.map(({ annotator_id, position, step, answer, created_at }) => ({
    annotatorId: annotator_id,
    position,
    step,
    answer: JSON.parse(answer) as Record<string, unknown>,
    createdAt: created_at,
  }));
}

export async function insertStep(db: Database, step: TakenStep): Promise<void> {
  await db
    .insertInto('visit_step')
    .values(rowOf<VisitStepTable>({ ...step, answer: JSON.stringify(step.answer) }))
    .execute();
}

/** Says why a visit is over, unless it is over already, and gives back what the person still holds. */
export async function endVisit(
  db: Database,
  annotatorId: string,
  reason: NonNullable<ObjectOf<AnnotatorTable>['endReason']>,
): Promise<void> {
  await db
    .updateTable('annotator')
    .set({ end_reason: reason })
    .where('id', '=', annotatorId)
    .where('end_reason', 'is', null)
    .execute();
  await db
    .updateTable('assignment')
    .set({ state: 'expired' })
    .where('annotator_id', '=', annotatorId)
    // In the words of the index assignment_open.
    .where(sql<boolean>`state <> 'done'`)
    .where('state', '=', 'leased')
    .execute();
}

/**
 * How many assignments of each kind somebody got: without those that ran out unanswered or were set aside, with those that were
 * answered though their seat had gone.
 */
export async function countKinds(db: Database, annotatorId: string): Promise<Record<Assignment['kind'], number>> {
  const rows = await db
    .selectFrom('assignment')
    .select((e) => ['kind', e.fn.countAll<number>().as('count')])
    .where('annotator_id', '=', annotatorId)
    // In the words of the index assignment_person.
    .where(sql<boolean>`(state <> 'expired' or voted = 1)`)
    .where('skipped_at', 'is', null)
    .groupBy('kind')
    .unionAll(
      db
        .selectFrom('assignment')
        .select((e) => ['kind', e.fn.countAll<number>().as('count')])
        .where('annotator_id', '=', annotatorId)
        // In the words of the index assignment_open.
        .where(sql<boolean>`state <> 'done'`)
        .where('state', '=', 'expired')
        .where('voted', '=', 0)
        .where('surplus_at', 'is not', null)
        .groupBy('kind'),
    )
    .execute();
  const counts = { work: 0, gold: 0, repeat: 0, practice: 0 };
  for (const { kind, count } of rows) counts[kind] += Number(count);
  return counts;
}

/** Pairs that only serve as checks, by their position below 0. */
export async function checkPairs(db: Database, studyId: string): Promise<Map<number, string>> {
  const rows = await db
    .selectFrom('pair')
    .select(['id', 'position'])
    .where('study_id', '=', studyId)
    .where('position', '<', 0)
    .execute();
  return new Map(rows.map(({ id, position }) => [position, id]));
}

/** Somebody's check of a kind on a pair, if they got it and it did not run out unanswered. */
export async function checkOf(
  db: Database,
  { annotatorId, pairId, kind }: Pick<Assignment, 'annotatorId' | 'pairId' | 'kind'>,
): Promise<Assignment | undefined> {
  const row = await db
    .selectFrom('assignment')
    .selectAll()
    .where('annotator_id', '=', annotatorId)
    .where('pair_id', '=', pairId)
    .where('kind', '=', kind)
    .where(sql<boolean>`(state <> 'expired' or voted = 1)`)
    .executeTakeFirst();
  return row && assignmentOf(row);
}

/** Pairs of which somebody has a check of a kind. */
export async function checkedPairs(db: Database, annotatorId: string, kind: Assignment['kind']): Promise<Set<string>> {
  const rows = await db
    .selectFrom('assignment')
    .select('pair_id')
    .where('annotator_id', '=', annotatorId)
    .where('kind', '=', kind)
    .where(sql<boolean>`(state <> 'expired' or voted = 1)`)
    .execute();
  return new Set(rows.map(({ pair_id }) => pair_id));
}

/** The oldest pair that somebody finished and that did not come again yet; undefined when there is none. */
export async function pairToRepeat(
  db: Database,
  annotatorId: string,
): Promise<{ pairId: string; sideA: Side; criterion: string | null } | undefined> {
  const row = await db
    .selectFrom('assignment as x')
    .select(['x.pair_id as pairId', 'x.side_a as sideA', 'x.criterion'])
    .where('x.annotator_id', '=', annotatorId)
    .where('x.kind', '=', 'work')
    .where('x.state', '=', 'done')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('assignment as r')
            .select('r.id')
            .where('r.annotator_id', '=', annotatorId)
            .whereRef('r.pair_id', '=', 'x.pair_id')
            .where('r.kind', '=', 'repeat')
            .where(sql<boolean>`(r.state <> 'expired' or r.voted = 1)`),
        ),
      ),
    )
    .orderBy('x.created_at')
    .limit(1)
    .executeTakeFirst();
  return row;
}

/** An assignment on a seat of its own, outside the plan. @throws when the seat's index is taken: draw another */
export async function insertCheck(
  db: Database,
  population: Population,
  seatIndex: number,
  assignment: Assignment,
): Promise<void> {
  const seat: SeatTable = {
    id: assignment.seatId,
    study_id: assignment.studyId,
    pair_id: assignment.pairId,
    population,
    seat_index: seatIndex,
    position: -1,
    side_a: assignment.sideA,
    state: 'free',
    criterion: assignment.criterion,
  };
  await db.insertInto('seat').values(seat).execute();
  await takeSeat(db, assignment);
}

export interface CheckAnswer {
  annotator: string;
  /** Id of the assignment: a check with several questions has several answers. */
  assignment: string;
  kind: 'gold' | 'repeat';
  /** Of the pair. */
  position: number;
  criterion: string;
  choice: Choice;
  sideA: Side;
  /** Of a repeat: what was answered the first time, if that vote still counts. */
  firstChoice: Choice | null;
  firstSideA: Side | null;
}

const answersOf = (db: Database) =>
  db
    .selectFrom('assignment as x')
    .innerJoin('slot as s', 's.seat_id', 'x.seat_id')
    .innerJoin('vote as v', (join) => join.onRef('v.id', '=', 's.vote_id').onRef('v.assignment_id', '=', 'x.id'))
    .innerJoin('annotator as n', 'n.id', 'x.annotator_id')
    .innerJoin('pair as p', 'p.id', 'x.pair_id')
    .leftJoin('assignment as f', (join) =>
      join
        .onRef('f.annotator_id', '=', 'x.annotator_id')
        .onRef('f.pair_id', '=', 'x.pair_id')
        .on('f.kind', '=', 'work')
        .on('f.state', '=', 'done'),
    )
    .leftJoin('slot as fs', (join) =>
      join.onRef('fs.seat_id', '=', 'f.seat_id').onRef('fs.criterion', '=', 's.criterion'),
    )
    .leftJoin('vote as fv', (join) => join.onRef('fv.id', '=', 'fs.vote_id').onRef('fv.assignment_id', '=', 'f.id'))
    .select([
      'n.participant as annotator',
      'x.id as assignment',
      'x.kind',
      'p.position',
      's.criterion',
      'v.choice',
      'x.side_a as sideA',
      'fv.choice as firstChoice',
      'f.side_a as firstSideA',
    ])
    .where('x.kind', 'in', ['gold', 'repeat'])
    .$castTo<CheckAnswer>();

/** What was answered to checks of a study, in an order that depends on the study alone. */
export function checkAnswersOfStudy(db: Database, studyId: string, population: Population): Promise<CheckAnswer[]> {
  return answersOf(db)
    .where('x.study_id', '=', studyId)
    .where('n.population', '=', population)
    .orderBy('n.participant')
    .orderBy('x.created_at')
    .orderBy('s.criterion')
    .execute();
}

/** What one person answered to checks. */
export function checkAnswersOfPerson(db: Database, annotatorId: string): Promise<CheckAnswer[]> {
  return answersOf(db)
    .where('x.annotator_id', '=', annotatorId)
    .where(sql<boolean>`(x.state <> 'expired' or x.voted = 1)`)
    .execute();
}
