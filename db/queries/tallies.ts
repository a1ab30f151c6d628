/** @file Queries that compare what is kept while people vote with what the votes say, and put it right. */
import { sql } from 'kysely';
import { isPostgres } from '../engine.ts';
import type { Database } from '../open.ts';
import type { Population } from '../tables.ts';

export interface Tally {
  population: Population;
  criterion: string;
  a: number;
  b: number;
  tie: number;
}

/** Nobody fills a slot until the transaction ends; on SQLite its own lock sees to that. */
export async function holdSlots(db: Database): Promise<void> {
  if (isPostgres(db)) await sql`lock table slot, assignment in share row exclusive mode`.execute(db);
}

/** As kept: the sum over the shards. */
export async function keptTallies(db: Database, studyId: string): Promise<Tally[]> {
  const { rows } = await sql<Tally>`
    select population, criterion, sum(a) as a, sum(b) as b, sum(tie) as tie from tally
    where study_id = ${studyId} group by population, criterion having sum(a + b + tie) > 0
    order by population, criterion`.execute(db);
  return rows.map(numbers);
}

/** As the votes that fill slots say. */
export async function countedTallies(db: Database, studyId: string): Promise<Tally[]> {
  const { rows } = await sql<Tally>`
    select s.population, c.criterion,
           sum(case when v.choice = x.side_a then 1 else 0 end) as a,
           sum(case when v.choice <> x.side_a and v.choice <> 'tie' then 1 else 0 end) as b,
           sum(case when v.choice = 'tie' then 1 else 0 end) as tie
    from seat s join slot c on c.seat_id = s.id join vote v on v.id = c.vote_id
         join assignment x on x.id = v.assignment_id
    where s.study_id = ${studyId} and s.position >= 0 group by s.population, c.criterion
    order by s.population, c.criterion`.execute(db);
  return rows.map(numbers);
}

/** PostgreSQL's sums are numeric, which its driver gives as text. */
function numbers({ population, criterion, a, b, tie }: Tally): Tally {
  return { population, criterion, a: Number(a), b: Number(b), tie: Number(tie) };
}

export async function replaceTallies(db: Database, studyId: string, tallies: readonly Tally[]): Promise<void> {
  await db.deleteFrom('tally').where('study_id', '=', studyId).execute();
  const rows = tallies.map((tally) => ({ study_id: studyId, shard: 0, ...tally }));
  if (rows.length > 0) await db.insertInto('tally').values(rows).execute();
}

const votesOf = sql<number>`(select count(*) from slot c join vote v on v.id = c.vote_id where v.annotator_id = annotator.id)`;
/** Pairs finished, and those whose seat had gone when their last question was answered. */
const doneOf = sql<number>`(
  (select count(*) from assignment x where x.annotator_id = annotator.id and x.state = 'done') +
  (select count(*) from assignment x where x.annotator_id = annotator.id and x.surplus_at is not null and x.state <> 'done'))`;

/**
 * Puts right whose counted votes or finished pairs are kept wrong.
 * @returns how many annotators were
 */
export async function correctAnnotators(db: Database, studyId: string): Promise<number> {
  const rows = await db
    .updateTable('annotator')
    .set({ votes: votesOf, done: doneOf })
    .where('study_id', '=', studyId)
    .where((e) => e.or([e('votes', '<>', votesOf), e('done', '<>', doneOf)]))
    .returning('id')
    .execute();
  return rows.length;
}
