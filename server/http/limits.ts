/**
 * @file What one address may try: wrong keys a minute, passwords and new annotators an hour. Whoever has a good key is never refused. Counted
 * in the database, for all of its processes together.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import { countTry, forgetTries } from '../../db/queries/tries.ts';
import { ServiceError } from '../errors.ts';
import type { Origins } from './origins.ts';

/** Wrong keys that one address may try a minute. */
const wrongPerMinute = 60;
/** Passwords that may be tried within an hour: for one account from one address and from all, from one address for all accounts. */
const passwordsPerHour = { address: 20, all: 200, accounts: 100 };
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
   * Call it before a password is looked at: a password can be guessed, so here right ones count too.
   * @throws ServiceError rate-limited
   */
  async countPassword(request: IncomingMessage, name: string): Promise<void> {
    const account = createHash('sha256').update(name).digest('hex');
    const address = this.#origins.addressOf(request);
    if (
      (await this.#count(`passwords ${address}`, hourMs)) > passwordsPerHour.accounts ||
      (await this.#count(`password ${account} ${address}`, hourMs)) > passwordsPerHour.address ||
      (await this.#count(`password ${account}`, hourMs)) > passwordsPerHour.all
    )
      throw new ServiceError('rate-limited', 'Too many tries; wait an hour, or ask an owner for a link.');
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
