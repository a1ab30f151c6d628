import type { Insertable, Selectable } from 'kysely';
import type { Database } from '../open.ts';
import type { ModelTable } from '../tables.ts';

export type ModelRow = Selectable<ModelTable>;

export function findModel(db: Database, name: string): Promise<ModelRow | undefined> {
  return db.selectFrom('model').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function insertModel(db: Database, model: Insertable<ModelTable>): Promise<void> {
  await db.insertInto('model').values(model).execute();
}

export function listModels(db: Database) {
  return db
    .selectFrom('model as m')
    .leftJoin('render as r', 'r.model_id', 'm.id')
    .select(['m.name', 'm.kind', 'm.settings', 'm.created_at as createdAt'])
    .select((e) => e.fn.count<number>('r.id').as('renders'))
    .groupBy(['m.id', 'm.name', 'm.kind', 'm.settings', 'm.created_at'])
    .orderBy('m.name')
    .execute();
}
