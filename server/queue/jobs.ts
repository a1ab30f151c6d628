/** @file The life of a job: submitted in slices, looked at, cancelled, over. */
import { createHash, randomUUID } from 'node:crypto';
import type { JobView } from '../../contract/jobs.ts';
import type { Database } from '../../db/open.ts';
import {
  countOpenSlices,
  endSlices,
  findJob,
  findOpenJob,
  insertJob,
  insertSlices,
  lastResult,
  listJobs,
  lockJob,
  progressOf,
  slicesOf,
  updateJob,
  type StoredJob,
  type StoredSlice,
} from '../../db/queries/jobs.ts';
import { inTransaction } from '../../db/transactions.ts';
import { record } from '../access/audit.ts';
import { ServiceError } from '../errors.ts';
import type { Boss } from './boss.ts';

export interface NewJob {
  kind: StoredJob['kind'];
  title: string;
  /** What its slices are run with. The same request waits or runs once. */
  request: object;
  /** Jobs of one key take about as long an item. */
  rateKey: string;
  /** The kind of device that was asked for; null for whatever its first worker has. */
  deviceKind: string | null;
  /** Where its images go, by the store's name. */
  store: string;
  /** Of the weights that are loaded at once. */
  memoryBytes: number;
  slices: readonly { items: number; part: object }[];
}

/** People wait for renders and their scores; a pre-screening waits for them. */
export const priorities: Record<StoredJob['kind'], number> = {
  report: 30,
  render: 20,
  score: 20,
  train: 10,
  prescreen: 0,
};
/** What brings a job of many slices together when they are over. */
export const finishing = { finish: true } as const;

/** Puts a job into the queue, whole. @returns the job that does the same, where there is one that has not ended */
export async function submitJob(
  db: Database,
  boss: Boss,
  { slices, ...work }: NewJob,
  now = Date.now(),
): Promise<{ id: string; isNew: boolean }> {
  const id = randomUUID();
  const key = JSON.stringify([work.kind, work.request, work.deviceKind]);
  const requestSha256 = createHash('sha256').update(key).digest('hex');
  const job: StoredJob = {
    ...work,
    id,
    requestSha256,
    priority: priorities[work.kind],
    state: 'waiting',
    error: null,
    createdAt: now,
    updatedAt: now,
  };
  return db.transaction().execute(async (tx) => {
    if (!(await insertJob(tx, job))) {
      const existing = await findOpenJob(tx, requestSha256);
      if (existing === undefined) throw new ServiceError('conflict', 'The same job ended at this moment; try again.');
      return { id: existing.id, isNew: false };
    }
    // A training that was cancelled, or failed, goes on from its last checkpoint; one that is done has its files at once.
    const before = work.kind === 'train' ? await lastResult(tx, requestSha256) : null;
    await insertSlices(
      tx,
      slices.map((slice, position) => ({ ...freshSlice(id, position, slice), result: before })),
    );
    const ids = slices.map((_, position) => ({ jobId: id, position }));
    await boss.send(tx, ids, job);
    return { id, isNew: true };
  });
}

function freshSlice(jobId: string, position: number, { items, part }: { items: number; part: object }): StoredSlice {
  return {
    ...{ jobId, position, part, items, done: 0, state: 'waiting' },
    ...{ worker: null, result: null, error: null, startedAt: null, heardAt: null, endedAt: null },
  };
}

/** Call it in the transaction that ended a slice: the last one ends the job, or sends what brings it together. */
export async function endJobIfOver(tx: Database, boss: Boss, jobId: string, now: number): Promise<void> {
  const job = await lockJob(tx, jobId, now);
  if (job.state === 'cancelled' || (await countOpenSlices(tx, jobId)) > 0) return;
  const slices = await slicesOf(tx, jobId);
  const failed = slices.filter(({ state }) => state === 'failed');
  const isFinished = slices.some(({ part }) => 'finish' in (part as object));
  if (failed.length === 0 && job.kind === 'prescreen' && !isFinished) {
    const position = slices.length;
    await insertSlices(tx, [freshSlice(jobId, position, { items: 0, part: finishing })]);
    await boss.send(tx, [{ jobId, position }], job);
    return;
  }
  const error = failed[0]?.error ?? null;
  await updateJob(tx, jobId, { state: failed.length > 0 ? 'failed' : 'done', error, updatedAt: now });
}

/** Whether a job or a slice has something before it. */
export function isOpen({ state }: Pick<StoredJob, 'state'>): boolean {
  return state === 'waiting' || state === 'running';
}

/** What waits ends at once; workers stop what runs within seconds, and keep what is finished. @throws ServiceError not-found */
export async function cancelJob(db: Database, id: string, actor: string, now = Date.now()): Promise<JobView> {
  await inTransaction(db, async (tx) => {
    if ((await findJob(tx, id)) === undefined) throw new ServiceError('not-found', `There is no job "${id}".`);
    if (!isOpen(await lockJob(tx, id, now))) return;
    await updateJob(tx, id, { state: 'cancelled', updatedAt: now });
    await endSlices(tx, id, 'cancelled', now);
    await record(tx, { actor, action: 'job cancel', subject: id }, now);
  });
  return readJob(db, id, now);
}

/** @throws ServiceError not-found */
export async function readJob(db: Database, id: string, now = Date.now()): Promise<JobView> {
  const job = await findJob(db, id);
  if (job === undefined) throw new ServiceError('not-found', `There is no job "${id}".`);
  return (await views(db, [job], now))[0]!;
}

export async function allJobs(db: Database, now = Date.now()): Promise<JobView[]> {
  return views(db, await listJobs(db), now);
}

async function views(db: Database, jobs: readonly StoredJob[], now: number): Promise<JobView[]> {
  const rows = await progressOf(
    db,
    jobs.map(({ id }) => id),
  );
  return jobs.map((job) => {
    const own = rows.filter(({ jobId }) => jobId === job.id);
    const sum = (of: (row: (typeof own)[number]) => number) => own.reduce((total, row) => total + of(row), 0);
    const [items, done] = [sum((row) => row.items), sum((row) => row.done)];
    const started = own.flatMap(({ startedAt }) => startedAt ?? []);
    const slices = { waiting: 0, running: 0, done: 0, failed: 0, cancelled: 0 };
    for (const { state, slices: count } of own) slices[state] += count;
    const running = own.filter(({ state }) => state === 'running');
    return {
      ...{ id: job.id, kind: job.kind, title: job.title, state: job.state, deviceKind: job.deviceKind },
      ...{ items, done, slices, error: job.error, createdAt: job.createdAt, updatedAt: job.updatedAt },
      workers: [...new Set(running.flatMap(({ worker }) => worker ?? []))].sort(),
      secondsLeft:
        job.state === 'running' && done > 0 && started.length > 0
          ? ((now - Math.min(...started)) / 1000 / done) * (items - done)
          : null,
    };
  });
}
