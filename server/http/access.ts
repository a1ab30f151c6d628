/** @file The HTTP API of accounts, sessions, tokens and the log. */
import { Router, type Request, type Response } from 'express';
import {
  accountChangeSchema,
  accountRequestSchema,
  passwordChangeSchema,
  tokenRequestSchema,
  type AccountLink,
  type Me,
} from '../../contract/access.ts';
import type { Account } from '../../db/queries/accounts.ts';
import type { Database } from '../../db/open.ts';
import {
  allAccounts,
  changeAccount,
  changePassword,
  createAccount,
  endSessionsOf,
  linkOf,
  requireAccount,
  viewOf,
} from '../access/accounts.ts';
import { readAudit } from '../access/audit.ts';
import { allTokens, createToken, revokeToken } from '../access/tokens.ts';
import { ServiceError } from '../errors.ts';
import { bodyOf, identityOf, requireResearcher, type Asking } from './researcher.ts';

export interface AccessParts extends Asking {
  db: Database;
  publicUrl: string | undefined;
}

const dayMs = 24 * 3600 * 1000;

export function accessApi({ db, publicUrl, ...asking }: AccessParts): Router {
  const { sessions, limits } = asking;
  const router = Router();
  const own = requireResearcher(asking, 'own');
  const anybody = requireResearcher(asking, 'read', 'prescreen');

  router.get('/me', anybody, async (_request, response) => {
    const { account, role, scope } = identityOf(response);
    const known = account && viewOf(await requireAccount(db, account.id));
    response.json({
      account: known && { id: known.id, name: known.name, hasPassword: known.hasPassword },
      role,
      scope,
    } satisfies Me);
  });
  router.put('/me/password', anybody, async (request, response) => {
    const change = bodyOf(passwordChangeSchema, request);
    const { account, actor } = ownAccount(response);
    await limits.countPassword(request, account.name);
    const changed = await changePassword(db, account.id, change, actor);
    response.append('Set-Cookie', await sessions.renew(changed, request.secure));
    response.json({ done: true });
  });
  router.delete('/me/session', anybody, async (_request, response) => {
    response.append('Set-Cookie', await sessions.signOut(identityOf(response)));
    response.json({ done: true });
  });
  router.delete('/me/sessions', anybody, async (_request, response) => {
    const { account, actor } = ownAccount(response);
    await endSessionsOf(db, account.id, actor);
    await sessions.refreshNow();
    response.json({ done: true });
  });

  router.delete('/sessions', own, async (_request, response) => {
    await sessions.signOutEverywhere(identityOf(response).actor);
    response.json({ done: true });
  });
  router.get('/accounts', own, async (_request, response) => {
    response.json({ accounts: await allAccounts(db) });
  });
  router.post('/accounts', own, async (request, response) => {
    const account = await createAccount(db, bodyOf(accountRequestSchema, request), identityOf(response).actor);
    response.status(201).json(await linkFor(account));
  });
  router.patch('/accounts/:id', own, async (request, response) => {
    const change = bodyOf(accountChangeSchema, request);
    const { actor, account } = identityOf(response);
    const { id } = await requireAccount(db, idIn(request));
    if (id === account?.id)
      throw new ServiceError('conflict', 'Nobody changes the role of their own account, or disables it.');
    const changed = await changeAccount(db, id, change, actor);
    await sessions.refreshNow();
    response.json(viewOf(changed));
  });
  router.post('/accounts/:id/link', own, async (request, response) => {
    response.status(201).json(await linkFor(await requireAccount(db, idIn(request))));
  });

  router.get('/tokens', own, async (_request, response) => {
    response.json({ tokens: await allTokens(db) });
  });
  router.post('/tokens', own, async (request, response) => {
    const { scope, days, label } = bodyOf(tokenRequestSchema, request);
    const expires = Date.now() + days * dayMs;
    response.status(201).json(await createToken(db, sessions, { expires, scope, label }, identityOf(response)));
  });
  router.delete('/tokens/:id', own, async (request, response) => {
    await revokeToken(db, idIn(request), identityOf(response).actor);
    await sessions.refreshNow();
    response.json({ done: true });
  });
  router.get('/audit', own, async (_request, response) => {
    response.json(await readAudit(db));
  });
  return router;

  async function linkFor(account: Account): Promise<AccountLink> {
    const path = await linkOf(sessions, account);
    return { account: viewOf(account), path, ...(publicUrl === undefined ? {} : { url: publicUrl + path }) };
  }
}

function ownAccount(response: Response) {
  const { account, actor, scope } = identityOf(response);
  if (account === null || scope !== 'all')
    throw new ServiceError('conflict', 'This session belongs to no account; an owner makes one.');
  return { account, actor };
}

function idIn({ params }: Request): string {
  return String(params['id']);
}
