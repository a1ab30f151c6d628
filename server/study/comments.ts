/** @file What researchers say to each other of a study and its pairs. */
import { randomUUID } from 'node:crypto';
import type { CommentRequest, StudyComment } from '../../contract/research.ts';
import { allAccounts } from '../access/accounts.ts';
import {
  countComments,
  deleteComment,
  findComment,
  insertComment,
  listComments,
  type Comment,
} from '../../db/queries/comments.ts';
import type { Database } from '../../db/open.ts';
import { studyFacts } from '../../db/queries/immutable.ts';
import { inTransaction } from '../../db/transactions.ts';
import { ServiceError } from '../errors.ts';
import { requireStudy } from './lifecycle.ts';

/** All of a study are shown at once. */
const most = 1000;

/** Who asks, as the log names them, and whether they may take away what others wrote. */
export interface Reader {
  actor: string;
  isOwner: boolean;
}

/** Oldest first. @throws ServiceError not-found */
export async function commentsOf(db: Database, name: string, reader: Reader): Promise<StudyComment[]> {
  const { id } = await requireStudy(db, name);
  const names = await accountNames(db);
  return (await listComments(db, id)).map((comment) => shownTo(reader, comment, names));
}

/** By how the log names them. */
async function accountNames(db: Database): Promise<Map<string, string>> {
  return new Map((await allAccounts(db)).map(({ id, name }) => [`account ${id}`, name]));
}

function shownTo(
  { actor, isOwner }: Reader,
  { id, pair, author, text, createdAt }: Omit<Comment, 'studyId'>,
  names: ReadonlyMap<string, string>,
): StudyComment {
  const who = names.get(author) ?? (author.startsWith('session ') ? 'owner' : author);
  return { id, pair, author: who, removable: isOwner || author === actor, text, createdAt };
}

/** @throws ServiceError not-found for a study or a pair that there is none */
export async function addComment(
  db: Database,
  name: string,
  { text, pair = null }: CommentRequest,
  writer: Reader,
  now = Date.now(),
): Promise<StudyComment> {
  const names = await accountNames(db);
  return inTransaction(db, async (tx) => {
    const { id: studyId } = await requireStudy(tx, name);
    if (pair !== null && pair >= (await studyFacts(tx, studyId)).pairs)
      throw new ServiceError('not-found', `The study "${name}" has no pair ${pair}.`);
    if ((await countComments(tx, studyId)) >= most)
      throw new ServiceError('bad-request', `The study "${name}" has ${most} comments; that is all it can have.`);
    const comment = { id: randomUUID(), pair, author: writer.actor, text: text.trim(), createdAt: now };
    await insertComment(tx, { ...comment, studyId });
    return shownTo(writer, comment, names);
  });
}

/** Its author may, and an owner. @throws ServiceError not-found, forbidden */
export async function removeComment(db: Database, name: string, id: string, reader: Reader): Promise<void> {
  await inTransaction(db, async (tx) => {
    const { id: studyId } = await requireStudy(tx, name);
    const comment = await findComment(tx, studyId, id);
    if (comment === undefined) throw new ServiceError('not-found', 'There is no such comment.');
    if (comment.author !== reader.actor && !reader.isOwner)
      throw new ServiceError('forbidden', 'Only who wrote a comment, or an owner, can take it away.');
    await deleteComment(tx, studyId, id);
  });
}
