/** @file Asks Prolific how things go: every minute, and at once when it tells that something changed. */
import type { Logger } from 'pino';
import { logFailure } from '../errors.ts';
import type { Recruiting } from './recruiting.ts';

const everyMs = 60_000;
/** Messages come in bursts: one look serves all of them. */
const afterMessageMs = 500;

export interface Watch {
  /** Something changed. */
  wake(): void;
  close(): void;
}

export function watchRecruitments(recruiting: Recruiting, log: Logger): Watch {
  let [looking, again, ended] = [false, false, false];
  let soon: NodeJS.Timeout | undefined;
  const look = (): void => {
    if (ended) return;
    // What was told while it looked may have come too late for that look.
    if (looking) {
      again = true;
      return;
    }
    looking = true;
    again = false;
    recruiting
      .lookAtAll()
      .catch((error: unknown) => {
        if (!ended) logFailure(log, error);
      })
      .finally(() => {
        looking = false;
        if (again) wake();
      });
  };
  const wake = (): void => {
    if (ended || soon !== undefined) return;
    soon = setTimeout(() => {
      soon = undefined;
      look();
    }, afterMessageMs);
    soon.unref();
  };
  const timer = setInterval(look, everyMs);
  timer.unref();
  return {
    wake,
    close() {
      ended = true;
      clearInterval(timer);
      clearTimeout(soon);
    },
  };
}
