/** @file The owner's end of the thread that says that this worker lives, and looks for slices that lost theirs. */
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { startThread } from '../../evaluator/engine/threads/start.ts';
import type { Taken } from './boss.ts';

export type ToThread = { id: number; hold: Taken } | { release: number } | { end: true };
export type Told = { ready: true } | { lost: number };

export class Heartbeat {
  readonly #thread: Worker;
  readonly #onLost = new Map<number, () => void>();
  #next = 0;

  private constructor(thread: Worker) {
    this.#thread = thread;
    thread.on('message', (told: Told) => {
      if ('lost' in told) this.#onLost.get(told.lost)?.();
    });
  }

  /** @param location of the database, which has a queue */
  static async start(location: string): Promise<Heartbeat> {
    const thread = startThread(new URL('./heartbeat-thread.js', import.meta.url), location);
    await once(thread, 'message');
    return new Heartbeat(thread);
  }

  /** @param onLost told when the slice is in other hands @returns ends it */
  hold(taken: Taken, onLost: () => void): () => void {
    const id = this.#next++;
    this.#onLost.set(id, onLost);
    this.#thread.postMessage({ id, hold: taken } satisfies ToThread);
    return () => {
      this.#onLost.delete(id);
      this.#thread.postMessage({ release: id } satisfies ToThread);
    };
  }

  async close(): Promise<void> {
    const ended = once(this.#thread, 'exit');
    this.#thread.postMessage({ end: true } satisfies ToThread);
    await ended;
  }
}
