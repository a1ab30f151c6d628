/**
 * @file What is wrong with the server's own files, found beside requests: each problem is a sentence of readyz, a line of the
 * log and a metric. Votes are refused while the database's files are not where they were: they would be saved nowhere.
 */
import { stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { isPostgres } from '../db/engine.ts';
import { locationOf, type Database } from '../db/open.ts';
import { troubleOf } from '../db/trouble.ts';
import type { Aside } from './aside/aside.ts';
import { logFailure, ServiceError } from './errors.ts';
import type { Metrics } from './http/metrics.ts';

export type Problem = 'database-files-gone' | 'database-damaged' | 'images-missing';

const lookEveryMs = 1000;
const imagesEveryMs = 10 * 60_000;

export class Health {
  readonly #problems = new Map<Problem, string>();
  readonly #metrics: Metrics;
  readonly #log: Logger;

  constructor(metrics: Metrics, log: Logger) {
    this.#metrics = metrics;
    this.#log = log;
  }

  /** @param sentence undefined when it is over */
  set(problem: Problem, sentence: string | undefined): void {
    if (this.#problems.get(problem) === sentence) return;
    this.#metrics.problems.set({ problem }, sentence === undefined ? 0 : 1);
    if (sentence === undefined) this.#problems.delete(problem);
    else {
      this.#problems.set(problem, sentence);
      this.#log.error({ problem }, sentence);
    }
  }

  /** Somebody needed the image just now. */
  imageIsMissing(sha256: string): void {
    this.#metrics.missingImages.inc();
    this.#log.error({ sha256 }, 'An image of a pair is missing in the data directory; copy it back.');
  }

  get sentences(): string[] {
    return [...this.#problems.values()];
  }

  /** @throws ServiceError unavailable, while what is saved now would be lost */
  requireSavable(): void {
    if (this.#problems.has('database-files-gone'))
      throw new ServiceError(
        'unavailable',
        'The server cannot save right now. Nothing is lost; try again in a moment.',
      );
  }
}

/** Looks after the files until it is told to stop. @param dataFolder whose images are looked for */
export async function watchHealth(
  { db, aside, health, log }: { db: Database; aside: Aside; health: Health; log: Logger },
  dataFolder: string,
): Promise<() => void> {
  const file = isPostgres(db) ? undefined : locationOf(db);
  const before = file === undefined ? [] : await identities(file);
  let ended = false;
  const look = async () => {
    if (file === undefined) return;
    const now = await identities(file);
    const gone = before.some((identity, i) => identity !== undefined && identity !== now[i]);
    health.set(
      'database-files-gone',
      gone
        ? 'The files of the database were removed or replaced while the server runs; put them back or restore the last backup, and start it again.'
        : undefined,
    );
  };
  const lookForImages = async () => {
    const { missing, example } = await aside.run('missingImages', { dataFolder });
    health.set(
      'images-missing',
      missing === 0
        ? undefined
        : `${missing} images of open studies are missing (${example}); copy them back into the data directory.`,
    );
  };
  const guarded = (work: () => Promise<void>) => () =>
    void work().catch((error: unknown) => {
      if (!ended) logFailure(log, error);
    });
  const timers = [setInterval(guarded(look), lookEveryMs), setInterval(guarded(lookForImages), imagesEveryMs)];
  for (const timer of timers) timer.unref();
  guarded(async () => {
    // So damaged that it cannot even be checked.
    const findings = await aside.run('quickCheck', undefined).catch((error: unknown) => {
      if (troubleOf(error)?.kind !== 'damaged') throw error;
      return [(error as Error).message];
    });
    if (findings.length > 0)
      health.set(
        'database-damaged',
        `The database is damaged (${findings[0]!}); stop the server and restore the last backup.`,
      );
    await lookForImages();
  })();
  return () => {
    ended = true;
    for (const timer of timers) clearInterval(timer);
  };
}

/** Of the database and its log: a file put in the place of another has another number. Undefined where there is none. */
function identities(file: string): Promise<(number | undefined)[]> {
  return Promise.all(
    [file, `${file}-wal`].map((path) =>
      stat(path).then(
        ({ ino }) => ino,
        () => undefined,
      ),
    ),
  );
}
