/** @file The owner's end of a worker thread that runs networks on one device. The thread's end is worker.ts. */
import type { Worker } from 'node:worker_threads';
import { BadInput } from '../files/bad-input.ts';
import { startThread } from '../threads/start.ts';
import type { Device } from './device.ts';
import type { Call, Reply, WorkerSetup } from './worker.ts';

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
  onEvent: ((event: unknown) => void) | undefined;
}

export class DeviceWorker {
  readonly device: Device;
  readonly #worker: Worker;
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #hasEnded = false;

  /** @param entry the module that calls serveCalls, as `new URL('./render-worker.js', import.meta.url)` */
  constructor(entry: URL, device: Device) {
    this.device = device;
    const setup: WorkerSetup = { device, stop: this.#stop.buffer as SharedArrayBuffer };
    this.#worker = startThread(entry, setup);
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(error as Error));
    this.#worker.on('exit', () => this.#fail(new Error('The worker thread ended.')));
  }

  call<T>(method: string, argument: unknown, onEvent?: (event: unknown) => void): Promise<T> {
    const id = this.#nextId++;
    this.#worker.postMessage({ id, method, argument } satisfies Call);
    return new Promise<unknown>((resolve, reject) => this.#pending.set(id, { resolve, reject, onEvent })) as Promise<T>;
  }

  /** Whether its thread is gone, with whatever it was doing. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Asks what runs to end at its next step; every later call ends at its first. */
  stop(): void {
    Atomics.store(this.#stop, 0, 1);
  }

  async terminate(): Promise<void> {
    this.#pending.clear();
    await this.#worker.terminate();
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    if ('event' in reply) {
      pending.onEvent?.(reply.event);
      return;
    }
    this.#pending.delete(reply.id);
    if ('result' in reply) pending.resolve(reply.result);
    else pending.reject(revive(reply.error));
  }

  #fail(error: Error): void {
    this.#hasEnded = true;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

/** A refusal stays a refusal across the thread boundary; structured cloning would make it a plain Error. */
function revive({ name, message }: { name: string; message: string }): Error {
  if (name === 'BadInput') return new BadInput(message);
  const error = new Error(message);
  error.name = name;
  return error;
}
