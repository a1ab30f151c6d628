/** @file Waiting that a signal ends. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Comes back after so many milliseconds, or at once when the signal says so. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => undefined);
}
