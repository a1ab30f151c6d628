/**
 * @file The researcher's session: a one-time link, a password or an OpenID provider becomes a signed cookie; scripts send a signed
 * token. What was signed is good until its end, unless the secret, the account or the token was taken back, which is looked up
 * once a second.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseCookie, stringifySetCookie } from 'cookie';
import type { Role, TokenScope } from '../../contract/access.ts';
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import {
  endedSessions,
  endSession,
  findAccount,
  listStandings,
  updateAccount,
  type Account,
  type Standing,
} from '../../db/queries/accounts.ts';
import {
  endLoginLinks,
  insertLoginLink,
  replaceSecret,
  revokedTokens,
  serverSecret,
  useLoginLink,
  goodLoginLink,
} from '../../db/queries/sessions.ts';
import { record } from '../access/audit.ts';
import { ServiceError } from '../errors.ts';

const cookieName = 'visavis_session';
const linkLifeMs = 24 * 3600 * 1000;
const sessionLifeMs = 30 * 24 * 3600 * 1000;
const refreshMs = 1000;

/** Whoever sent a good cookie or token. */
export interface Identity {
  /** How the log names them. */
  actor: string;
  /** Null for an owner's link, and for tokens of the command line. */
  account: Standing | null;
  role: Role;
  scope: TokenScope;
  /** Of the session or the token. */
  id: string;
  expires: number;
}

/** Who signs in: an account, or an owner without one. */
type Owner = Pick<Account, 'id' | 'generation'> | null;

