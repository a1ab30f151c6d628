/** @file Which files of this machine a request over HTTP may name: those in the inbox folder, links followed. */
import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import { ServiceError } from '../errors.ts';

/**
 * @param path relative to the inbox, or absolute and inside it
 * @throws ServiceError bad-request when it is not there or lies elsewhere; the two are not told apart
 */
export async function pathInInbox(inbox: string, path: string): Promise<string> {
  const refusal = new ServiceError('bad-request', `"${path}" is not in the server's inbox folder.`);
  if (path.includes('\0')) throw refusal;
  const [root, real] = await Promise.all([realpath(inbox), realpath(resolve(inbox, path))]).catch(() => {
    throw refusal;
  });
  const inside = relative(root, real);
  if (inside.startsWith('..') || isAbsolute(inside)) throw refusal;
  return real;
}
