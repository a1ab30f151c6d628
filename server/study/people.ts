/** @file What is stored of one participant, for them to have, and its erasure: votes stay under a pseudonym, so that no number changes. */
import { randomUUID } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import { exclusionsOf } from '../../db/queries/exclusions.ts';
import {
  annotatorsNamed,
  erasedPrefix,
  forgetAnnotator,
  problemsOfAnnotator,
  submissionsOfAnnotator,
  takeOversOfAnnotator,
  votesOfAnnotator,
} from '../../db/queries/people.ts';
import { stepsTaken } from '../../db/queries/visits.ts';
import { inTransaction } from '../../db/transactions.ts';
import { commandLine, record } from '../access/audit.ts';
import { ServiceError } from '../errors.ts';

/** @throws ServiceError not-found */
async function requireNamed(db: Database, participant: string, study?: string) {
  const found = (await annotatorsNamed(db, participant)).filter((row) => study === undefined || row.study === study);
  if (found.length === 0)
    throw new ServiceError(
      'not-found',
      `Nobody took part as "${participant}"${study === undefined ? '' : ` in "${study}"`}.`,
    );
  return found;
}

/** All that is stored of a participant, study by study. @throws ServiceError not-found */
export async function participantData(db: Database, participant: string, study?: string) {
  const studies = [];
  for (const { id, studyId, study: name, createdAt, endReason } of await requireNamed(db, participant, study)) {
    const exclusions = (await exclusionsOf(db, studyId)).filter(({ annotatorId }) => annotatorId === id);
    studies.push({
      study: name,
      firstSeen: createdAt,
      endReason,
      steps: (await stepsTaken(db, id)).map(({ step, answer, createdAt: at }) => ({ step, answer, createdAt: at })),
      votes: (await votesOfAnnotator(db, id)).map(({ seen, point, bothBad, ...vote }) => ({
        ...vote,
        ...(bothBad === 1 ? { bothBad: true } : {}),
        seen: seen === null ? null : (JSON.parse(seen) as unknown),
        point: point === null ? null : (JSON.parse(point) as unknown),
      })),
      problems: await problemsOfAnnotator(db, id),
      takeOvers: await takeOversOfAnnotator(db, id),
      submissions: await submissionsOfAnnotator(db, id),
      exclusions: exclusions.map(({ reason, createdAt: at, endedAt, endedReason }) => ({
        reason,
        createdAt: at,
        endedAt,
        endedReason,
      })),
    });
  }
  return { participant, studies };
}

/**
 * The participant becomes a pseudonym, in one transaction for all studies. Counts and reports stay as they are; whoever comes again
 * under the id is somebody new.
 * @returns the pseudonyms, by study
 * @throws ServiceError not-found
 */
export async function eraseParticipant(
  db: Database,
  participant: string,
  { study, actor = commandLine, now = Date.now() }: { study?: string | undefined; actor?: string; now?: number } = {},
): Promise<{ study: string; pseudonym: string }[]> {
  return inTransaction(db, async (tx) => {
    const erased = [];
    for (const { id, study: name } of await requireNamed(tx, participant, study))
      erased.push({ study: name, pseudonym: await erase(tx, { id, study: name }, actor, now) });
    return erased;
  });
}

/** One study's annotator, by their id. @param person of the study of this name */
export async function erasePerson(
  db: Database,
  person: { id: string; study: string },
  actor: string,
  now: number,
): Promise<void> {
  await inTransaction(db, (tx) => erase(tx, person, actor, now));
}

async function erase(
  tx: Database,
  { id, study }: { id: string; study: string },
  actor: string,
  now: number,
): Promise<string> {
  const pseudonym = `${erasedPrefix}${randomUUID()}`;
  await forgetAnnotator(tx, id, pseudonym);
  await record(tx, { actor, action: 'participant erase', subject: `${study}: annotator ${id}` }, now);
  return pseudonym;
}
