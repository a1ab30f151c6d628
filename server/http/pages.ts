/** @file The two pages and their bundles, prebuilt by Vite into dist/client. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Router, urlencoded, type Request, type Response } from 'express';
import sirv from 'sirv';
import { findStudyByToken } from '../../db/queries/studies.ts';
import type { Database } from '../../db/open.ts';
import { packageRoot } from '../../evaluator/engine/files/package-root.ts';
import { ServiceError } from '../errors.ts';
import { allowOwnFrame, allowTurkFrame, isTurkLink } from './frames.ts';
import { isPreviewToken } from '../../contract/participant.ts';
import type { Previews } from '../socket/previews.ts';
import type { Limits } from './limits.ts';
import type { Origins } from './origins.ts';
import type { Sessions } from './session.ts';
import { accountNameSchema, type SignIn } from '../../contract/access.ts';
import { accountWithPassword, allAccounts } from '../access/accounts.ts';
import { openIdRoutes, type OpenIdConfig } from './openid.ts';
import type { Logger } from 'pino';
import { freshParticipant, participantOf } from './participant.ts';

/** The client's build, from the sources (tests) and from dist/ alike. */
export function clientFolder(): string {
  return join(packageRoot(), 'dist', 'client');
}

export interface PageParts {
  db: Database;
  previews: Previews;
  sessions: Sessions;
  origins: Origins;
  limits: Limits;
  publicUrl: string | undefined;
  openid: OpenIdConfig | undefined;
  log: Logger;
}

export function pages({ db, previews, sessions, origins, limits, publicUrl, openid, log }: PageParts): Router {
  const router = Router();
  const folder = clientFolder();
  const read = (name: string) => readFileSync(join(folder, `${name}.html`));
  const annotate = read('annotate');
  const research = read('research');

  router.use('/research', async (_request, _response, next) => {
    await sessions.refresh();
    next();
  });

  // Names carry a hash of the content, so they may be kept for ever. The HTML is sent below, never cached.
  router.use(
    '/assets',
    sirv(join(folder, 'assets'), { immutable: true, maxAge: 365 * 24 * 3600, etag: false, brotli: true, gzip: true }),
  );

  router.get('/annotate/:token', async (request, response) => {
    if (participantOf(request.headers.cookie) === undefined) {
      response.append('Set-Cookie', freshParticipant(request.secure));
    }
    const { token } = request.params;
    if (isTurkLink(request)) allowTurkFrame(response);
    if (isPreviewToken(token)) allowOwnFrame(response);
    // The page itself says what is wrong with a bad link; the status is for scripts.
    const known = ((await previews.databaseOf(token)) ?? (await findStudyByToken(db, token))) !== undefined;
    sendPage(response.status(known ? 200 : 404), annotate);
  });

  // A preview or a scanner looks before the researcher does; it must not use the link up: the page has a button that does.
  router.get('/research/login', async (request: Request, response: Response) => {
    const { key } = request.query;
    if (key === undefined || (typeof key === 'string' && (await sessions.isRedeemable(key))))
      sendPage(response, research);
    else if (sessions.ofCookie(request.headers.cookie) !== undefined) response.redirect(303, '/research');
    else sendPage(response.status(await wrongKey(request)), research);
  });
  router.post('/research/login', urlencoded({ extended: false, limit: '10kb' }), async (request, response) => {
    // Another site must not sign somebody in as somebody else.
    if (!origins.isOwnPage(request)) {
      sendPage(response.status(401), research);
      return;
    }
    const { key, name, password } = (request.body ?? {}) as Record<string, unknown>;
    let cookie: string | undefined;
    if (typeof name === 'string' && typeof password === 'string') {
      const known = accountNameSchema.safeParse(name);
      await limits.countPassword(request, known.data ?? '');
      const account = await accountWithPassword(db, name, password);
      cookie = account && (await sessions.signIn(account, 'password', request.secure));
      if (cookie === undefined)
        throw new ServiceError('unauthorized', 'There is no account with this name and this password.');
    } else {
      cookie = typeof key === 'string' ? await sessions.redeem(key, request.secure) : undefined;
      if (cookie === undefined && sessions.ofCookie(request.headers.cookie) === undefined) {
        sendPage(response.status(await wrongKey(request)), research);
        return;
      }
    }
    if (cookie !== undefined) response.append('Set-Cookie', cookie);
    response.redirect(303, '/research');
  });
  router.get('/research/login/ways', async (_request, response) => {
    const accounts = await allAccounts(db);
    response.json({
      passwords: accounts.some(({ hasPassword, disabled }) => hasPassword && !disabled),
      openid: openid?.label ?? null,
    } satisfies SignIn);
  });
  if (openid !== undefined) router.use(openIdRoutes({ db, sessions, publicUrl, openid, log }));

  /** The status: 429 for an address that tries too often. */
  function wrongKey(request: Request): Promise<401 | 429> {
    return limits.countWrongKey(request).then(
      () => 401,
      () => 429,
    );
  }

  router.get(['/research', '/research/*rest'], (request, response) => {
    sendPage(response.status(sessions.ofCookie(request.headers.cookie) === undefined ? 401 : 200), research);
  });

  router.get('/', (_request, response) => response.redirect(303, '/research'));
  return router;
}

function sendPage(response: Response, html: Buffer): void {
  response.set('Cache-Control', 'no-store').type('html').send(html);
}
