/**
 * @file The researcher's session: a one-time link becomes a signed cookie; scripts send a signed token. What was signed is good
 * until its end, unless the secret or the token was taken back, which is looked up once a second.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseCookie, stringifySetCookie } from 'cookie';
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import {
  insertLoginLink,
  isLoginLinkGood,
  replaceSecret,
  revokedTokens,
  serverSecret,
  useLoginLink,
} from '../../db/queries/sessions.ts';
import { record } from '../access/audit.ts';

const cookieName = 'visavis_session';
const linkLifeMs = 24 * 3600 * 1000;
const sessionLifeMs = 30 * 24 * 3600 * 1000;
const refreshMs = 1000;

/** What a token opens: everything of a researcher's, or prescreens alone. */
export type Scope = 'all' | 'prescreen';

export class Sessions {
  readonly #db: Database;
  #secret: Buffer = Buffer.alloc(0);
  #revoked = new Set<string>();
  #refreshedAt = -Infinity;

  private constructor(db: Database) {
    this.#db = db;
  }

  static async open(db: Database): Promise<Sessions> {
    const sessions = new Sessions(db);
    await sessions.refresh();
    return sessions;
  }

  /** Learns what was taken back meanwhile, by whatever process. Call it before a question is answered. */
  async refresh(): Promise<void> {
    const now = performance.now();
    if (now - this.#refreshedAt < refreshMs) return;
    const secret = await serverSecret(this.#db, 'session', randomBytes(32).toString('base64url'));
    this.#revoked = new Set(await revokedTokens(this.#db, Date.now()));
    this.#secret = Buffer.from(secret, 'base64url');
    this.#refreshedAt = now;
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
    const id = randomBytes(6).toString('hex');
    const isGood = await inTransaction(this.#db, async (tx) => {
      if (!(await useLoginLink(tx, sha256(key), now))) return false;
      await record(tx, { actor: `session ${id}`, action: 'sign in', subject: 'login link' }, now);
      return true;
    });
    if (!isGood) return undefined;
    const expires = now + sessionLifeMs;
    return stringifySetCookie({
      name: cookieName,
      value: this.token(expires, 'all', id),
      httpOnly: true,
      sameSite: 'lax',
      secure,
      path: '/',
      expires: new Date(expires),
    });
  }

  /** Every session and every token ends, here and, within a second, in every other process. */
  async signOutEverywhere(actor: string, now = Date.now()): Promise<void> {
    await inTransaction(this.#db, async (tx) => {
      await replaceSecret(tx, 'session', randomBytes(32).toString('base64url'));
      await record(tx, { actor, action: 'sign out everywhere', subject: 'all sessions and tokens' }, now);
    });
    this.#refreshedAt = -Infinity;
    await this.refresh();
  }

  /**
   * What a session's cookie holds, and what a script sends as bearer token: an end, a scope, an id and their signature.
   * @param id by which it can be revoked and is named in the log
   */
  token(expires: number, scope: Scope = 'all', id = 'unlisted'): string {
    const signed = `${expires}.${scope}.${id}`;
    return `${signed}.${this.#sign(signed)}`;
  }

  /** @param header the request's Cookie header */
  isValid(header: string | undefined, now = Date.now()): boolean {
    return this.isToken(sessionIn(header), 'all', now);
  }

  /** @param scope what the token has to be good for; one with a researcher's rights is good for everything */
  isToken(token: string, scope: Scope = 'all', now = Date.now()): boolean {
    const end = token.lastIndexOf('.');
    const [signed, signature] = [token.slice(0, end), token.slice(end + 1)];
    const expected = Buffer.from(this.#sign(signed));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
    // Tokens of earlier versions have no id, and sessions no scope.
    const [expires, own = 'all', id] = signed.split('.');
    return Number(expires) > now && (own === 'all' || own === scope) && (id === undefined || !this.#revoked.has(id));
  }

  /** How the log names whoever holds what was found good. */
  actorOf(bearer: string | undefined, cookieHeader: string | undefined): string {
    const id = (bearer ?? sessionIn(cookieHeader)).split('.').at(2);
    return `${bearer === undefined ? 'session' : 'token'} ${id ?? 'unlisted'}`;
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }
}

function sessionIn(cookieHeader: string | undefined): string {
  return parseCookie(cookieHeader ?? '')[cookieName] ?? '';
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