export class Sessions {
  readonly #db: Database;
  #secret: Buffer = Buffer.alloc(0);
  #ended = new Set<string>();
  #accounts = new Map<string, Standing>();
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
    const at = performance.now();
    if (at - this.#refreshedAt < refreshMs) return;
    const now = Date.now();
    const secret = await serverSecret(this.#db, 'session', randomBytes(32).toString('base64url'));
    const ended = [...(await revokedTokens(this.#db, now)), ...(await endedSessions(this.#db, now))];
    const accounts = await listStandings(this.#db);
    this.#ended = new Set(ended);
    this.#accounts = new Map(accounts.map((account) => [account.id, account]));
    this.#secret = Buffer.from(secret, 'base64url');
    this.#refreshedAt = at;
  }

  /** As refresh, whenever that was. Call it after something was taken back here. */
  async refreshNow(): Promise<void> {
    this.#refreshedAt = -Infinity;
    await this.refresh();
  }

  /**
   * The path and query of a new link, good for one use within a day.
   * @param accountId whom it signs in; an owner without an account when it is null
   */
  async createLink(now = Date.now(), accountId: string | null = null): Promise<string> {
    const key = randomBytes(24).toString('base64url');
    await insertLoginLink(this.#db, { keySha256: sha256(key), accountId, expiresAt: now + linkLifeMs });
    return `/research/login?key=${key}`;
  }

  /** Whether a link's key would sign somebody in now. */
  async isRedeemable(key: string, now = Date.now()): Promise<boolean> {
    return (await goodLoginLink(this.#db, sha256(key), now)) !== undefined;
  }

  /**
   * The session's Set-Cookie value, or undefined when the key is wrong, used or too old, or its account may not sign in. An
   * account's password ends, and its other sessions with it: whoever needs a link has forgotten it, or somebody else may know it.
   */
  async redeem(key: string, secure: boolean, now = Date.now()): Promise<string | undefined> {
    const id = newId();
    const owner = await inTransaction(this.#db, async (tx): Promise<Owner | undefined> => {
      const link = await goodLoginLink(tx, sha256(key), now);
      if (link === undefined) return undefined;
      const account = link.accountId === null ? null : await findAccount(tx, 'id', link.accountId);
      if (account === undefined || (account !== null && account.disabledAt !== null)) return undefined;
      if (!(await useLoginLink(tx, sha256(key), now))) return undefined;
      await record(tx, { actor: actorOf(account, id), action: 'sign in', subject: 'login link' }, now);
      if (account?.passwordHash == null) return account;
      const change = { passwordHash: null, generation: account.generation + 1 };
      await updateAccount(tx, account.id, change);
      return { ...account, ...change };
    });
    if (owner === undefined) return undefined;
    // The account may be newer than what was looked up last.
    if (owner !== null) await this.refreshNow();
    return this.#cookie(owner, id, secure, now);
  }

  /** The Set-Cookie value of a session of an account that has shown who it is. @param how as `password` */
  async signIn(account: Account, how: string, secure: boolean, now = Date.now()): Promise<string> {
    const id = newId();
    await inTransaction(this.#db, (tx) =>
      record(tx, { actor: actorOf(account, id), action: 'sign in', subject: how }, now),
    );
    await this.refreshNow();
    return this.#cookie(account, id, secure, now);
  }

  /** A session of an account in exchange for one that its own change has ended; the log needs no word of it. */
  async renew(account: Account, secure: boolean, now = Date.now()): Promise<string> {
    await this.refreshNow();
    return this.#cookie(account, newId(), secure, now);
  }

  /** Ends one session. @returns the Set-Cookie value that forgets it */
  async signOut({ id, expires, actor }: Identity, now = Date.now()): Promise<string> {
    // Sessions of earlier versions have no id of their own: ending one would end all of them.
    if (id === 'unlisted')
      throw new ServiceError('conflict', 'This session has no id; visavis login --sign-out-everywhere ends it.');
    await inTransaction(this.#db, async (tx) => {
      await endSession(tx, id, expires, now);
      await record(tx, { actor, action: 'sign out', subject: 'session' }, now);
    });
    await this.refreshNow();
    return stringifySetCookie({ name: cookieName, value: '', path: '/', expires: new Date(0) });
  }

  /** Every session and every token ends, here and, within a second, in every other process. */
  async signOutEverywhere(actor: string, now = Date.now()): Promise<void> {
    await inTransaction(this.#db, async (tx) => {
      await replaceSecret(tx, 'session', randomBytes(32).toString('base64url'));
      await endLoginLinks(tx);
      await record(tx, { actor, action: 'sign out everywhere', subject: 'all sessions and tokens' }, now);
    });
    await this.refreshNow();
  }

  /**
   * What a session's cookie holds, and what a script sends as bearer token: an end, a scope, an id, for an account its id and
   * generation, and their signature.
   * @param id by which it can be revoked and is named in the log
   */
  token(expires: number, scope: TokenScope = 'all', id = 'unlisted', owner: Owner = null): string {
    const signed = [expires, scope, id, ...(owner === null ? [] : [owner.id, owner.generation])].join('.');
    return `${signed}.${this.#sign(signed)}`;
  }

  /** Who is signed in. @param header the request's Cookie header */
  ofCookie(header: string | undefined, now = Date.now()): Identity | undefined {
    const identity = this.ofToken(parseCookie(header ?? '')[cookieName] ?? '', now);
    return identity && { ...identity, actor: actorOf(identity.account, identity.id) };
  }

  /** Whose a token is; undefined when it is wrong, over, or was taken back. */
  ofToken(token: string, now = Date.now()): Identity | undefined {
    const end = token.lastIndexOf('.');
    const [signed, signature] = [token.slice(0, end), token.slice(end + 1)];
    const expected = Buffer.from(this.#sign(signed));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    // Tokens of earlier versions have no id, and sessions no scope.
    const [until, scope = 'all', id = 'unlisted', accountId, generation] = signed.split('.');
    const expires = Number(until);
    if (!(expires > now) || this.#ended.has(id)) return undefined;
    const shared = { scope: scope as TokenScope, id, expires, actor: `token ${id}` };
    if (accountId === undefined) return { ...shared, account: null, role: 'owner' };
    const account = this.#accounts.get(accountId);
    if (account?.generation !== Number(generation)) return undefined;
    return { ...shared, account, role: account.role };
  }

  #cookie(owner: Owner, id: string, secure: boolean, now: number): string {
    const expires = now + sessionLifeMs;
    return stringifySetCookie({
      name: cookieName,
      value: this.token(expires, 'all', id, owner),
      httpOnly: true,
      sameSite: 'lax',
      secure,
      path: '/',
      expires: new Date(expires),
    });
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }
}

/** How the log names a session: by its account's random id, an owner's without one by its own. */
function actorOf(account: Pick<Account, 'id'> | null, id: string): string {
  return account === null ? `session ${id}` : `account ${account.id}`;
}

function newId(): string {
  return randomBytes(6).toString('hex');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
