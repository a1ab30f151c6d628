/** @file The server's end of the thread for what takes longer than votes can wait. */
import type { Worker } from 'node:worker_threads';
import type { Database } from '../../db/open.ts';
import { startThread } from '../../evaluator/engine/threads/start.ts';
import type { ErrorCode } from '../../contract/words.ts';
import { ServiceError } from '../errors.ts';
import type { calls } from './thread.ts';

type Calls = typeof calls;
export type Method = keyof Calls;
type Argument<M extends Method> = Calls[M] extends (db: Database, argument: infer A) => unknown ? A : never;
type Result<M extends Method> = Awaited<ReturnType<Calls[M]>>;

export interface Call {
  id: number;
  method: Method;
  argument: unknown;
  /** Whether the result is sent on as it is: its JSON comes back, in UTF-8. */
  asJson: boolean;
}
export type Reply =
  { id: number; result: unknown } | { id: number; error: { name: string; message: string; code?: string } };

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export class Aside {
  readonly #location: string;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #nextId = 0;

  /** @param location of the database, which the thread opens for itself */
  constructor(location: string) {
    this.#location = location;
  }

  /** @throws what the call throws: a ServiceError stays one; Error when the thread ends before it answers */
  run<M extends Method>(method: M, argument: Argument<M>): Promise<Result<M>> {
    return this.#call(method, argument, false) as Promise<Result<M>>;
  }

  /**
   * The result as JSON, which the thread writes: what is large would hold up the votes, read from the thread and written here.
   * @throws as run
   */
  async json<M extends Method>(method: M, argument: Argument<M>): Promise<Buffer> {
    const bytes = (await this.#call(method, argument, true)) as Uint8Array;
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #call(method: Method, argument: unknown, asJson: boolean): Promise<unknown> {
    this.#worker ??= this.#start();
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker!.postMessage({ id, method, argument, asJson } satisfies Call);
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = startThread(new URL('./thread.js', import.meta.url), { location: this.#location });
    worker.on('message', (reply: Reply) => this.#settle(reply));
    worker.on('error', (error) => this.#end(worker, error as Error));
    worker.on('exit', () => this.#end(worker, new Error('The thread for long work ended.')));
    worker.unref();
    return worker;
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ('result' in reply) pending?.resolve(reply.result);
    else pending?.reject(revive(reply.error));
  }

  #end(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

/** A refusal stays a refusal across the thread boundary; structured cloning would make it a plain Error. */
function revive({ name, message, code }: { name: string; message: string; code?: string }): Error {
  if (name === 'ServiceError') return new ServiceError(code as ErrorCode, message);
  return Object.assign(new Error(message), { name, ...(code === undefined ? {} : { code }) });
}
