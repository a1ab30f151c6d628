/** @file Guessing keys and tokens is slowed down by address; whoever has a good one is never refused. */
import type { IncomingMessage } from 'node:http';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { ServiceError } from '../errors.ts';
import type { Origins } from './origins.ts';

/** Wrong keys that one address may try a minute. */
const wrongPerMinute = 60;

export class Guesses {
  readonly #wrong = new RateLimiterMemory({ points: wrongPerMinute, duration: 60 });
  readonly #origins: Origins;

  constructor(origins: Origins) {
    this.#origins = origins;
  }

  /**
   * Call it when a key turned out to be wrong.
   * @throws ServiceError rate-limited
   */
  async count(request: IncomingMessage): Promise<void> {
    await this.#wrong.consume(this.#origins.addressOf(request)).catch(() => {
      throw new ServiceError('rate-limited', 'Too many tries; wait a minute.');
    });
  }
}
