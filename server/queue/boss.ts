/**
 * @file The engine that carries slices to workers: pg-boss on the team's PostgreSQL. It is loaded when a queue is asked for; what
 * it needs is said in a sentence. A slice whose worker is not heard of for ten seconds goes to another.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, PgBoss } from 'pg-boss';
import type { Database } from '../../db/open.ts';
import { ArgumentError } from '../../evaluator/statistics/argument-error.ts';

/** Which slice of which job. */
export interface SliceId {
  jobId: string;
  position: number;
}

/** A slice in a worker's hands. */
export type Taken = SliceId & { queue: string; attempt: { id: string; retryCount: number } };

const heartbeatSeconds = 10;
/** How often a worker says that it lives. */
export const heartbeatMs = 3000;
/** Tries after the first. A training goes on from its last checkpoint: it may lose many workers in its life. */
const retryLimit = { slice: 2, training: 50 };
/** A slice waits for as long as it takes until somebody has its device. */
const retentionSeconds = 10 * 365 * 24 * 3600;
const stopPatienceMs = 5000;
const queueOf = (deviceKind: string | null) => `visavis-${deviceKind ?? 'any'}`;
/** Slices that failed or lost their worker at every try. */
const lostQueue = 'visavis-lost';
export const deviceKinds = ['cpu', 'cuda', 'webgpu'] as const;

/** @throws ArgumentError when this Node or this database cannot have a queue */
export function requireQueue(location: string): void {
  if (!/^postgres(ql)?:\/\//.test(location))
    throw new ArgumentError(
      "A queue lies in the team's PostgreSQL; set DATABASE_URL to it (docs/scale-out.md). One machine needs none: leave --queue out.",
    );
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  if (major < 22 || (major === 22 && minor < 12))
    throw new ArgumentError(
      `A queue needs Node 22.12 or newer, as pg-boss does; this is ${process.versions.node}. Everything without --queue runs here.`,
    );
}

export class Boss {
  readonly #boss: PgBoss;
  readonly #adapt: (tx: Database) => { db: import('pg-boss').Db };

  private constructor(boss: PgBoss, { fromKysely }: typeof import('pg-boss')) {
    this.#boss = boss;
    this.#adapt = (tx) => ({ db: fromKysely(tx as never) });
  }

  /**
   * @param supervises whether it looks for slices that lost their worker
   * @param onTrouble the database's; it is asked again
   */
  static async open(
    location: string,
    { supervises, onTrouble }: { supervises: boolean; onTrouble: (error: Error) => void },
  ): Promise<Boss> {
    requireQueue(location);
    // Loaded here alone: the Node that everything else runs on need not be new enough for it.
    const library = await import('pg-boss');
    const boss = new library.PgBoss({
      connectionString: location,
      max: 4,
      schema: 'visavis_queue',
      application_name: 'visavis queue',
      supervise: supervises,
      schedule: false,
      superviseIntervalSeconds: 1,
      monitorIntervalSeconds: 1,
      openTelemetry: { enabled: false },
    });
    boss.on('error', onTrouble);
    await boss.start();
    // Whoever buries a slice may be killed too.
    await boss.createQueue(lostQueue, { retryLimit: 1000, retryDelay: 1, expireInSeconds: 60, retentionSeconds });
    for (const kind of [null, ...deviceKinds])
      await boss.createQueue(queueOf(kind), {
        heartbeatSeconds,
        // The longest that pg-boss knows; the heartbeat says who lives.
        expireInSeconds: 24 * 3600 - 1,
        retryLimit: retryLimit.slice,
        retentionSeconds,
        retryDelay: 1,
        retryBackoff: true,
        retryDelayMax: 60,
        deadLetter: lostQueue,
      });
    return new Boss(boss, library);
  }

  /** In the caller's transaction: the slices are in the queue when it commits, or not at all. */
  async send(
    tx: Database,
    slices: readonly SliceId[],
    {
      kind,
      deviceKind,
      priority,
      afterSeconds = 0,
    }: { kind: string; deviceKind: string | null; priority: number; afterSeconds?: number },
  ): Promise<void> {
    const jobs = slices.map(({ jobId, position }) => ({
      data: { jobId, position },
      priority,
      startAfter: afterSeconds,
      ...(kind === 'train' ? { retryLimit: retryLimit.training } : {}),
    }));
    for (let i = 0; i < jobs.length; i += 1000)
      await this.#boss.insert(queueOf(deviceKind), jobs.slice(i, i + 1000), this.#adapt(tx));
  }

  /** The next for this kind of device. @param best the highest priority that waits: it goes first, in whichever queue it is */
  async take(deviceKind: string, best: number): Promise<Taken | undefined> {
    // What waits may have to wait for a while after a failure: then whatever there is.
    for (const minPriority of [Math.max(0, best), 0])
      for (const queue of [queueOf(deviceKind), queueOf(null)]) {
        const [job] = await this.#boss.fetch<SliceId>(queue, { minPriority });
        if (job !== undefined) return takenOf(queue, job);
      }
    return undefined;
  }

  /** One that failed at every try, and the last error that its workers told of. */
  async takeLost(): Promise<{ taken: Taken; error: string | undefined } | undefined> {
    const [job] = await this.#boss.fetch<SliceId>(lostQueue, { includeMetadata: true });
    if (job === undefined) return undefined;
    const output = job.sourceOutput as { message?: string; value?: { message?: string } } | null;
    const message = output?.message ?? output?.value?.message;
    // pg-boss's own word for a heartbeat that did not come says nothing to people.
    return { taken: takenOf(lostQueue, job), error: message === 'job heartbeat timeout' ? undefined : message };
  }

  /** Says that its worker lives. @returns false when the slice is no longer this worker's */
  async keep({ queue, attempt }: Taken): Promise<boolean> {
    return affected(await this.#boss.touch(queue, attempt)) > 0;
  }

  async done({ queue, attempt }: Taken, tx?: Database): Promise<void> {
    await this.#boss.complete(queue, attempt, null, tx === undefined ? {} : this.#adapt(tx));
  }

  /** It is tried again, later each time, and goes to the lost in the end. */
  async fail({ queue, attempt }: Taken, error: Error): Promise<void> {
    await this.#boss.fail(queue, attempt, { message: error.message });
  }

  /** No slice is in its hands any more. It does not wait for a database that is away. */
  async stop(): Promise<void> {
    const stopped = this.#boss.stop({ graceful: false, close: true }).catch(() => undefined);
    await Promise.race([stopped, sleep(stopPatienceMs, undefined, { ref: false })]);
  }
}

function takenOf(queue: string, { id, retryCount, data }: Job<SliceId>): Taken {
  return { ...data, queue, attempt: { id, retryCount } };
}

function affected(response: unknown): number {
  return (response as { affected: number }).affected;
}
