/**
 * @file The thread's end of a device worker: answers calls one after the other, so that one session runs at a time.
 * The owner's end is device-worker.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { Device } from './device.ts';

export interface WorkerSetup {
  device: Device;
  /** One Int32: 1 asks the running call to stop at its next step. */
  stop: SharedArrayBuffer;
}
export interface Call {
  id: number;
  method: string;
  argument: unknown;
}
export type Reply =
  | { id: number; result: unknown }
  | { id: number; error: { name: string; message: string } }
  | { id: number; event: unknown };

export interface CallContext {
  device: Device;
  shouldStop(): boolean;
  emit(event: unknown): void;
}
type Handler = (argument: never, context: CallContext) => Promise<{ result: unknown; transfer?: ArrayBuffer[] }>;

export function serveCalls(handlers: Record<string, Handler>): void {
  const { device, stop } = workerData as WorkerSetup;
  const flag = new Int32Array(stop);
  const port = parentPort!;
  let queue = Promise.resolve();
  port.on('message', (call: Call) => {
    queue = queue.then(async () => {
      const context: CallContext = {
        device,
        shouldStop: () => Atomics.load(flag, 0) === 1,
        emit: (event) => port.postMessage({ id: call.id, event } satisfies Reply),
      };
      try {
        const { result, transfer } = await handlers[call.method]!(call.argument as never, context);
        port.postMessage({ id: call.id, result } satisfies Reply, transfer);
      } catch (error) {
        const { name, message } = error instanceof Error ? error : new Error(String(error));
        port.postMessage({ id: call.id, error: { name, message } } satisfies Reply);
      }
    });
  });
}
