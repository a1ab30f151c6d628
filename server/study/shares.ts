/** @file A study's report for people without an account: a link that expires and can be taken back, to the file that checks itself. */
import { createHash, randomBytes } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import { endShare, insertShare, listShares, studyOfShare, type Share } from '../../db/queries/shares.ts';
import { inTransaction } from '../../db/transactions.ts';
import { record } from '../access/audit.ts';
import { ServiceError } from '../errors.ts';
import { requireStudy } from './lifecycle.ts';

/** @returns the link's path, which is kept nowhere @throws ServiceError not-found */
export async function shareReport(
  db: Database,
  name: string,
  { days, label }: { days: number; label: string },
  actor: string,
  now = Date.now(),
): Promise<{ share: Share; path: string }> {
  const { id: studyId } = await requireStudy(db, name);
  const key = randomBytes(24).toString('base64url');
  const share: Share = {
    id: randomBytes(6).toString('hex'),
    keySha256: sha256(key),
    studyId,
    label,
    createdAt: now,
    expiresAt: now + days * 24 * 3600 * 1000,
    revokedAt: null,
  };
  await inTransaction(db, async (tx) => {
    await insertShare(tx, share);
    await record(tx, { actor, action: `study share ${share.id}`, subject: name }, now);
  });
  return { share, path: `/shared/${key}` };
}

/** Newest first. @throws ServiceError not-found */
export async function sharesOf(db: Database, name: string): Promise<Share[]> {
  return listShares(db, (await requireStudy(db, name)).id);
}

/** @throws ServiceError not-found */
export async function endSharing(
  db: Database,
  name: string,
  id: string,
  actor: string,
  now = Date.now(),
): Promise<void> {
  const study = await requireStudy(db, name);
  await inTransaction(db, async (tx) => {
    if (!(await endShare(tx, study.id, id, now)))
      throw new ServiceError('not-found', `There is no link "${id}" to "${name}" that is still good.`);
    await record(tx, { actor, action: `study share end ${id}`, subject: name }, now);
  });
}

/** The study whose report a key opens; undefined for a key that opens none. */
export function studyShared(db: Database, key: string, now = Date.now()): Promise<string | undefined> {
  return studyOfShare(db, sha256(key), now);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
