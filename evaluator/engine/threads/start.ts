/** @file Starts a worker thread from a module of ours. */
import { Worker } from 'node:worker_threads';

/**
 * @param entry as `new URL('./render-worker.js', import.meta.url)`; from sources (tests, tsx) it is a .ts file, which the thread
 *   needs a loader for
 */
export function startThread(entry: URL, workerData: unknown): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(entry, { workerData });
  const source = JSON.stringify(entry.href.replace(/\.js$/, '.ts'));
  const script = `import('tsx/esm/api').then(({ register }) => { register(); return import(${source}); });`;
  return new Worker(script, { eval: true, workerData });
}
