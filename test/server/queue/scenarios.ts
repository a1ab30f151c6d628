/**
 * @file Run by Node 22 (pg-boss needs it): a worker of the queue with work that the test knows. Takes a scenario's name and a
 * database; prints what happened as JSON.
 */
import { sql } from 'kysely';
import { openDatabase } from '../../../db/open.ts';
import { slicesOf } from '../../../db/queries/jobs.ts';
import { BadInput } from '../../../evaluator/engine/files/bad-input.ts';
import { Boss } from '../../../server/queue/boss.ts';
import { Heartbeat } from '../../../server/queue/heartbeat.ts';
import { allJobs, cancelJob, readJob, submitJob, type NewJob } from '../../../server/queue/jobs.ts';
import { work, type RunSlice } from '../../../server/queue/work.ts';

const [, , scenario, location] = process.argv as [string, string, string, string];
const db = await openDatabase(location);
const boss = await Boss.open(location, { supervises: false, onTrouble: () => undefined });
const heartbeat = await Heartbeat.start(location);
const never = new AbortController().signal;
const ran: string[] = [];
const logged: string[] = [];

const job = (slices: number, change: Partial<NewJob> = {}): NewJob => ({
  ...{
    kind: 'render',
    title: 'a job',
    request: { of: 'the test' },
    rateKey: 'test',
    deviceKind: null,
    store: 'here',
    memoryBytes: 0,
  },
  slices: Array.from({ length: slices }, (_, i) => ({ items: 10 + i, part: { i } })),
  ...change,
});
const works = (run: RunSlice, change: Partial<Parameters<typeof work>[0]> = {}) =>
  work({
    ...{
      db,
      boss,
      heartbeat,
      deviceKind: 'cpu',
      store: 'here',
      memoryBytes: 1000,
      name: 'worker',
      signal: never,
      untilEmpty: true,
    },
    log: (sentence) => void logged.push(sentence),
    run,
    ...change,
  });
const remember: RunSlice = ({ job, slice }) => {
  ran.push(`${job.title} ${slice.position}`);
  return Promise.resolve({ position: slice.position });
};
const states = async (id: string) =>
  (await slicesOf(db, id)).map(({ state, error, result, done }) => ({ state, error, result, done }));
const until = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

