/**
 * @file Signing in through an institute's OpenID Connect provider: authorization code with PKCE, state and nonce, by openid-client.
 * An account is known by the provider's subject; at the first time by its verified e-mail address, which is then its name.
 */
import { parseCookie, stringifySetCookie } from 'cookie';
import { Router, type Request, type Response } from 'express';
import * as openid from 'openid-client';
import type { Logger } from 'pino';
import type { Role } from '../../contract/access.ts';
import { findAccount, updateAccount, type Account } from '../../db/queries/accounts.ts';
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import { createAccount } from '../access/accounts.ts';
import { record } from '../access/audit.ts';
import type { Sessions } from './session.ts';

export interface OpenIdConfig {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** What the button says. */
  label: string;
  /** The role of people who have no account yet; undefined: they stay outside. */
  newcomers: Exclude<Role, 'owner'> | undefined;
}

export interface OpenIdParts {
  db: Database;
  sessions: Sessions;
  publicUrl: string | undefined;
  openid: OpenIdConfig;
  log: Logger;
}

const cookieName = 'visavis_openid';
const path = '/research/openid';
/** How long somebody may take at the provider. */
const patienceMs = 10 * 60_000;
const actor = 'openid provider';

/** Why somebody is not let in; the page has a sentence for each. */
type Refusal = 'unknown' | 'disabled' | 'failed';

interface Claims {
  iss: string;
  sub: string;
  email?: string | undefined;
  emailVerified: boolean;
}

export function openIdRoutes({ db, sessions, publicUrl, openid: config, log }: OpenIdParts): Router {
  const router = Router();
  let known: Promise<openid.Configuration> | undefined;
  /** Asked once; after a failure at the next sign-in. */
  const discovered = () =>
    (known ??= discover(config).catch((error: unknown) => {
      known = undefined;
      throw error;
    }));
  const callback = (request: Request) =>
    new URL(`${publicUrl ?? `${request.protocol}://${request.host}`}${path}/callback`);

  router.get(path, async (request, response) => {
    const provider = await discovered().catch(failed);
    if (provider === undefined) return refuse(response, 'failed');
    const [verifier, state, nonce] = [openid.randomPKCECodeVerifier(), openid.randomState(), openid.randomNonce()];
    const url = openid.buildAuthorizationUrl(provider, {
      redirect_uri: callback(request).href,
      scope: 'openid email',
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    });
    response.append('Set-Cookie', cookie(request, [verifier, state, nonce].join('.'), Date.now() + patienceMs));
    response.redirect(303, url.href);
  });

  router.get(`${path}/callback`, async (request, response) => {
    const [verifier = '', state = '', nonce = ''] = (parseCookie(request.headers.cookie ?? '')[cookieName] ?? '').split(
      '.',
    );
    response.append('Set-Cookie', cookie(request, '', 0));
    if (state === '') return refuse(response, 'failed');
    const url = callback(request);
    url.search = new URL(request.originalUrl, url).search;
    const claims = await discovered()
      .then((provider) => claimsOf(provider, url, { verifier, state, nonce }))
      .catch(failed);
    if (claims === undefined) return refuse(response, 'failed');
    const account = await accountOf(db, claims, config.newcomers);
    if (account === undefined) return refuse(response, 'unknown');
    if (account.disabledAt !== null) return refuse(response, 'disabled');
    response.append('Set-Cookie', await sessions.signIn(account, actor, request.secure));
    response.redirect(303, '/research');
  });

  function failed(error: unknown): undefined {
    log.warn({ reason: String(error) }, 'Signing in through the OpenID provider failed.');
  }
  return router;
}

function refuse(response: Response, why: Refusal): void {
  response.redirect(303, `/research/login?problem=${why}`);
}

function cookie(request: Request, value: string, expires: number): string {
  return stringifySetCookie({
    name: cookieName,
    value,
    httpOnly: true,
    // Lax: the provider sends the browser back from its own site.
    sameSite: 'lax',
    secure: request.secure,
    path,
    expires: new Date(expires),
  });
}

function discover({ issuer, clientId, clientSecret }: OpenIdConfig): Promise<openid.Configuration> {
  const url = new URL(issuer);
  const isLocal = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  return openid.discovery(url, clientId, clientSecret, undefined, {
    timeout: 10,
    ...(isLocal ? { execute: [openid.allowInsecureRequests] } : {}),
  });
}

/** @throws what openid-client finds wrong: another state, nonce, issuer, audience, signature; an expired token */
async function claimsOf(
  provider: openid.Configuration,
  url: URL,
  { verifier, state, nonce }: { verifier: string; state: string; nonce: string },
): Promise<Claims> {
  const tokens = await openid.authorizationCodeGrant(provider, url, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  });
  const { iss, sub, ...own } = tokens.claims()!;
  const hasUserInfo = provider.serverMetadata().userinfo_endpoint !== undefined;
  const more: Record<string, unknown> =
    own['email'] === undefined && hasUserInfo
      ? { ...(await openid.fetchUserInfo(provider, tokens.access_token, sub)) }
      : own;
  const email = typeof more['email'] === 'string' ? more['email'] : undefined;
  return { iss, sub, email, emailVerified: more['email_verified'] === true };
}

async function accountOf(
  db: Database,
  { iss, sub, email, emailVerified }: Claims,
  newcomers: OpenIdConfig['newcomers'],
): Promise<Account | undefined> {
  const openidSubject = `${iss} ${sub}`;
  const known = await findAccount(db, 'openid_subject', openidSubject);
  if (known !== undefined) return known;
  // An address that nobody has checked could be anybody's.
  if (email === undefined || !emailVerified) return undefined;
  const name = email.normalize('NFC').toLowerCase();
  let account = await findAccount(db, 'name', name);
  if (account === undefined) {
    if (newcomers === undefined) return undefined;
    account = await createAccount(db, { name, role: newcomers }, actor);
  }
  // The address belonged to somebody else when the account was bound.
  if (account.openidSubject !== null) return undefined;
  const { id } = account;
  await inTransaction(db, async (tx) => {
    await updateAccount(tx, id, { openidSubject });
    await record(tx, { actor, action: 'account openid', subject: id });
  });
  return { ...account, openidSubject };
}
