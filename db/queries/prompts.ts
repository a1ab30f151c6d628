import type { Insertable, Selectable } from 'kysely';
import type { Database } from '../open.ts';
import type { PromptSetTable, PromptTable } from '../tables.ts';
import { insertRows } from './rows.ts';

export type PromptSet = Selectable<PromptSetTable>;
export type Prompt = Selectable<PromptTable>;

export function findPromptSet(db: Database, name: string): Promise<PromptSet | undefined> {
  return db.selectFrom('prompt_set').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function insertPromptSet(db: Database, set: Insertable<PromptSetTable>, prompts: Prompt[]): Promise<void> {
  await db.insertInto('prompt_set').values(set).execute();
  await insertRows(db, 'prompt', prompts);
}

/** In the order of the file. */
export function listPrompts(db: Database, promptSetId: string): Promise<Prompt[]> {
  return db.selectFrom('prompt').selectAll().where('prompt_set_id', '=', promptSetId).orderBy('position').execute();
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
