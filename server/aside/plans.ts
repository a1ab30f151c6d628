/** @file Looks again and again whether a study has reached what its plan ends it at. */
import type { Logger } from 'pino';
import { logFailure } from '../errors.ts';
import type { Aside } from './aside.ts';

/** Looking late costs some votes and nothing else: the e-value holds whenever one looks. */
const lookEveryMs = 10_000;

/** @returns ends it */
export function watchPlans(aside: Aside, log: Logger): () => void {
  let [looking, ended] = [false, false];
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    aside
      .run('closeDecided', undefined)
      .then(({ closed, failed }) => {
        for (const study of closed) log.info({ study }, 'closed by its plan: the e-value is reached');
        for (const problem of failed) log.error({ problem }, 'whether a plan is reached could not be found out');
      })
      .catch((error: unknown) => {
        if (!ended) logFailure(log, error);
      })
      .finally(() => (looking = false));
  }, lookEveryMs);
  timer.unref();
  return () => {
    ended = true;
    clearInterval(timer);
  };
}
