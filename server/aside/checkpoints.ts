/**
 * @file SQLite's checkpoints, aside. Left to itself the connection that votes moves the log into the database whenever 1,000
 * pages are in it, and waits for the disk meanwhile; here the thread does, and the votes go on.
 */
import { stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { locationOf, setAutomaticCheckpoints, type Database } from '../../db/open.ts';
import { isPostgres } from '../../db/engine.ts';
import { logFailure } from '../errors.ts';
import type { Aside } from './aside.ts';

const lookEveryMs = 1000;
const megabyte = 2 ** 20;
/** From here on the log is moved; while others write it keeps growing. */
const moveFrom = 8 * megabyte;
/** From here on writers wait for a moment, so that it begins anew. */
const restartFrom = 128 * megabyte;

/** @returns gives the checkpoints back to the connection */
export async function checkpointAside(db: Database, aside: Aside, log: Logger): Promise<() => Promise<void>> {
  if (isPostgres(db)) return () => Promise.resolve();
  const file = `${locationOf(db)}-wal`;
  await setAutomaticCheckpoints(db, false);
  let [looking, ended] = [false, false];
  async function look(): Promise<void> {
    const size = await stat(file).then(
      (found) => found.size,
      () => 0,
    );
    if (size >= moveFrom && !ended) await aside.run('checkpoint', { restart: size >= restartFrom });
  }
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch((error: unknown) => {
        if (!ended) logFailure(log, error);
      })
      .finally(() => (looking = false));
  }, lookEveryMs);
  timer.unref();
  return async () => {
    ended = true;
    clearInterval(timer);
    await setAutomaticCheckpoints(db, true).catch(() => undefined);
  };
}
