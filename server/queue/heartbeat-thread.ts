/** @file A thread that says that the worker lives while its own thread computes: a training step may take longer than the patience of the queue. */
import { parentPort, workerData } from 'node:worker_threads';
import { Boss, heartbeatMs, type Taken } from './boss.ts';
import type { Told, ToThread } from './heartbeat.ts';

const boss = await Boss.open(workerData as string, { supervises: true, onTrouble: () => undefined });
const held = new Map<number, Taken>();
parentPort!.on('message', (message: ToThread) => {
  if ('hold' in message) held.set(message.id, message.hold);
  else if ('release' in message) held.delete(message.release);
  else void boss.stop().then(() => process.exit());
});
setInterval(() => {
  for (const [id, taken] of held)
    boss.keep(taken).then(
      (isOurs) => {
        if (!isOurs) parentPort!.postMessage({ lost: id } satisfies Told);
      },
      // The database is away for a moment.
      () => undefined,
    );
}, heartbeatMs);
parentPort!.postMessage({ ready: true } satisfies Told);
