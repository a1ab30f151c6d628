/** @file A study's states: draft → open ⇄ paused → closed. */
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import { findStudy, setArchived, setStudyState, type Study } from '../../db/queries/studies.ts';
import type { StudyState } from '../../db/tables.ts';
import { commandLine, record } from '../access/audit.ts';
import { ServiceError } from '../errors.ts';
import { visitOf } from './checks.ts';

const dayMs = 86_400_000;

const allowed: Record<StudyState, readonly StudyState[]> = {
  draft: ['open', 'closed'],
  open: ['paused', 'closed'],
  paused: ['open', 'closed'],
  // A study closed by mistake can go on; its votes never went away.
  closed: ['open'],
};

/** @param actor as the log names who did it @throws ServiceError not-found, conflict */
export async function changeState(
  db: Database,
  name: string,
  state: StudyState,
  actor = commandLine,
  now = Date.now(),
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const study = await requireStudy(tx, name);
    if (study.state === state) return;
    if (study.archivedAt !== null)
      throw new ServiceError('conflict', `The study "${name}" is archived; take it back first (study archive --undo).`);
    if (!allowed[study.state].includes(state)) {
      throw new ServiceError('conflict', `The study "${name}" is ${study.state}; it cannot become ${state}.`);
    }
    const at = forgetsAt(study);
    if (state === 'open' && at !== null && at <= now)
      throw new ServiceError(
        'conflict',
        `Who took part in "${name}" is forgotten; whoever came again would be somebody new. Make another study like it.`,
      );
    await setStudyState(tx, study.id, state, now);
    await record(tx, { actor, action: `study ${state}`, subject: name }, now);
  });
}

/**
 * Puts a study out of the way of lists, or back. Nothing else about it changes.
 * @throws ServiceError not-found; conflict while people may vote
 */
export async function archiveStudy(
  db: Database,
  name: string,
  { undo = false, actor = commandLine, now = Date.now() }: { undo?: boolean; actor?: string; now?: number } = {},
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const study = await requireStudy(tx, name);
    if ((study.archivedAt === null) === undo) return;
    if (!undo && (study.state === 'open' || study.state === 'paused'))
      throw new ServiceError('conflict', `The study "${name}" is ${study.state}; close it first.`);
    await setArchived(tx, study.id, undo ? null : now);
    await record(tx, { actor, action: undo ? 'study unarchive' : 'study archive', subject: name }, now);
  });
}

/** When a study's people are forgotten; null while it runs, or where it says nothing. */
export function forgetsAt(study: Pick<Study, 'visit' | 'state' | 'closedAt'>): number | null {
  const days = visitOf(study)?.retentionDays;
  if (days === undefined || study.state !== 'closed' || study.closedAt === null) return null;
  return study.closedAt + days * dayMs;
}

export async function requireStudy(db: Database, name: string): Promise<Study> {
  const study = await findStudy(db, name);
  if (study === undefined) throw new ServiceError('not-found', `There is no study named "${name}".`);
  return study;
}
