/** @file The researcher's session: a one-time link printed at start becomes a signed cookie. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseCookie, stringifySetCookie } from 'cookie';
import type { Database } from '../../db/open.ts';
import { insertLoginLink, isLoginLinkGood, serverSecret, useLoginLink } from '../../db/queries/sessions.ts';

const cookieName = 'visavis_session';
const linkLifeMs = 24 * 3600 * 1000;
const sessionLifeMs = 30 * 24 * 3600 * 1000;

/** What a token opens: everything of a researcher's, or prescreens alone. */
export type Scope = 'all' | 'prescreen';

export class Sessions {
  readonly #db: Database;
  readonly #secret: Buffer;

  private constructor(db: Database, secret: Buffer) {
    this.#db = db;
    this.#secret = secret;
  }

  static async open(db: Database): Promise<Sessions> {
    const secret = await serverSecret(db, 'session', randomBytes(32).toString('base64url'));
    return new Sessions(db, Buffer.from(secret, 'base64url'));
  }

  /** The path and query of a new link, good for one use within a day. */
  async createLink(now = Date.now()): Promise<string> {
    const key = randomBytes(24).toString('base64url');
    await insertLoginLink(this.#db, sha256(key), now + linkLifeMs);
    return `/research/login?key=${key}`;
  }

  /** Whether a link's key would sign somebody in now. */
  isRedeemable(key: string, now = Date.now()): Promise<boolean> {
    return isLoginLinkGood(this.#db, sha256(key), now);
  }

  /** The session's Set-Cookie value, or undefined when the key is wrong, used or too old. */
  async redeem(key: string, secure: boolean, now = Date.now()): Promise<string | undefined> {
    if (!(await useLoginLink(this.#db, sha256(key), now))) return undefined;
    const expires = now + sessionLifeMs;
    return stringifySetCookie({
      name: cookieName,
      value: this.token(expires),
      httpOnly: true,
      sameSite: 'lax',
      secure,
      path: '/',
      expires: new Date(expires),
    });
  }

  /** What a session's cookie holds, and what a script sends as bearer token: an end, a scope and their signature. */
  token(expires: number, scope: Scope = 'all'): string {
    const signed = scope === 'all' ? String(expires) : `${expires}.${scope}`;
    return `${signed}.${this.#sign(signed)}`;
  }

  /** @param header the request's Cookie header */
  isValid(header: string | undefined, now = Date.now()): boolean {
    return this.isToken(parseCookie(header ?? '')[cookieName] ?? '', 'all', now);
  }

  /** @param scope what the token has to be good for; one with a researcher's rights is good for everything */
  isToken(token: string, scope: Scope = 'all', now = Date.now()): boolean {
    const end = token.lastIndexOf('.');
    const [signed, signature] = [token.slice(0, end), token.slice(end + 1)];
    const expected = Buffer.from(this.#sign(signed));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
    const [expires, own = 'all'] = signed.split('.');
    return Number(expires) > now && (own === 'all' || own === scope);
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
