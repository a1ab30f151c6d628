/** @file A study's name, and giving it another. */
import { fileNameSchema } from '../../contract/study-file.ts';
import type { Database } from '../../db/open.ts';
import { findStudy, renameStudy } from '../../db/queries/studies.ts';
import { inTransaction } from '../../db/transactions.ts';
import { commandLine, record } from '../access/audit.ts';
import { ServiceError } from '../errors.ts';
import { requireStudy } from './lifecycle.ts';
import { planHash } from './plan.ts';
import { studyFile } from './study-file.ts';

/**
 * Gives a study another name. A plan is hashed with it: of a draft it is hashed again, later the name stays.
 * @throws ServiceError not-found; conflict when the name is taken, or the plan frozen; bad-request for no name
 */
export async function changeName(
  db: Database,
  name: string,
  next: string,
  actor = commandLine,
  now = Date.now(),
): Promise<void> {
  const parsed = fileNameSchema.safeParse(next);
  if (!parsed.success) throw new ServiceError('bad-request', `name: ${parsed.error.issues[0]!.message}.`);
  await inTransaction(db, async (tx) => {
    const study = await requireStudy(tx, name);
    if (next === name) return;
    if ((await findStudy(tx, next)) !== undefined)
      throw new ServiceError('conflict', `A study named "${next}" exists already; choose another name.`);
    if (study.planSha256 !== null && study.state !== 'draft')
      throw new ServiceError(
        'conflict',
        `The plan of "${name}" is hashed with this name and frozen since the study was opened; the name stays.`,
      );
    await renameStudy(tx, study.id, { name: next, planSha256: null });
    await record(tx, { actor, action: `study rename, was "${name}"`, subject: next }, now);
    if (study.planSha256 === null) return;
    const planSha256 = planHash(await studyFile(tx, next));
    await renameStudy(tx, study.id, { name: next, planSha256 });
    await record(tx, { actor, action: `study plan ${planSha256}`, subject: next }, now);
  });
}
