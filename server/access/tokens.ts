/** @file Tokens for scripts: made, listed, revoked. */
import { randomBytes } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import { insertToken, listTokens, revokeToken as markRevoked, type Token } from '../../db/queries/sessions.ts';
import { ServiceError } from '../errors.ts';
import type { Scope, Sessions } from '../http/session.ts';
import { record } from './audit.ts';

/** @returns the token's text, which is kept nowhere, and its id, which the list shows */
export async function createToken(
  db: Database,
  sessions: Sessions,
  { expires, scope, label }: { expires: number; scope: Scope; label: string },
  actor: string,
  now = Date.now(),
): Promise<{ id: string; token: string }> {
  const id = randomBytes(6).toString('hex');
  await inTransaction(db, async (tx) => {
    await insertToken(tx, { id, scope, label, createdAt: now, expiresAt: expires, revokedAt: null });
    await record(tx, { actor, action: 'token create', subject: id }, now);
  });
  return { id, token: sessions.token(expires, scope, id) };
}

/** Newest first. */
export function allTokens(db: Database): Promise<Token[]> {
  return listTokens(db);
}

/** Servers that run know within a second. @throws ServiceError not-found */
export async function revokeToken(db: Database, id: string, actor: string, now = Date.now()): Promise<void> {
  await inTransaction(db, async (tx) => {
    if (!(await markRevoked(tx, id, now)))
      throw new ServiceError('not-found', `There is no token "${id}" that is still good (visavis token list).`);
    await record(tx, { actor, action: 'token revoke', subject: id }, now);
  });
}
