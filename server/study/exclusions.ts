/**
 * @file Leaving somebody out of the results, and taking that back. No vote is touched: a report has both results. A person decides
 * it and says why; no statistic does.
 */
import { randomUUID } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import { findAnnotator, type Annotator } from '../../db/queries/assignments.ts';
import { endExclusion, exclusionsOf, insertExclusion } from '../../db/queries/exclusions.ts';
import { commandLine, record } from '../access/audit.ts';
import { ServiceError } from '../errors.ts';
import { fitSeats } from './extra-seats.ts';
import { requireStudy } from './lifecycle.ts';

const longestReason = 500;

/** @throws ServiceError not-found; conflict when they are left out already; bad-request without a reason */
export async function excludeAnnotator(
  db: Database,
  studyName: string,
  participant: string,
  reason: string,
  actor = commandLine,
  now = Date.now(),
): Promise<void> {
  const said = requireReason(reason);
  await inTransaction(db, async (tx) => {
    const annotator = await requireAnnotator(tx, studyName, participant);
    if ((await excludedNow(tx, annotator.studyId)).has(participant))
      throw new ServiceError('conflict', `"${participant}" is left out of "${studyName}" already.`);
    await insertExclusion(tx, {
      id: randomUUID(),
      studyId: annotator.studyId,
      annotatorId: annotator.id,
      reason: said,
      createdAt: now,
      endedAt: null,
      endedReason: null,
    });
    // The log names nobody: the id is a random one.
    await record(tx, { actor, action: 'study exclude', subject: `${studyName}: annotator ${annotator.id}` }, now);
  });
}

/** Takes it back. @throws ServiceError not-found; conflict when they are not left out */
export async function includeAnnotator(
  db: Database,
  studyName: string,
  participant: string,
  reason: string | undefined,
  actor = commandLine,
  now = Date.now(),
): Promise<void> {
  const said = reason === undefined ? null : requireReason(reason);
  await inTransaction(db, async (tx) => {
    const annotator = await requireAnnotator(tx, studyName, participant);
    if (!(await endExclusion(tx, annotator.id, { now, reason: said })))
      throw new ServiceError('conflict', `"${participant}" is not left out of "${studyName}".`);
    // Whoever was to be asked in their place is needed no more.
    await fitSeats(tx, await requireStudy(tx, studyName), false);
    await record(tx, { actor, action: 'study include', subject: `${studyName}: annotator ${annotator.id}` }, now);
  });
}

/** Who is left out now, by their platform's id, with the reason. */
export async function excludedNow(db: Database, studyId: string): Promise<Map<string, string>> {
  const rows = await exclusionsOf(db, studyId);
  return new Map(
    rows.filter(({ endedAt }) => endedAt === null).map(({ participant, reason }) => [participant, reason]),
  );
}

async function requireAnnotator(tx: Database, studyName: string, participant: string): Promise<Annotator> {
  const study = await requireStudy(tx, studyName);
  const annotator = await findAnnotator(tx, { studyId: study.id, population: 'people', participant });
  if (annotator === undefined)
    throw new ServiceError('not-found', `Nobody has taken part in "${studyName}" as "${participant}".`);
  return annotator;
}

function requireReason(reason: string): string {
  const text = reason.trim();
  if (text === '' || text.length > longestReason)
    throw new ServiceError('bad-request', `A reason has 1 to ${longestReason} characters.`);
  return text;
}
