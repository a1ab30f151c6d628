/** @file Who asks, over HTTP, whether they may, and what they sent. */
import type { Request, RequestHandler, Response } from 'express';
import type { z } from 'zod';
import { hasRight, type Right } from '../access/rights.ts';
import { ServiceError } from '../errors.ts';
import type { Limits } from './limits.ts';
import type { Origins } from './origins.ts';
import type { Identity, Sessions } from './session.ts';

export interface Asking {
  sessions: Sessions;
  origins: Origins;
  limits: Limits;
}

/** Refuses whoever shows neither a good session nor a good token, or has none of these rights. */
export function requireResearcher({ sessions, origins, limits }: Asking, ...rights: Right[]): RequestHandler {
  return async (request, response, next) => {
    await sessions.refresh();
    const bearer = bearerOf(request);
    const identity = bearer === undefined ? sessions.ofCookie(request.headers.cookie) : sessions.ofToken(bearer);
    if (identity === undefined) {
      if (bearer !== undefined) await limits.countWrongKey(request);
      throw new ServiceError(
        'unauthorized',
        'Sign in at /research/login, open the researcher link that visavis serve prints, or send a token (visavis token).',
      );
    }
    // A cookie alone must not be enough for another site's page to change things.
    if (request.method !== 'GET' && bearer === undefined && !origins.isOwnPage(request)) {
      throw new ServiceError(
        'unauthorized',
        'This request comes from another site; behind a proxy, set VISAVIS_PUBLIC_URL to the address that browsers see.',
      );
    }
    checkRight(identity, ...rights);
    (response.locals as { identity: Identity }).identity = identity;
    next();
  };
}

/** @throws ServiceError forbidden, or unauthorized for a token of too narrow a scope, when they have none of these rights */
function checkRight(identity: Identity, ...rights: Right[]): void {
  if (rights.some((right) => hasRight(identity, right))) return;
  const { role, scope } = identity;
  // A token is no key to what its scope leaves out: another one is. A role is: nothing that they could send helps.
  if (scope !== 'all') throw new ServiceError('unauthorized', `A token of scope ${scope} does not allow this.`);
  throw new ServiceError('forbidden', `The role ${role} does not allow this.`);
}

/** Whoever requireResearcher found good. */
export function identityOf(response: Response): Identity {
  return (response.locals as { identity: Identity }).identity;
}

/** Likewise, where the right depends on what is asked. @throws ServiceError forbidden or unauthorized */
export function allowed(response: Response, right: Right): Identity {
  const identity = identityOf(response);
  checkRight(identity, right);
  return identity;
}

function bearerOf(request: Pick<Request, 'headers'>): string | undefined {
  return /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
}

/** @throws ServiceError bad-request with the field that is wrong */
export function bodyOf<T extends z.ZodType>(schema: T, { body }: { body?: unknown }): z.output<T> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new ServiceError('bad-request', `${path.map(String).join('.') || 'The body'}: ${message}.`);
}

/** @param content JSON in UTF-8, as Aside.json has it */
export function sendJson(response: Response, content: Buffer): void {
  response.type('json').send(content);
}
