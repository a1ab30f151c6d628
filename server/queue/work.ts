/**
 * @file A worker of the queue: takes one slice after the other and runs it. What it does is handed in; here is what happens to a
 * slice that ends, fails, is cancelled, or loses its worker.
 */
import type { Database } from '../../db/open.ts';
import {
  beginJob,
  bestWaiting,
  findJob,
  findSlice,
  hasOpenSlices,
  lockJob,
  pinDevice,
  updateSlice,
  type StoredJob,
  type StoredSlice,
} from '../../db/queries/jobs.ts';
import { pause } from '../../evaluator/engine/threads/pause.ts';
import { heartbeatMs, type Boss, type Taken } from './boss.ts';
import type { Heartbeat } from './heartbeat.ts';
import { endJobIfOver, isOpen } from './jobs.ts';

export interface Slice {
  job: StoredJob;
  slice: StoredSlice;
  /** Aborted when it is cancelled, when another worker has it, and when this one ends. */
  signal: AbortSignal;
  /** @param done of its items; what has come out so far, where somebody else can go on from it */
  report(done: number, result?: object): void;
}

/** What came out of a slice; undefined when the signal ended it, with what is finished kept. */
export type RunSlice = (slice: Slice) => Promise<object | undefined>;

export interface WorkerOptions {
  db: Database;
  boss: Boss;
  heartbeat: Heartbeat;
  deviceKind: string;
  /** Where this machine's images go, by the store's name. */
  store: string;
  /** Bytes that a job's weights may have here. */
  memoryBytes: number;
  /** Of this worker, for people. */
  name: string;
  run: RunSlice;
  /** Ends the worker; the slice under way goes back. */
  signal: AbortSignal;
  /** End when no slice waits or runs that this worker could get. */
  untilEmpty: boolean;
  log: (sentence: string) => void;
}

const idleMs = 500;
/** For which a worker takes nothing after a slice that failed. */
const afterFailureMs = 3000;
/** After which a slice that is too large for one worker is offered again. */
const tooLargeSeconds = 15;

/** Works until it is told to end, or there is nothing left. */
export async function work(options: WorkerOptions): Promise<void> {
  const { db, boss, deviceKind, signal, untilEmpty, log } = options;
  let inTrouble = false;
  while (!signal.aborted) {
    try {
      await buryLost(options);
      const taken = await boss.take(deviceKind, await bestWaiting(db, deviceKind));
      if (taken !== undefined) await handle(options, taken);
      else if (untilEmpty && !(await hasOpenSlices(db, options))) return;
      else await pause(idleMs, signal);
      if (inTrouble) log('The database answers again.');
      inTrouble = false;
    } catch (error) {
      // The database is away for a moment: what was taken comes back when its heartbeat is missed.
      if (!inTrouble) log(`The queue cannot be asked (${(error as Error).message}); trying again.`);
      inTrouble = true;
      await pause(1000, signal);
    }
  }
}

async function handle(
  { db, boss, heartbeat, deviceKind, store, memoryBytes, name, run, signal, log }: WorkerOptions,
  taken: Taken,
) {
  const { jobId, position } = taken;
  const [job, slice] = [await findJob(db, jobId), await findSlice(db, jobId, position)];
  if (job === undefined || slice === undefined || !isOpen(job) || !isOpen(slice)) return boss.done(taken);
  const isElsewhere = job.store !== store;
  if (isElsewhere || job.memoryBytes > memoryBytes) {
    log(
      isElsewhere
        ? `${job.title} has its images in ${job.store}, this worker in ${store} (VISAVIS_STORE): it is left to others.`
        : `${job.title} needs ${gibibytes(job.memoryBytes)} GiB for its weights, this worker has ${gibibytes(memoryBytes)}: it is left to others.`,
    );
    const { kind, deviceKind, priority } = job;
    return db.transaction().execute(async (tx) => {
      await boss.done(taken, tx);
      await boss.send(tx, [taken], { kind, deviceKind, priority, afterSeconds: tooLargeSeconds });
    });
  }
  const pinned = await pinDevice(db, jobId, deviceKind);
  if (pinned !== deviceKind) {
    // The job runs on another kind of device: its images have to be alike.
    return db.transaction().execute(async (tx) => {
      await boss.done(taken, tx);
      await boss.send(tx, [taken], { ...job, deviceKind: pinned });
    });
  }
  const startedAt = Date.now();
  const begun = { state: 'running', worker: name, startedAt, heardAt: startedAt, done: 0 } as const;
  if (!(await updateSlice(db, slice, begun))) return boss.done(taken);
  await beginJob(db, jobId, startedAt);

  const own = new AbortController();
  let isOurs = true;
  let news: { done: number; result?: object } | undefined;
  const tell = async () => {
    const change = { ...news, heardAt: Date.now() };
    news = undefined;
    if (isOurs && !(await updateSlice(db, slice, change))) own.abort();
  };
  // In another worker's hands: it goes on from what was told last.
  const release = heartbeat.hold(taken, () => {
    isOurs = false;
    own.abort();
  });
  let telling = Promise.resolve();
  const timer = setInterval(() => {
    telling = telling.then(tell).catch(() => undefined);
  }, heartbeatMs);
  const outcome = await run({
    job,
    slice,
    signal: AbortSignal.any([signal, own.signal]),
    report(done, result) {
      news = { ...news, done, ...(result === undefined ? {} : { result }) };
    },
  }).then(
    (result) => ({ result }),
    (error: Error) => ({ error }),
  );
  clearInterval(timer);
  await telling;
  release();
  const now = Date.now();
  if ('error' in outcome) {
    log(`${job.title}, slice ${position}: ${outcome.error.message}`);
    if (!isOurs) return undefined;
    await updateSlice(db, slice, { ...news, state: 'waiting', error: outcome.error.message });
    await boss.fail(taken, outcome.error);
    // It may be this machine that is wrong: others get the next try, and the next slices.
    return pause(afterFailureMs, signal);
  }
  if (outcome.result === undefined) {
    if (!isOurs) return undefined;
    return db.transaction().execute(async (tx) => {
      await lockJob(tx, jobId, now);
      await boss.done(taken, tx);
      // A cancelled one has ended already.
      if (!(await updateSlice(tx, slice, { ...news, state: 'waiting', worker: null }))) return;
      await boss.send(tx, [taken], { ...job, deviceKind: pinned });
    });
  }
  const { result } = outcome;
  const end = { state: 'done', done: slice.items, result, error: null } as const;
  await db.transaction().execute(async (tx) => {
    await lockJob(tx, jobId, now);
    if (await updateSlice(tx, slice, { ...end, endedAt: now, heardAt: now })) await endJobIfOver(tx, boss, jobId, now);
    await boss.done(taken, tx);
  });
}

/** What failed at every try has its sentence, and the rest of its job goes on. */
async function buryLost({ db, boss }: WorkerOptions): Promise<void> {
  for (;;) {
    const lost = await boss.takeLost();
    if (lost === undefined) return;
    const { taken, error } = lost;
    const now = Date.now();
    await db.transaction().execute(async (tx) => {
      await lockJob(tx, taken.jobId, now);
      const sentence =
        error ?? 'Its worker ended at every try without a word, as one does that is killed or out of memory.';
      if (await updateSlice(tx, taken, { state: 'failed', error: sentence, endedAt: now }))
        await endJobIfOver(tx, boss, taken.jobId, now);
      await boss.done(taken, tx);
    });
  }
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}
