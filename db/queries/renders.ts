import type { Insertable, Selectable } from 'kysely';
import type { Database } from '../open.ts';
import type { RenderFailureTable, RenderTable } from '../tables.ts';
import type { Prompt } from './prompts.ts';

export type Render = Selectable<RenderTable>;

/** The prompts that this model has not rendered with this seed, in the set's order. */
export function promptsWithoutRender(
  db: Database,
  { promptSetId, modelId, seed }: { promptSetId: string; modelId: string; seed: number },
): Promise<Prompt[]> {
  return db
    .selectFrom('prompt as p')
    .selectAll('p')
    .where('p.prompt_set_id', '=', promptSetId)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('render as r')
            .select('r.id')
            .whereRef('r.prompt_id', '=', 'p.id')
            .where('r.model_id', '=', modelId)
            .where('r.seed', '=', seed),
        ),
      ),
    )
    .orderBy('p.position')
    .execute();
}

/** Keeps the first of two renders of one model, prompt and seed; both have the same pixels. Clears its failure. */
export async function insertRender(db: Database, render: Insertable<RenderTable>): Promise<void> {
  await db
    .insertInto('render')
    .values(render)
    .onConflict((c) => c.columns(['model_id', 'prompt_id', 'seed']).doNothing())
    .execute();
  await db
    .deleteFrom('render_failure')
    .where('model_id', '=', render.model_id)
    .where('prompt_id', '=', render.prompt_id)
    .where('seed', '=', render.seed)
    .execute();
}

export async function recordRenderFailure(db: Database, failure: Insertable<RenderFailureTable>): Promise<void> {
  await db
    .insertInto('render_failure')
    .values(failure)
    .onConflict((c) =>
      c
        .columns(['model_id', 'prompt_id', 'seed'])
        .doUpdateSet({ message: failure.message, created_at: failure.created_at }),
    )
    .execute();
}

export function listRenders(
  db: Database,
  { promptSetId, modelId }: { promptSetId: string; modelId: string },
): Promise<(Render & { position: number })[]> {
  return db
    .selectFrom('render as r')
    .innerJoin('prompt as p', 'p.id', 'r.prompt_id')
    .selectAll('r')
    .select('p.position')
    .where('p.prompt_set_id', '=', promptSetId)
    .where('r.model_id', '=', modelId)
    .orderBy('p.position')
    .orderBy('r.seed')
    .execute();
}
