/**
 * @file How long a study keeps who took part. When its time is over after its end, people become pseudonyms, as in an erasure:
 * votes, counts and reports stay.
 */
import type { Database } from '../../db/open.ts';
import { peopleToForget } from '../../db/queries/people.ts';
import { findRecruitment } from '../../db/queries/recruitments.ts';
import { listStudies, type Study } from '../../db/queries/studies.ts';
import { commandLine } from '../access/audit.ts';
import { ServiceError } from '../errors.ts';
import { forgetsAt, requireStudy } from './lifecycle.ts';
import { erasePerson } from './people.ts';

/** Who forgets by a study's own rule, in the log. */
const byRetention = 'retention';

/** @returns how many people were forgotten, by study, and what went wrong with others */
export async function forgetExpired(
  db: Database,
  now = Date.now(),
): Promise<{ forgotten: { study: string; people: number }[]; failed: string[] }> {
  const forgotten: { study: string; people: number }[] = [];
  const failed: string[] = [];
  for (const study of await listStudies(db)) {
    const at = forgetsAt(study);
    if (at === null || now < at || (await isOwed(db, study.id))) continue;
    try {
      const people = await forgetAll(db, study, byRetention, now);
      if (people > 0) forgotten.push({ study: study.name, people });
    } catch (error) {
      failed.push(`${study.name}: ${(error as Error).message}`);
    }
  }
  return { forgotten, failed };
}

/**
 * Forgets everybody of a closed study now.
 * @param typed the study's name, once more
 * @returns how many
 * @throws ServiceError not-found; bad-request when the name was typed otherwise; conflict while people may vote
 */
export async function forgetStudy(
  db: Database,
  name: string,
  typed: string,
  actor = commandLine,
  now = Date.now(),
): Promise<number> {
  const study = await requireStudy(db, name);
  if (typed !== name)
    throw new ServiceError('bad-request', `Type the study's name, "${name}", to forget who took part in it.`);
  if (study.state !== 'closed')
    throw new ServiceError('conflict', `The study "${name}" is ${study.state}; close it first.`);
  return forgetAll(db, study, actor, now);
}

/** Whether people of a crowd platform may still have to be paid: then who they are is needed. */
async function isOwed(db: Database, studyId: string): Promise<boolean> {
  const recruitment = await findRecruitment(db, studyId);
  return recruitment !== undefined && !['UNPUBLISHED', 'COMPLETED'].includes(recruitment.status);
}

/** One after the other: each is a transaction of its own, and what is left is done the next time. */
async function forgetAll(db: Database, { id, name }: Pick<Study, 'id' | 'name'>, actor: string, now: number) {
  const people = await peopleToForget(db, id);
  for (const annotatorId of people) await erasePerson(db, { id: annotatorId, study: name }, actor, now);
  return people.length;
}
