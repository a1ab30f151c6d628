/**
 * @file Results of a study that people may still vote in. Who looks at them may stop the study when they please, so they are shown on
 * demand alone, and the log tells of it.
 */
import type { Database } from '../../db/open.ts';
import { hasAuditEntry } from '../../db/queries/audit.ts';
import { studyFacts } from '../../db/queries/immutable.ts';
import { studyProgress } from '../../db/queries/studies.ts';
import type { StudyState } from '../../db/tables.ts';
import { inTransaction } from '../../db/transactions.ts';
import { commandLine, record } from '../access/audit.ts';
import { ServiceError } from '../errors.ts';
import { votesNeeded } from './extra-seats.ts';
import { requireStudy } from './lifecycle.ts';

/** What the log calls it. */
export const seenWhileRunning = 'study results seen while it runs';
/** One entry of the log tells of everything that the same actor sees in this time. */
const oneLook = 3_600_000;

/** Whether results would be running ones: people have voted, and votes are missing that may still come. */
export function isRunningAt({ state, votes, needed }: { state: StudyState; votes: number; needed: number }): boolean {
  return (state === 'open' || state === 'paused') && votes > 0 && votes < needed;
}

/** @throws ServiceError not-found */
export async function isRunning(db: Database, name: string): Promise<boolean> {
  const study = await requireStudy(db, name);
  const { votes } = await studyProgress(db, study.id, 'people');
  const { pairs } = await studyFacts(db, study.id);
  return isRunningAt({ state: study.state, votes, needed: votesNeeded(study, pairs) });
}

/** Tells the log that somebody sees running results; nothing of others. @throws ServiceError not-found */
export async function reveal(db: Database, name: string, actor = commandLine, now = Date.now()): Promise<void> {
  if (!(await isRunning(db, name))) return;
  const deed = { actor, action: seenWhileRunning, subject: name };
  const { createdAt } = await requireStudy(db, name);
  if (await hasAuditEntry(db, { ...deed, since: Math.max(createdAt, now - oneLook) })) return;
  await inTransaction(db, (tx) => record(tx, deed, now));
}

/** @throws ServiceError conflict for running results */
export async function requireRevealed(db: Database, name: string): Promise<void> {
  if (await isRunning(db, name))
    throw new ServiceError(
      'conflict',
      `People may still vote in "${name}": its results are hidden until it is closed. reveal=true shows them, and the log tells of it.`,
    );
}
