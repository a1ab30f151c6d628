/** @file Studies that are being written: kept for whoever writes them, and nobody overwrites what they have not seen. */
import type { DraftChange, StoredDraft } from '../../contract/editor.ts';
import type { Database } from '../../db/open.ts';
import { changeDraft, countDrafts, deleteDraft, findDraft, insertDraft } from '../../db/queries/drafts.ts';
import { ServiceError } from '../errors.ts';

/** Bytes of one draft: a study's file is smaller. */
const largest = 2 ** 20;
const most = 1000;

/** @throws ServiceError not-found */
export async function requireDraft(db: Database, id: string): Promise<StoredDraft> {
  const draft = await findDraft(db, id);
  if (draft === undefined) throw new ServiceError('not-found', 'There is no such draft; it may have been thrown away.');
  const { name, version, updatedAt } = draft;
  return { id, name, version, updatedAt, content: JSON.parse(draft.content) as Record<string, unknown> };
}

/**
 * Keeps a new draft, or a change of one.
 * @throws ServiceError conflict when somebody has changed it meanwhile; not-found when it was thrown away; bad-request
 */
export async function keepDraft(
  db: Database,
  id: string,
  { name, content, version }: DraftChange,
  now = Date.now(),
): Promise<StoredDraft> {
  const text = JSON.stringify(content);
  if (Buffer.byteLength(text) > largest)
    throw new ServiceError('bad-request', 'This draft is larger than a megabyte; a study is not.');
  const draft = { id, name, content: text, version, updatedAt: now };
  if (version === 1 && (await countDrafts(db)) >= most)
    throw new ServiceError('bad-request', `There are ${most} drafts already; throw some away.`);
  const isKept = version === 1 ? await insertDraft(db, { ...draft, createdAt: now }) : await changeDraft(db, draft);
  if (!isKept) {
    const kept = await requireDraft(db, id);
    // The same request once more.
    if (kept.version === version && kept.name === name && JSON.stringify(kept.content) === text) return kept;
    throw new ServiceError('conflict', 'This draft was changed in another window or by somebody else.');
  }
  return { id, name, version, updatedAt: now, content };
}

/** @throws ServiceError not-found; conflict when it is no longer of this version */
export async function dropDraft(db: Database, id: string, version: number): Promise<void> {
  if (await deleteDraft(db, id, version)) return;
  await requireDraft(db, id);
  throw new ServiceError('conflict', 'This draft was changed in another window or by somebody else; it stays.');
}
