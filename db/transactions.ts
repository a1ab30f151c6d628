/**
 * @file How votes and leases are written: on SQLite many of them share one commit, on PostgreSQL each has its own transaction
 * and is tried again when it met another one.
 */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { CompiledQuery } from 'kysely';
import { isPostgres } from './engine.ts';
import type { Database } from './open.ts';

export type Job<T> = (tx: Database) => Promise<T>;

/** What a commit tells whoever measures: how many jobs it carried and how long they waited for the disk. */
export interface Commit {
  jobs: number;
  commitMs: number;
}

/** Another transaction changed what this one had read: it is rolled back and begins anew. */
export class Conflict extends Error {
  override name = 'Conflict';
}

const writers = new WeakMap<Database, Writer>();

/**
 * Runs the job in a transaction. A job that throws changes nothing; the answer comes after the commit. It may run more than
 * once, so it touches nothing but the database.
 * @param turn jobs of one turn follow one another, in whatever process they run: what they read stays true until they end.
 *   Races between turns are decided by the writes, each of which names the state that it expects.
 */
export function inTransaction<T>(db: Database, job: Job<T>, turn?: string): Promise<T> {
  return writerOf(db).run(job, turn);
}

/** Calls `listener` after each commit. @returns ends that */
export function onCommit(db: Database, listener: (commit: Commit) => void): () => void {
  const { listeners } = writerOf(db);
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function writerOf(db: Database): Writer {
  let writer = writers.get(db);
  if (writer === undefined) {
    writer = isPostgres(db) ? new RetryingWriter(db) : new GroupWriter(db);
    writers.set(db, writer);
  }
  return writer;
}

abstract class Writer {
  readonly listeners = new Set<(commit: Commit) => void>();
  protected readonly db: Database;
  constructor(db: Database) {
    this.db = db;
  }
  abstract run<T>(job: Job<T>, turn: string | undefined): Promise<T>;

  protected tell(commit: Commit): void {
    for (const listener of this.listeners) listener(commit);
  }
}

interface Waiting {
  job: Job<unknown>;
  resolve(result: never): void;
  reject(error: unknown): void;
}

/** A group is closed after this long, so that it keeps the event loop for no longer. */
const groupMs = 5;

/**
 * A durable commit waits for the disk; what arrives meanwhile shares the next one, a savepoint each. Nobody is answered
 * before the commit: when it fails, all of its jobs do.
 */
class GroupWriter extends Writer {
  #waiting: Waiting[] = [];
  #working = false;

  run<T>(job: Job<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject });
      if (!this.#working) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#waiting.length > 0) {
      // Whatever the sockets have brought by now joins.
      await nextTurn();
      await this.#commitGroup();
    }
    this.#working = false;
  }

  async #commitGroup(): Promise<void> {
    const settle: (() => void)[] = [];
    const taken: Waiting[] = [];
    let ended = 0;
    try {
      await this.db.transaction().execute(async (tx) => {
        const until = performance.now() + groupMs;
        // A job that arrives while others run joins them.
        for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
          taken.push(next);
          settle.push(await savepoint(tx, next));
          if (performance.now() > until) break;
        }
        ended = performance.now();
      });
    } catch (error) {
      for (const { reject } of taken) reject(error);
      // The transaction did not even begin: all that wait are refused rather than tried without end.
      if (taken.length === 0) for (const { reject } of this.#waiting.splice(0)) reject(error);
      return;
    }
    this.tell({ jobs: taken.length, commitMs: performance.now() - ended });
    // Answering takes as long again; what has arrived meanwhile comes first.
    await nextTurn();
    for (const answer of settle) answer();
  }
}

/** @returns gives the answer, once the commit is on the disk. @throws what ended the transaction as a whole */
async function savepoint(tx: Database, { job, resolve, reject }: Waiting): Promise<() => void> {
  await tx.executeQuery(begin);
  try {
    const result = await job(tx);
    await tx.executeQuery(release);
    return () => resolve(result as never);
  } catch (error) {
    // When the disk is full SQLite rolls everything back by itself; then there is no savepoint left.
    await tx.executeQuery(rollback).catch(() => {
      throw error;
    });
    await tx.executeQuery(release);
    return () => reject(error);
  }
}

const [begin, rollback, release] = ['savepoint job', 'rollback to job', 'release job'].map((text) =>
  CompiledQuery.raw(text),
) as [CompiledQuery, CompiledQuery, CompiledQuery];

/** How often a transaction that met another one is tried. */
const tries = 20;

/** Row locks let votes on different seats run side by side; the constraints hold k, and who lost a race begins anew. */
class RetryingWriter extends Writer {
  async run<T>(job: Job<T>, turn: string | undefined): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.db.connection().execute((connection) => this.#once(connection, job, turn));
      } catch (error) {
        if (attempt === tries || !lostRace(error)) throw error;
        await sleep(Math.random() * 2 * attempt);
      }
    }
  }

  async #once<T>(connection: Database, job: Job<T>, turn: string | undefined): Promise<T> {
    await connection.executeQuery(CompiledQuery.raw(turn === undefined ? 'begin' : beginTurn(turn)));
    try {
      const result = await job(connection);
      const ended = performance.now();
      await connection.executeQuery(CompiledQuery.raw('commit'));
      this.tell({ jobs: 1, commitMs: performance.now() - ended });
      return result;
    } catch (error) {
      // A connection that is gone has rolled back by itself; its own word for it must not hide the reason.
      await connection.executeQuery(CompiledQuery.raw('rollback')).catch(() => undefined);
      throw error;
    }
  }
}

/** One message to the server instead of two. The lock ends with the transaction; two turns that share a number only wait. */
function beginTurn(turn: string): string {
  const key = createHash('sha256').update(turn).digest().readBigInt64BE();
  return `begin; select pg_advisory_xact_lock(${key})`;
}

/** 40001: serialization, 40P01: deadlock, 23505: somebody inserted what is there only once. */
function lostRace(error: unknown): boolean {
  if (error instanceof Conflict) return true;
  return error instanceof Error && /^(40001|40P01|23505)$/.test(String((error as { code?: unknown }).code));
}
