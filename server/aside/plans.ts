/** @file What comes due by itself: a study's end by its plan, which pairs an active study draws more often, and the end of the time for which it keeps who took part. */
import type { Logger } from 'pino';
import { logFailure } from '../errors.ts';
import type { Aside } from './aside.ts';

/** Looking late costs some votes and nothing else: the e-value holds whenever one looks. */
const plansEveryMs = 10_000;
/** A draw by odds that are a little old tells a little less. */
const oddsEveryMs = 5_000;
/** Days are what is promised. */
const retentionEveryMs = 600_000;

/** Looks again and again. @returns ends it */
export function watchPlans(aside: Aside, log: Logger): () => void {
  const ends = [
    every(plansEveryMs, log, async () => {
      const { closed, failed } = await aside.run('closeDecided', undefined);
      for (const study of closed) log.info({ study }, 'closed by its plan: the e-value is reached');
      for (const problem of failed) log.error({ problem }, 'whether a plan is reached could not be found out');
    }),
    every(oddsEveryMs, log, () => aside.run('renewOdds', undefined)),
    every(retentionEveryMs, log, async () => {
      const { forgotten, failed } = await aside.run('forgetExpired', undefined);
      for (const { study, people } of forgotten) log.info({ study, people }, 'ids were replaced by pseudonyms');
      for (const problem of failed) log.error({ problem }, 'who took part could not be forgotten; it is tried again');
    }),
  ];
  return () => ends.forEach((end) => end());
}

/** Never twice at once. */
function every(ms: number, log: Logger, look: () => Promise<void>): () => void {
  let [looking, ended] = [false, false];
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch((error: unknown) => {
        if (!ended) logFailure(log, error);
      })
      .finally(() => (looking = false));
  }, ms);
  timer.unref();
  return () => {
    ended = true;
    clearInterval(timer);
  };
}