const scenarios: Record<string, () => Promise<unknown>> = {
  async poison() {
    const { id } = await submitJob(db, boss, job(4));
    await works(async (slice) => {
      await remember(slice);
      if (slice.slice.position === 1) throw new BadInput('There is no such thing.');
      if (slice.slice.position === 2) throw new Error('out of luck');
      return {};
    });
    return { job: await readJob(db, id), slices: await states(id) };
  },

  async kinds() {
    const { id } = await submitJob(db, boss, job(6));
    const kinds: string[] = [];
    const slow = (kind: string): RunSlice => {
      return async () => {
        kinds.push(kind);
        await new Promise((resolve) => setTimeout(resolve, 100));
        return {};
      };
    };
    const asked = await submitJob(db, boss, job(2, { title: 'asked', request: { asked: 'cuda' }, deviceKind: 'cuda' }));
    await works(slow('cpu'));
    const before = (await readJob(db, asked.id)).state;
    await works(slow('cuda'), { deviceKind: 'cuda' });
    const next = await submitJob(db, boss, job(4, { title: 'both' }));
    kinds.push('|');
    await Promise.all([works(slow('cpu')), works(slow('cuda'), { deviceKind: 'cuda' })]);
    return { kinds, before, pinned: [(await readJob(db, id)).deviceKind, (await readJob(db, next.id)).deviceKind] };
  },

  async cancel() {
    const { id } = await submitJob(db, boss, job(3));
    await works(async (slice) => {
      await remember(slice);
      slice.report(4);
      await cancelJob(db, id, 'the test');
      const cancelled = Date.now();
      await until(slice.signal);
      ran.push(Date.now() - cancelled < 5000 ? 'soon' : 'late');
      return undefined;
    });
    return { job: await readJob(db, id), slices: await states(id), again: await submitJob(db, boss, job(1)) };
  },

  async drain() {
    const { id } = await submitJob(db, boss, job(2));
    const stop = new AbortController();
    await works(
      async (slice) => {
        await remember(slice);
        slice.report(3, { upTo: 3 });
        stop.abort();
        return undefined;
      },
      { signal: stop.signal },
    );
    const between = { job: await readJob(db, id), slices: await states(id) };
    await works(remember);
    return { between, job: await readJob(db, id) };
  },

  async same() {
    const first = await submitJob(db, boss, job(2));
    const second = await submitJob(db, boss, job(2));
    const other = await submitJob(db, boss, job(2, { request: { of: 'others' } }));
    await works(remember);
    const third = await submitJob(db, boss, job(2));
    return { sameId: first.id === second.id, isNew: [first, second, other, third].map(({ isNew }) => isNew) };
  },

  async order() {
    await submitJob(db, boss, job(2, { title: 'prescreen', kind: 'prescreen', request: { a: 1 } }));
    await submitJob(db, boss, job(2, { title: 'train', kind: 'train', request: { b: 1 } }));
    await submitJob(db, boss, job(2, { title: 'render', request: { c: 1 } }));
    await works(remember);
    return (await allJobs(db)).map(({ title, state, slices }) => ({ title, state, done: slices.done }));
  },

  async large() {
    const { id } = await submitJob(db, boss, job(1, { memoryBytes: 1001 }));
    const stop = new AbortController();
    const small = works(remember, { signal: stop.signal, untilEmpty: false });
    while (logged.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    stop.abort();
    await small;
    const between = (await readJob(db, id)).state;
    await works(remember);
    await works(remember, { memoryBytes: 1001, store: 'there' });
    const nobody = ran.length;
    await works(remember, { memoryBytes: 1001 });
    return { between, nobody, state: (await readJob(db, id)).state };
  },

  /** What is for one kind of device alone lies in another queue than what is for any. */
  async ahead() {
    await submitJob(db, boss, job(3, { title: 'prescreen', kind: 'prescreen', request: { a: 1 }, deviceKind: 'cpu' }));
    await submitJob(db, boss, job(3, { title: 'render', request: { b: 1 } }));
    await submitJob(db, boss, job(1, { title: 'report', kind: 'report', request: { c: 1 }, deviceKind: 'cpu' }));
    await works(remember);
    return {};
  },

  /** Its own thread computes for a quarter of a minute; another worker looks on. */
  async busy() {
    const { id } = await submitJob(db, boss, job(1));
    const block: RunSlice = async (slice) => {
      await remember(slice);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 16_000);
      return {};
    };
    await works(block);
    // As pg-boss keeps it: one that was lost has been given out again, or waits for it.
    const { rows: given } =
      await sql`select state::text, retry_count from visavis_queue.job where name like 'visavis-%'`.execute(db);
    return { state: (await readJob(db, id)).state, given };
  },

  async again() {
    const results: unknown[] = [];
    const training = job(1, { kind: 'train', request: { train: 1 } });
    const first = await submitJob(db, boss, training);
    await works(async (slice) => {
      results.push(slice.slice.result);
      slice.report(7, { step: 7 });
      // Told at the next heartbeat.
      await new Promise((resolve) => setTimeout(resolve, 4000));
      await cancelJob(db, first.id, 'the test');
      await until(slice.signal);
      return undefined;
    });
    await submitJob(db, boss, training);
    await works((slice) => {
      results.push(slice.slice.result);
      return Promise.resolve({});
    });
    return results;
  },

  /** Submitting inside a transaction that fails puts nothing into the queue. */
  async whole() {
    const failing = submitJob(
      db,
      boss,
      job(3, {
        slices: [
          { items: 1, part: {} },
          { items: 1.5, part: {} },
        ],
      }),
    );
    const error = await failing.then(
      () => null,
      (error: Error) => error.message,
    );
    await works(remember);
    return { error, jobs: await allJobs(db) };
  },
};

try {
  const seen = await scenarios[scenario]!();
  process.stdout.write(JSON.stringify({ seen, ran, logged }));
} finally {
  await heartbeat.close();
  await boss.stop();
  await db.destroy();
}
