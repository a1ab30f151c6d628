/** @file Queries on renders and their failures. */
import type { Database } from '../open.ts';
import type { RenderFailureTable, RenderTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';
import type { Prompt } from './prompts.ts';

export interface Render extends Omit<ObjectOf<RenderTable>, 'provenance'> {
  /** What made the image (hashes, sampler, steps, guidance, library, device), or where it was imported from. */
  provenance: object;
}
export type RenderFailure = ObjectOf<RenderFailureTable>;

/** The prompts that this model has not rendered with this seed, in the set's order. */
export async function promptsWithoutRender(
  db: Database,
  { promptSetId, modelId, seed }: { promptSetId: string; modelId: string; seed: number },
): Promise<Prompt[]> {
  const rows = await db
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
  return rows.map((row) => objectOf(row));
}

/** Keeps the first of two renders of one model, prompt and seed; both have the same pixels. Clears its failure. */
export async function insertRender(db: Database, render: Render): Promise<void> {
  await db
    .insertInto('render')
    .values(rowOf<RenderTable>({ ...render, provenance: JSON.stringify(render.provenance) }))
    .onConflict((c) => c.columns(['model_id', 'prompt_id', 'seed']).doNothing())
    .execute();
  await db
    .deleteFrom('render_failure')
    .where('model_id', '=', render.modelId)
    .where('prompt_id', '=', render.promptId)
    .where('seed', '=', render.seed)
    .execute();
}

export async function recordRenderFailure(db: Database, failure: RenderFailure): Promise<void> {
  await db
    .insertInto('render_failure')
    .values(rowOf<RenderFailureTable>(failure))
    .onConflict((c) =>
      c
        .columns(['model_id', 'prompt_id', 'seed'])
        .doUpdateSet({ message: failure.message, created_at: failure.createdAt }),
    )
    .execute();
}

export async function listRenders(
  db: Database,
  { promptSetId, modelId }: { promptSetId: string; modelId: string },
): Promise<(Render & { position: number })[]> {
  const rows = await db
    .selectFrom('render as r')
    .innerJoin('prompt as p', 'p.id', 'r.prompt_id')
    .selectAll('r')
    .select('p.position')
    .where('p.prompt_set_id', '=', promptSetId)
    .where('r.model_id', '=', modelId)
    .orderBy('p.position')
    .orderBy('r.seed')
    .execute();
  return rows.map((row) => objectOf(row, { provenance: JSON.parse(row.provenance) as object }));
}

/** The hash of the image that a model has of a prompt with the lowest seed that another has rendered it with too. */
export async function findImage(
  db: Database,
  { promptSet, position, model, beside }: { promptSet: string; position: number; model: string; beside: string },
): Promise<string | undefined> {
  const row = await db
    .selectFrom('render as r')
    .innerJoin('prompt as p', 'p.id', 'r.prompt_id')
    .innerJoin('prompt_set as s', 's.id', 'p.prompt_set_id')
    .innerJoin('model as m', 'm.id', 'r.model_id')
    .innerJoin('render as o', (join) => join.onRef('o.prompt_id', '=', 'r.prompt_id').onRef('o.seed', '=', 'r.seed'))
    .innerJoin('model as n', 'n.id', 'o.model_id')
    .select('r.image_sha256')
    .where('s.name', '=', promptSet)
    .where('p.position', '=', position)
    .where('m.name', '=', model)
    .where('n.name', '=', beside)
    .orderBy('r.seed')
    .limit(1)
    .executeTakeFirst();
  return row?.image_sha256;
}
