/** @file Queries on prompt sets. */
import type { Database } from '../open.ts';
import type { PromptSetTable, PromptTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';
import { insertRows } from './rows.ts';

export type PromptSet = ObjectOf<PromptSetTable>;
export type Prompt = ObjectOf<PromptTable>;

export async function findPromptSet(db: Database, name: string): Promise<PromptSet | undefined> {
  const row = await db.selectFrom('prompt_set').selectAll().where('name', '=', name).executeTakeFirst();
  return row && objectOf(row);
}

export async function promptSetById(db: Database, id: string): Promise<PromptSet> {
  return objectOf(await db.selectFrom('prompt_set').selectAll().where('id', '=', id).executeTakeFirstOrThrow());
}

export async function insertPromptSet(db: Database, set: PromptSet, prompts: readonly Prompt[]): Promise<void> {
  await db.insertInto('prompt_set').values(rowOf<PromptSetTable>(set)).execute();
  await insertRows(db, 'prompt', prompts.map(rowOf<PromptTable>));
}

/** In the order of the file. */
export async function listPrompts(db: Database, promptSetId: string): Promise<Prompt[]> {
  const query = db.selectFrom('prompt').selectAll().where('prompt_set_id', '=', promptSetId).orderBy('position');
  return (await query.execute()).map((row) => objectOf(row));
}

export function listPromptSets(db: Database) {
  return db
    .selectFrom('prompt_set as s')
    .innerJoin('prompt as p', 'p.prompt_set_id', 's.id')
    .select(['s.name', 's.source_sha256 as sourceSha256', 's.created_at as createdAt'])
    .select((e) => e.fn.countAll<number>().as('prompts'))
    .groupBy(['s.id', 's.name', 's.source_sha256', 's.created_at'])
    .orderBy('s.name')
    .execute();
}

/** How many prompts of each category each set has, by name. */
export async function countCategories(db: Database): Promise<{ promptSet: string; name: string; prompts: number }[]> {
  const rows = await db
    .selectFrom('prompt as p')
    .innerJoin('prompt_set as s', 's.id', 'p.prompt_set_id')
    .select(['s.name as promptSet', 'p.category'])
    .select((e) => e.fn.countAll<number>().as('prompts'))
    .where('p.category', 'is not', null)
    .groupBy(['s.name', 'p.category'])
    .orderBy('p.category')
    .execute();
  return rows.map(({ promptSet, category, prompts }) => ({ promptSet, name: category!, prompts: Number(prompts) }));
}
