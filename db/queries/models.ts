/** @file Queries on models. */
import type { Database } from '../open.ts';
import type { ModelTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

export interface Model extends Omit<ObjectOf<ModelTable>, 'settings'> {
  /** The evaluator's ModelSettings; empty for an imported model. */
  settings: object;
}

export async function findModel(db: Database, name: string): Promise<Model | undefined> {
  const row = await db.selectFrom('model').selectAll().where('name', '=', name).executeTakeFirst();
  return row && modelOf(row);
}

export async function modelById(db: Database, id: string): Promise<Model> {
  return modelOf(await db.selectFrom('model').selectAll().where('id', '=', id).executeTakeFirstOrThrow());
}

function modelOf<Row extends { settings: string }>(row: Row) {
  return objectOf(row, { settings: JSON.parse(row.settings) as object });
}

export async function insertModel(db: Database, model: Model): Promise<void> {
  const row = rowOf<ModelTable>({ ...model, settings: JSON.stringify(model.settings) });
  await db.insertInto('model').values(row).execute();
}

export async function listModels(db: Database) {
  const rows = await db
    .selectFrom('model as m')
    .leftJoin('render as r', 'r.model_id', 'm.id')
    .select(['m.name', 'm.kind', 'm.settings', 'm.created_at as createdAt'])
    .select((e) => e.fn.count<number>('r.id').as('renders'))
    .groupBy(['m.id', 'm.name', 'm.kind', 'm.settings', 'm.created_at'])
    .orderBy('m.name')
    .execute();
  return rows.map(modelOf);
}

/** Of how many prompts of each set each model has an image. */
export async function countRenders(db: Database): Promise<{ model: string; promptSet: string; prompts: number }[]> {
  const rows = await db
    .selectFrom('render as r')
    .innerJoin('model as m', 'm.id', 'r.model_id')
    .innerJoin('prompt as p', 'p.id', 'r.prompt_id')
    .innerJoin('prompt_set as s', 's.id', 'p.prompt_set_id')
    .select(['m.name as model', 's.name as promptSet'])
    .select((e) => e.fn.count<number>('p.id').distinct().as('prompts'))
    .groupBy(['m.name', 's.name'])
    .orderBy('s.name')
    .execute();
  return rows.map(({ model, promptSet, prompts }) => ({ model, promptSet, prompts: Number(prompts) }));
}
