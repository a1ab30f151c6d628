import type { ExpressionBuilder, Insertable, Selectable, Updateable } from 'kysely';
import type { Database } from '../open.ts';
import type { CheckpointTable, PrescreenTable, Tables } from '../tables.ts';

export type PrescreenRow = Selectable<PrescreenTable>;

export async function insertCheckpoint(db: Database, checkpoint: Insertable<CheckpointTable>): Promise<void> {
  await db.insertInto('checkpoint').values(checkpoint).execute();
}

export async function checkpointsOf(db: Database, modelIds: string[]): Promise<Selectable<CheckpointTable>[]> {
  if (modelIds.length === 0) return [];
  return db.selectFrom('checkpoint').selectAll().where('model_id', 'in', modelIds).execute();
}

/** False when a prescreen with this idempotency key is there already. */
export async function insertPrescreen(db: Database, row: Insertable<PrescreenTable>): Promise<boolean> {
  const result = await db
    .insertInto('prescreen')
    .values(row)
    .onConflict((c) => c.column('idempotency_key').doNothing())
    .executeTakeFirst();
  return Number(result.numInsertedOrUpdatedRows ?? 0) > 0;
}

export async function updatePrescreen(db: Database, id: string, change: Updateable<PrescreenTable>): Promise<void> {
  await db.updateTable('prescreen').set(change).where('id', '=', id).execute();
}

/** Waits for a process, or had one that has not been heard of since. */
function isFree(staleBefore: number) {
  return (e: ExpressionBuilder<Tables, 'prescreen'>) =>
    e.or([e('state', '=', 'queued'), e.and([e('state', '=', 'running'), e('updated_at', '<', staleBefore)])]);
}

export async function hasFreePrescreen(db: Database, staleBefore: number): Promise<boolean> {
  const free = db.selectFrom('prescreen').select('id').where(isFree(staleBefore)).limit(1);
  return (await free.executeTakeFirst()) !== undefined;
}

/** Takes the oldest that waits, or that runs and has not been heard of; undefined when there is none. */
export async function claimPrescreen(
  db: Database,
  { now, staleBefore }: { now: number; staleBefore: number },
): Promise<PrescreenRow | undefined> {
  const next = await db
    .selectFrom('prescreen')
    .select('id')
    .where(isFree(staleBefore))
    .orderBy('created_at')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  if (next === undefined) return undefined;
  // Another process may have been faster: only one update finds it free.
  return db
    .updateTable('prescreen')
    .set({ state: 'running', updated_at: now })
    .where('id', '=', next.id)
    .where(isFree(staleBefore))
    .returningAll()
    .executeTakeFirst();
}

export function findPrescreen(db: Database, id: string): Promise<PrescreenRow | undefined> {
  return db.selectFrom('prescreen').selectAll().where('id', '=', id).executeTakeFirst();
}

export function findPrescreenByKey(db: Database, key: string): Promise<PrescreenRow | undefined> {
  return db.selectFrom('prescreen').selectAll().where('idempotency_key', '=', key).executeTakeFirst();
}

/** Newest first. */
export function listPrescreens(db: Database, limit = 200): Promise<PrescreenRow[]> {
  return db.selectFrom('prescreen').selectAll().orderBy('created_at', 'desc').orderBy('id').limit(limit).execute();
}
