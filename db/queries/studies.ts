/** @file Queries on studies, pairs and progress. */
import { sql, type Selectable } from 'kysely';
import type { Database } from '../open.ts';
import type { PairingTable, PairTable, Population, SeatTable, StudyState, StudyTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';
import { insertRows } from './rows.ts';

type JsonOrFlag =
  | 'active'
  | 'activeOdds'
  | 'activeDrawn'
  | 'criteria'
  | 'ties'
  | 'bothBad'
  | 'split'
  | 'visit'
  | 'plan'
  | 'ownCriteria';

export interface Study extends Omit<ObjectOf<StudyTable>, JsonOrFlag> {
  /** In the order in which they are asked. */
  criteria: string[];
  ties: boolean;
  /** Whether a tie can say that neither image will do. */
  bothBad: boolean;
  /** Whether an annotator answers one criterion of a pair. */
  split: boolean;
  /** The contract's Active; null: all pairs are asked, fixed from the start. */
  active: unknown;
  /** Questions of its own among the criteria: the contract's OwnCriterion. */
  ownCriteria: unknown[];
  /** The contract's Visit; null: nothing but the voting. */
  visit: unknown;
  /** The contract's Plan; null: none was made. */
  plan: unknown;
}
export type Pair = ObjectOf<PairTable>;
export type Pairing = ObjectOf<PairingTable>;
export type Seat = ObjectOf<SeatTable>;

/** Seats of the plan that a pair has: k, or k for each criterion where they are split over annotators. */
export function seatsPerPair({
  votesPerPair,
  split,
  criteria,
}: Pick<Study, 'votesPerPair' | 'split' | 'criteria'>): number {
  return votesPerPair * (split ? criteria.length : 1);
}

/** What a study's JSON and 0/1 columns really are. */
export function studyOf<
  Row extends Selectable<
    Pick<StudyTable, 'criteria' | 'ties' | 'both_bad' | 'split' | 'visit' | 'plan' | 'own_criteria' | 'active'>
  >,
>(row: Row) {
  const json = (text: string | null) => (text === null ? null : (JSON.parse(text) as unknown));
  return objectOf(row, {
    criteria: JSON.parse(row.criteria) as string[],
    ties: row.ties === 1,
    bothBad: row.both_bad === 1,
    split: row.split === 1,
    ownCriteria: (json(row.own_criteria) ?? []) as unknown[],
    active: json(row.active),
    visit: json(row.visit),
    plan: json(row.plan),
  });
}

export async function findStudy(db: Database, name: string): Promise<Study | undefined> {
  const row = await db.selectFrom('study').selectAll().where('name', '=', name).executeTakeFirst();
  return row && studyOf(row);
}

export async function studyById(db: Database, id: string): Promise<Study> {
  return studyOf(await db.selectFrom('study').selectAll().where('id', '=', id).executeTakeFirstOrThrow());
}

export async function findStudyByToken(db: Database, token: string): Promise<Study | undefined> {
  const row = await db
    .selectFrom('study')
    .selectAll()
    .where((e) => e.or([e('invite_token', '=', token), e('simulation_token', '=', token)]))
    .executeTakeFirst();
  return row && studyOf(row);
}

export async function insertStudy(
  db: Database,
  study: Study,
  pairings: readonly Pairing[],
  pairs: readonly Pair[],
): Promise<void> {
  const row = rowOf<StudyTable>({
    ...study,
    criteria: JSON.stringify(study.criteria),
    ties: study.ties ? 1 : 0,
    bothBad: study.bothBad ? 1 : 0,
    split: study.split ? 1 : 0,
    ownCriteria: study.ownCriteria.length === 0 ? null : JSON.stringify(study.ownCriteria),
    active: study.active === null ? null : JSON.stringify(study.active),
    visit: study.visit === null ? null : JSON.stringify(study.visit),
    plan: study.plan === null ? null : JSON.stringify(study.plan),
  });
  await db.insertInto('study').values(row).execute();
  await insertRows(db, 'pairing', pairings.map(rowOf<PairingTable>));
  await insertPairs(db, pairs);
}

export async function insertPairs(db: Database, pairs: readonly Pair[]): Promise<void> {
  await insertRows(db, 'pair', pairs.map(rowOf<PairTable>));
}

export async function insertSeats(db: Database, seats: readonly Seat[]): Promise<void> {
  // There are hundreds of thousands in a large study: named one by one, which is faster than by rowOf.
  const rows = seats.map(
    ({ id, studyId, pairId, population, seatIndex, position, sideA, state, criterion }): SeatTable => ({
      id,
      study_id: studyId,
      pair_id: pairId,
      population,
      seat_index: seatIndex,
      position,
      side_a: sideA,
      state,
      criterion,
    }),
  );
  await insertRows(db, 'seat', rows);
}

/** The SHA-256 of every image that an open study shows. */
export async function imagesOfOpenStudies(db: Database): Promise<string[]> {
  const ofSide = (render: 'p.render_a_id' | 'p.render_b_id') =>
    db
      .selectFrom('study as s')
      .innerJoin('pair as p', 'p.study_id', 's.id')
      .innerJoin('render as r', 'r.id', render)
      .select('r.image_sha256 as sha256')
      .where('s.state', '=', 'open');
  const rows = await ofSide('p.render_a_id').union(ofSide('p.render_b_id')).execute();
  return rows.map(({ sha256 }) => sha256);
}

export async function hasSeats(db: Database, studyId: string, population: Population): Promise<boolean> {
  const seat = await db
    .selectFrom('seat')
    .select('id')
    .where('study_id', '=', studyId)
    .where('population', '=', population)
    .limit(1)
    .executeTakeFirst();
  return seat !== undefined;
}

export async function setArchived(db: Database, id: string, archivedAt: number | null): Promise<void> {
  await db.updateTable('study').set({ archived_at: archivedAt }).where('id', '=', id).execute();
}

export async function setPlanHash(db: Database, id: string, sha256: string): Promise<void> {
  await db.updateTable('study').set({ plan_sha256: sha256 }).where('id', '=', id).execute();
}

export async function setStudyState(db: Database, id: string, state: StudyState, now: number): Promise<void> {
  const closedAt = state === 'closed' ? now : null;
  await db.updateTable('study').set({ state, closed_at: closedAt }).where('id', '=', id).execute();
}

export async function renameStudy(
  db: Database,
  id: string,
  { name, planSha256 }: Pick<Study, 'name' | 'planSha256'>,
): Promise<void> {
  await db.updateTable('study').set({ name, plan_sha256: planSha256 }).where('id', '=', id).execute();
}

/** The pairs that are asked, not those that only serve as checks. */
export async function listPairs(db: Database, studyId: string): Promise<Pair[]> {
  const rows = await db
    .selectFrom('pair')
    .selectAll()
    .where('study_id', '=', studyId)
    .where('position', '>=', 0)
    .orderBy('position')
    .execute();
  return rows.map((row) => objectOf(row));
}

/** Newest first. */
export async function listStudies(db: Database) {
  const rows = await db
    .selectFrom('study as s')
    .innerJoin('prompt_set as p', 'p.id', 's.prompt_set_id')
    .selectAll('s')
    .select('p.name as promptSet')
    .orderBy('s.created_at', 'desc')
    .orderBy('s.name')
    .execute();
  return rows.map(studyOf);
}

/** The models that a study compares two by two, by name, in its order. */
export function listPairings(db: Database, studyId: string) {
  return db
    .selectFrom('pairing as c')
    .innerJoin('model as a', 'a.id', 'c.model_a_id')
    .innerJoin('model as b', 'b.id', 'c.model_b_id')
    .select(['c.model_a_id as modelAId', 'c.model_b_id as modelBId', 'a.name as modelA', 'b.name as modelB'])
    .where('c.study_id', '=', studyId)
    .orderBy('c.position')
    .execute();
}

/** How far a study is: votes of one population that count, and people who cast one. Kept while they vote, not counted here. */
export async function studyProgress(db: Database, studyId: string, population: Population) {
  const { votes } = await db
    .selectFrom('tally')
    .select(sql<number | null>`sum(a + b + tie)`.as('votes'))
    .where('study_id', '=', studyId)
    .where('population', '=', population)
    .executeTakeFirstOrThrow();
  const { annotators } = await db
    .selectFrom('annotator')
    .select((e) => e.fn.countAll<number>().as('annotators'))
    .where('study_id', '=', studyId)
    .where('population', '=', population)
    .where('votes', '>', 0)
    .executeTakeFirstOrThrow();
  const { takeOvers } = await db
    .selectFrom('take_over as t')
    .innerJoin('annotator as n', 'n.id', 't.annotator_id')
    .select((e) => e.fn.countAll<number>().as('takeOvers'))
    .where('n.study_id', '=', studyId)
    .where('n.population', '=', population)
    .executeTakeFirstOrThrow();
  return { votes: Number(votes ?? 0), annotators: Number(annotators), takeOvers: Number(takeOvers) };
}

/** What a study shows, in its order: each pair's two renders. */
export async function rendersShown(db: Database, name: string): Promise<string[]> {
  const rows = await db
    .selectFrom('pair as p')
    .innerJoin('study as s', 's.id', 'p.study_id')
    .select(['p.render_a_id as a', 'p.render_b_id as b'])
    .where('s.name', '=', name)
    .orderBy('p.position')
    .execute();
  return rows.map(({ a, b }) => `${a} ${b}`);
}

/** The pairs in the study's order, with what a report says of them. */
export function listPairsWithPrompts(db: Database, studyId: string) {
  return db
    .selectFrom('pair as p')
    .innerJoin('prompt as q', 'q.id', 'p.prompt_id')
    .select(['p.id', 'p.position', 'p.pairing', 'p.weight', 'p.draw_weight as drawWeight'])
    .select(['q.id as promptId', 'q.text as prompt', 'q.category', 'q.challenge'])
    .where('p.study_id', '=', studyId)
    .where('p.position', '>=', 0)
    .orderBy('p.position')
    .execute();
}

/** The pairs that are asked, in the study's order, each with its prompt and both renders. */
const pairsWithRenders = (db: Database, studyId: string) =>
  db
    .selectFrom('pair as p')
    .innerJoin('prompt as q', 'q.id', 'p.prompt_id')
    .innerJoin('render as a', 'a.id', 'p.render_a_id')
    .innerJoin('render as b', 'b.id', 'p.render_b_id')
    .where('p.study_id', '=', studyId)
    .where('p.position', '>=', 0)
    .orderBy('p.position');

/** The pairs in the study's order, or one of them, with both images' SHA-256. */
export function listPairImages(db: Database, studyId: string, position?: number) {
  return pairsWithRenders(db, studyId)
    .$if(position !== undefined, (query) => query.where('p.position', '=', position!))
    .select([
      'p.position',
      'p.pairing',
      'q.id as promptId',
      'q.text as prompt',
      'q.category',
      'q.challenge',
      'a.image_sha256 as imageA',
      'b.image_sha256 as imageB',
    ])
    .execute();
}

/** Of each pair what both images look like from afar. @param upTo only the pairs up to this position */
export function listPairThumbnails(db: Database, studyId: string, upTo?: number) {
  return pairsWithRenders(db, studyId)
    .$if(upTo !== undefined, (query) => query.where('p.position', '<=', upTo!))
    .select(['p.position', 'a.thumbnail as thumbnailA', 'b.thumbnail as thumbnailB'])
    .execute();
}

/** The pairs in the study's order, with how each image was made. */
export async function listPairsForBundle(db: Database, studyId: string) {
  const rows = await pairsWithRenders(db, studyId)
    .select([
      'p.position',
      'p.pairing',
      'q.id as promptId',
      'q.text as prompt',
      'q.category',
      'q.challenge',
      'p.weight',
      'p.draw_weight as drawWeight',
      'a.seed as seedA',
      'a.image_sha256 as sha256A',
      'a.width as widthA',
      'a.height as heightA',
      'a.provenance as provenanceA',
      'b.seed as seedB',
      'b.image_sha256 as sha256B',
      'b.width as widthB',
      'b.height as heightB',
      'b.provenance as provenanceB',
    ])
    .execute();
  return rows.map((row) => ({
    position: row.position,
    pairing: row.pairing,
    promptId: row.promptId,
    prompt: row.prompt,
    category: row.category,
    challenge: row.challenge,
    weight: row.weight,
    drawWeight: row.drawWeight,
    a: {
      seed: Number(row.seedA),
      sha256: row.sha256A,
      width: row.widthA,
      height: row.heightA,
      provenance: JSON.parse(row.provenanceA) as unknown,
    },
    b: {
      seed: Number(row.seedB),
      sha256: row.sha256B,
      width: row.widthB,
      height: row.heightB,
      provenance: JSON.parse(row.provenanceB) as unknown,
    },
  }));
}

/**
 * Each pair's two scores by every reward whose present network has scored both renders.
 * @param upTo position of the last pair that is asked for; all when it is left out
 */
export function listPairScores(db: Database, studyId: string, upTo?: number) {
  return db
    .selectFrom('pair as p')
    .innerJoin('score as a', 'a.render_id', 'p.render_a_id')
    .innerJoin('score as b', (join) =>
      join
        .onRef('b.render_id', '=', 'p.render_b_id')
        .onRef('b.reward_id', '=', 'a.reward_id')
        .onRef('b.network_sha256', '=', 'a.network_sha256'),
    )
    .innerJoin('reward as w', (join) =>
      join.onRef('w.id', '=', 'a.reward_id').onRef('w.network_sha256', '=', 'a.network_sha256'),
    )
    .select(['w.name as reward', 'p.position', 'a.value as scoreA', 'b.value as scoreB'])
    .where('p.study_id', '=', studyId)
    .where('p.position', '>=', 0)
    .$if(upTo !== undefined, (query) => query.where('p.position', '<=', upTo!))
    .orderBy('w.name')
    .orderBy('p.position')
    .execute();
}

/**
 * Both scores of each pairing's images of prompts that the study does not show, one seed a prompt (the smallest that both have), by
 * every reward whose present network has scored both.
 */
export async function listOtherScores(db: Database, studyId: string) {
  const rows = await db
    .selectFrom('pairing as c')
    .innerJoin('study as s', 's.id', 'c.study_id')
    .innerJoin('prompt as q', 'q.prompt_set_id', 's.prompt_set_id')
    .innerJoin('render as a', (join) => join.onRef('a.prompt_id', '=', 'q.id').onRef('a.model_id', '=', 'c.model_a_id'))
    .innerJoin('render as b', (join) =>
      join.onRef('b.prompt_id', '=', 'q.id').onRef('b.model_id', '=', 'c.model_b_id').onRef('b.seed', '=', 'a.seed'),
    )
    .innerJoin('score as x', 'x.render_id', 'a.id')
    .innerJoin('score as y', (join) =>
      join
        .onRef('y.render_id', '=', 'b.id')
        .onRef('y.reward_id', '=', 'x.reward_id')
        .onRef('y.network_sha256', '=', 'x.network_sha256'),
    )
    .innerJoin('reward as w', (join) =>
      join.onRef('w.id', '=', 'x.reward_id').onRef('w.network_sha256', '=', 'x.network_sha256'),
    )
    .select(['w.name as reward', 'c.position as pairing', 'q.id as promptId', 'x.value as scoreA', 'y.value as scoreB'])
    .where('c.study_id', '=', studyId)
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('pair as p')
            .select('p.id')
            .whereRef('p.study_id', '=', 's.id')
            .whereRef('p.prompt_id', '=', 'q.id'),
        ),
      ),
    )
    .orderBy('w.name')
    .orderBy('c.position')
    .orderBy('q.position')
    .orderBy('a.seed')
    .execute();
  // The first of each prompt has its smallest seed.
  const seen = new Set<string>();
  return rows.flatMap(({ promptId, ...score }) => {
    const key = `${score.reward} ${score.pairing} ${promptId}`;
    if (seen.has(key)) return [];
    seen.add(key);
    return [score];
  });
}
