/** @file Deleting a study: nothing of it is left but the log's word. Prompts, renders and images stay; others may use them. */
import type { Database } from '../../db/open.ts';
import { findRecruitment } from '../../db/queries/recruitments.ts';
import { deleteStudy } from '../../db/queries/removal.ts';
import { studyProgress } from '../../db/queries/studies.ts';
import { inTransaction } from '../../db/transactions.ts';
import { commandLine, record } from '../access/audit.ts';
import { ServiceError } from '../errors.ts';
import { requireStudy } from './lifecycle.ts';

/**
 * @param typed the study's name, once more
 * @returns votes of people that went with it
 * @throws ServiceError not-found; bad-request when the name was typed otherwise; conflict while people may vote or are recruited
 */
export async function removeStudy(
  db: Database,
  name: string,
  typed: string,
  actor = commandLine,
  now = Date.now(),
): Promise<number> {
  return inTransaction(db, async (tx) => {
    const study = await requireStudy(tx, name);
    if (typed !== name)
      throw new ServiceError('bad-request', `Type the study's name, "${name}", to delete it for good.`);
    if (study.state === 'open' || study.state === 'paused')
      throw new ServiceError('conflict', `The study "${name}" is ${study.state}; close it first.`);
    const recruitment = await findRecruitment(tx, study.id);
    if (recruitment !== undefined && recruitment.status !== 'UNPUBLISHED' && recruitment.status !== 'COMPLETED')
      throw new ServiceError(
        'conflict',
        `People are recruited for "${name}" on Prolific (${recruitment.status}); they are to be paid first.`,
      );
    const { votes } = await studyProgress(tx, study.id, 'people');
    await deleteStudy(tx, study.id);
    await record(
      tx,
      { actor, action: 'study delete', subject: `${name}: ${votes} ${votes === 1 ? 'vote' : 'votes'}` },
      now,
    );
    return votes;
  });
}
