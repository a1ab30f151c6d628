/** @file Queries on prescreens and on the checkpoints that are models. */
import type { ExpressionBuilder } from 'kysely';
import type { Database } from '../open.ts';
import type { CheckpointTable, PrescreenTable, Tables } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

/** `request`, `progress` and `result` are the contract's; here they are text that nobody reads. */
export interface StoredPrescreen extends Omit<ObjectOf<PrescreenTable>, 'request' | 'progress' | 'result'> {
  request: unknown;
  progress: unknown;
  result: unknown;
}
export type Checkpoint = ObjectOf<CheckpointTable>;

const parsed = (text: string | null): unknown => (text === null ? null : JSON.parse(text));
const written = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

function prescreenOf<Row extends { request: string; progress: string | null; result: string | null }>(row: Row) {
  const { request, progress, result } = row;
  return objectOf(row, { request: parsed(request), progress: parsed(progress), result: parsed(result) });
}

export async function insertCheckpoint(db: Database, checkpoint: Checkpoint): Promise<void> {
  await db.insertInto('checkpoint').values(rowOf<CheckpointTable>(checkpoint)).execute();
}

export async function checkpointsOf(db: Database, modelIds: string[]): Promise<Checkpoint[]> {
  if (modelIds.length === 0) return [];
  const rows = await db.selectFrom('checkpoint').selectAll().where('model_id', 'in', modelIds).execute();
  return rows.map((row) => objectOf(row));
}

/** False when a prescreen with this idempotency key is there already. */
export async function insertPrescreen(db: Database, prescreen: StoredPrescreen): Promise<boolean> {
  const { request, progress, result: done } = prescreen;
  const json = { request: JSON.stringify(request), progress: written(progress), result: written(done) };
  const result = await db
    .insertInto('prescreen')
    .values(rowOf<PrescreenTable>({ ...prescreen, ...json }))
    .onConflict((c) => c.column('idempotency_key').doNothing())
    .executeTakeFirst();
  return Number(result.numInsertedOrUpdatedRows ?? 0) > 0;
}

export async function updatePrescreen(
  db: Database,
  id: string,
  change: Partial<Pick<StoredPrescreen, 'state' | 'progress' | 'result' | 'error' | 'updatedAt'>>,
): Promise<void> {
  const { state, progress, result, error, updatedAt } = change;
  await db
    .updateTable('prescreen')
    .set({
      ...(state === undefined ? {} : { state }),
      ...(progress === undefined ? {} : { progress: written(progress) }),
      ...(result === undefined ? {} : { result: written(result) }),
      ...(error === undefined ? {} : { error }),
      ...(updatedAt === undefined ? {} : { updated_at: updatedAt }),
    })
    .where('id', '=', id)
    .execute();
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
): Promise<StoredPrescreen | undefined> {
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
  const row = await db
    .updateTable('prescreen')
    .set((e) => ({
      state: 'running' as const,
      updated_at: now,
      // Still running: whoever ran it is gone.
      lost_workers: e('lost_workers', '+', e.case().when('state', '=', 'running').then(1).else(0).end()),
    }))
    .where('id', '=', next.id)
    .where(isFree(staleBefore))
    .returningAll()
    .executeTakeFirst();
  return row && prescreenOf(row);
}

export async function findPrescreen(db: Database, id: string): Promise<StoredPrescreen | undefined> {
  const row = await db.selectFrom('prescreen').selectAll().where('id', '=', id).executeTakeFirst();
  return row && prescreenOf(row);
}

export async function findPrescreenByKey(db: Database, key: string): Promise<StoredPrescreen | undefined> {
  const row = await db.selectFrom('prescreen').selectAll().where('idempotency_key', '=', key).executeTakeFirst();
  return row && prescreenOf(row);
}

/** Newest first. */
export async function listPrescreens(db: Database, limit = 200): Promise<StoredPrescreen[]> {
  const query = db.selectFrom('prescreen').selectAll().orderBy('created_at', 'desc').orderBy('id').limit(limit);
  return (await query.execute()).map(prescreenOf);
}
