/**
 * @file What one address may try: wrong keys a minute, new annotators an hour. Whoever has a good key is never refused. Counted
 * in the database, for all of its processes together.
 */
import type { IncomingMessage } from 'node:http';
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import { countTry, forgetTries } from '../../db/queries/tries.ts';
import { ServiceError } from '../errors.ts';
import type { Origins } from './origins.ts';

/** Wrong keys that one address may try a minute. */
const wrongPerMinute = 60;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

export class Limits {
  readonly #db: Database;
  readonly #origins: Origins;
  readonly #newAnnotatorsPerHour: number;
  #forgottenAt = 0;

  constructor(db: Database, origins: Origins, newAnnotatorsPerHour: number) {
    this.#db = db;
    this.#origins = origins;
    this.#newAnnotatorsPerHour = newAnnotatorsPerHour;
  }

  /**
   * Call it when a key turned out to be wrong.
   * @throws ServiceError rate-limited
   */
  async countWrongKey(request: IncomingMessage): Promise<void> {
    if ((await this.#count(`key ${this.#origins.addressOf(request)}`, minuteMs)) > wrongPerMinute)
      throw new ServiceError('rate-limited', 'Too many tries; wait a minute.');
  }

  /**
   * Call it before a participant whom the study does not know yet joins: made-up ones must not take all seats.
   * @throws ServiceError rate-limited
   */
  async countNewAnnotator(request: IncomingMessage, studyId: string): Promise<void> {
    const count = await this.#count(`join ${studyId} ${this.#origins.addressOf(request)}`, hourMs);
    if (count > this.#newAnnotatorsPerHour)
      throw new ServiceError(
        'rate-limited',
        'Too many people joined this study from your network within an hour; try again later.',
      );
  }

  async #count(what: string, spanMs: number): Promise<number> {
    const now = Date.now();
    return inTransaction(this.#db, async (tx) => {
      if (Math.abs(now - this.#forgottenAt) > minuteMs) {
        this.#forgottenAt = now;
        await forgetTries(tx, now);
      }
      return countTry(tx, { what, spanMs, now });
    });
  }
}
