/** @file Tokens for scripts: made, listed, revoked. */
import { randomBytes } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import { insertToken, listTokens, revokeToken as markRevoked, type Token } from '../../db/queries/sessions.ts';
import { ServiceError } from '../errors.ts';
import type { TokenScope } from '../../contract/access.ts';
import type { Identity, Sessions } from '../http/session.ts';
import { record } from './audit.ts';

/**
 * A token of an account has its role's rights, less those that the scope leaves out, and ends with the account's sessions.
 * @returns the token's text, which is kept nowhere, and its id, which the list shows
 */
export async function createToken(
  db: Database,
  sessions: Sessions,
  { expires, scope, label }: { expires: number; scope: TokenScope; label: string },
  { actor, account }: Pick<Identity, 'actor' | 'account'>,
  now = Date.now(),
): Promise<{ id: string; token: string }> {
  const id = randomBytes(6).toString('hex');
  await inTransaction(db, async (tx) => {
    await insertToken(tx, {
      id,
      accountId: account?.id ?? null,
      scope,
      label,
      createdAt: now,
      expiresAt: expires,
      revokedAt: null,
    });
    await record(tx, { actor, action: 'token create', subject: id }, now);
  });
  return { id, token: sessions.token(expires, scope, id, account) };
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
