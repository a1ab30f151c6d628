/** @file Queries on jobs of the queue and their slices. */
import { sql } from 'kysely';
import type { Database } from '../open.ts';
import type { JobTable, SliceTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';
import { insertRows } from './rows.ts';

/** `request` is what its kind keeps; here it is text that nobody reads. */
export interface StoredJob extends Omit<ObjectOf<JobTable>, 'request'> {
  request: unknown;
}
export interface StoredSlice extends Omit<ObjectOf<SliceTable>, 'part' | 'result'> {
  part: unknown;
  result: unknown;
}

const open = ['waiting', 'running'] as const;
const jobOf = <Row extends { request: string }>(row: Row) =>
  objectOf(row, { request: JSON.parse(row.request) as unknown });
const sliceOf = <Row extends { part: string; result: string | null }>(row: Row) =>
  objectOf(row, {
    part: JSON.parse(row.part) as unknown,
    result: row.result === null ? null : (JSON.parse(row.result) as unknown),
  });
const sliceRow = (slice: StoredSlice) =>
  rowOf<SliceTable>({
    ...slice,
    part: JSON.stringify(slice.part),
    result: slice.result === null ? null : JSON.stringify(slice.result),
  });

/** False when the same work waits or runs already. */
export async function insertJob(db: Database, job: StoredJob): Promise<boolean> {
  const result = await db
    .insertInto('job')
    .values(rowOf<JobTable>({ ...job, request: JSON.stringify(job.request) }))
    // In words, not as values: PostgreSQL has to see that it is the index's.
    .onConflict((c) =>
      c
        .column('request_sha256')
        .where(sql<boolean>`state in ('waiting', 'running')`)
        .doNothing(),
    )
    .executeTakeFirst();
  return Number(result.numInsertedOrUpdatedRows ?? 0) > 0;
}

export async function insertSlices(db: Database, slices: readonly StoredSlice[]): Promise<void> {
  await insertRows(db, 'slice', slices.map(sliceRow));
}

export async function findJob(db: Database, id: string): Promise<StoredJob | undefined> {
  const row = await db.selectFrom('job').selectAll().where('id', '=', id).executeTakeFirst();
  return row && jobOf(row);
}

export async function findOpenJob(db: Database, requestSha256: string): Promise<StoredJob | undefined> {
  const query = db.selectFrom('job').selectAll().where('request_sha256', '=', requestSha256).where('state', 'in', open);
  const row = await query.executeTakeFirst();
  return row && jobOf(row);
}

/** Newest first. */
export async function listJobs(db: Database, limit = 100): Promise<StoredJob[]> {
  const query = db.selectFrom('job').selectAll().orderBy('created_at', 'desc').orderBy('id').limit(limit);
  return (await query.execute()).map(jobOf);
}

/** Waits for other transactions on this job; theirs wait for this one. */
export async function lockJob(db: Database, id: string, now: number): Promise<StoredJob> {
  const query = db.updateTable('job').set({ updated_at: now }).where('id', '=', id).returningAll();
  return jobOf(await query.executeTakeFirstOrThrow());
}

export async function updateJob(
  db: Database,
  id: string,
  change: Partial<Pick<StoredJob, 'state' | 'error' | 'updatedAt'>>,
): Promise<void> {
  await db.updateTable('job').set(rowOf<JobTable>(change)).where('id', '=', id).execute();
}

/** Its first slice is taken. */
export async function beginJob(db: Database, id: string, now: number): Promise<void> {
  await db
    .updateTable('job')
    .set({ state: 'running', updated_at: now })
    .where('id', '=', id)
    .where('state', '=', 'waiting')
    .execute();
}

/** Says on which kind of device all of the job runs; the first to say so decides. @returns what was decided */
export async function pinDevice(db: Database, id: string, kind: string): Promise<string> {
  await db
    .updateTable('job')
    .set({ device_kind: kind })
    .where('id', '=', id)
    .where('device_kind', 'is', null)
    .execute();
  const row = await db.selectFrom('job').select('device_kind').where('id', '=', id).executeTakeFirstOrThrow();
  return row.device_kind!;
}

export async function findSlice(db: Database, jobId: string, position: number): Promise<StoredSlice | undefined> {
  const query = db.selectFrom('slice').selectAll().where('job_id', '=', jobId).where('position', '=', position);
  const row = await query.executeTakeFirst();
  return row && sliceOf(row);
}

/** What came of the first slice of the last job with the same work; null where nothing did. */
export async function lastResult(db: Database, requestSha256: string): Promise<unknown> {
  const row = await db
    .selectFrom('slice as s')
    .innerJoin('job as j', 'j.id', 's.job_id')
    .select('s.result')
    .where('j.request_sha256', '=', requestSha256)
    .where('s.position', '=', 0)
    .where('s.result', 'is not', null)
    .orderBy('j.created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.result == null ? null : (JSON.parse(row.result) as unknown);
}

/** In their order. */
export async function slicesOf(db: Database, jobId: string): Promise<StoredSlice[]> {
  const query = db.selectFrom('slice').selectAll().where('job_id', '=', jobId).orderBy('position');
  return (await query.execute()).map(sliceOf);
}

/** How far each of these jobs is. */
export async function progressOf(db: Database, jobIds: readonly string[]) {
  if (jobIds.length === 0) return [];
  const rows = await db
    .selectFrom('slice')
    .select(['job_id as jobId', 'state', 'worker'])
    .select((e) => [
      e.fn.countAll<number>().as('slices'),
      e.fn.sum<number>('items').as('items'),
      e.fn.sum<number>('done').as('done'),
      e.fn.min<number | null>('started_at').as('startedAt'),
      e.fn.max<number | null>('heard_at').as('heardAt'),
    ])
    .where('job_id', 'in', jobIds)
    .groupBy(['job_id', 'state', 'worker'])
    .execute();
  const number = (value: number | string | null) => (value === null ? null : Number(value));
  return rows.map((row) => ({
    ...row,
    slices: Number(row.slices),
    items: Number(row.items),
    done: Number(row.done),
    startedAt: number(row.startedAt),
    heardAt: number(row.heardAt),
  }));
}

/** Changes a slice that has not ended. @returns false when it has */
export async function updateSlice(
  db: Database,
  { jobId, position }: Pick<StoredSlice, 'jobId' | 'position'>,
  change: Partial<Omit<StoredSlice, 'jobId' | 'position' | 'part' | 'items'>>,
): Promise<boolean> {
  const { result, ...rest } = change;
  const json = result === undefined ? {} : { result: result === null ? null : JSON.stringify(result) };
  const updated = await db
    .updateTable('slice')
    .set(rowOf<SliceTable>({ ...rest, ...json }))
    .where('job_id', '=', jobId)
    .where('position', '=', position)
    .where('state', 'in', open)
    .executeTakeFirst();
  return Number(updated.numUpdatedRows) > 0;
}

/** What waits or runs of a job ends. */
export async function endSlices(db: Database, jobId: string, state: 'cancelled', now: number): Promise<void> {
  await db
    .updateTable('slice')
    .set({ state, ended_at: now })
    .where('job_id', '=', jobId)
    .where('state', 'in', open)
    .execute();
}

export async function countOpenSlices(db: Database, jobId: string): Promise<number> {
  const query = db
    .selectFrom('slice')
    .select((e) => e.fn.countAll<number>().as('slices'))
    .where('job_id', '=', jobId)
    .where('state', 'in', open);
  return Number((await query.executeTakeFirstOrThrow()).slices);
}

/** The highest priority that waits for this kind of device or for any; −1 where nothing does. */
export async function bestWaiting(db: Database, deviceKind: string): Promise<number> {
  const row = await db
    .selectFrom('slice as s')
    .innerJoin('job as j', 'j.id', 's.job_id')
    .select((e) => e.fn.max<number | null>('j.priority').as('priority'))
    .where('s.state', '=', 'waiting')
    .where((e) => e.or([e('j.device_kind', 'is', null), e('j.device_kind', '=', deviceKind)]))
    .executeTakeFirstOrThrow();
  return row.priority ?? -1;
}

/** Whether a worker of this kind has something to wait for. */
export async function hasOpenSlices(
  db: Database,
  { deviceKind, store, memoryBytes }: { deviceKind: string; store: string; memoryBytes: number },
): Promise<boolean> {
  const query = db
    .selectFrom('slice as s')
    .innerJoin('job as j', 'j.id', 's.job_id')
    .select('s.position')
    .where('s.state', 'in', open)
    .where((e) => e.or([e('j.device_kind', 'is', null), e('j.device_kind', '=', deviceKind)]))
    .where('j.store', '=', store)
    .$if(Number.isFinite(memoryBytes), (q) => q.where('j.memory_bytes', '<=', memoryBytes))
    .limit(1);
  return (await query.executeTakeFirst()) !== undefined;
}

/** Seconds an item took in the last slices of such jobs; undefined when there were none. */
export async function secondsPerItem(db: Database, rateKey: string, last = 20): Promise<number | undefined> {
  const rows = await db
    .selectFrom('slice as s')
    .innerJoin('job as j', 'j.id', 's.job_id')
    .select(['s.items', 's.started_at', 's.ended_at'])
    .where('j.rate_key', '=', rateKey)
    .where('s.state', '=', 'done')
    .where('s.items', '>', 0)
    .where('s.started_at', 'is not', null)
    .orderBy('s.ended_at', 'desc')
    .limit(last)
    .execute();
  if (rows.length === 0) return undefined;
  const seconds = rows.reduce((sum, row) => sum + (row.ended_at! - row.started_at!) / 1000, 0);
  return seconds / rows.reduce((sum, { items }) => sum + items, 0);
}
