/** @file Links, sessions and tokens: what opens, for how long, and what does not. */
import { describe, expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import { openDatabase } from '../../../db/open.ts';
import { hasRight, type Right } from '../../../server/access/rights.ts';
import { Sessions } from '../../../server/http/session.ts';
import { freshSqlite } from '../../support/databases.ts';

const day = 24 * 3600 * 1000;
const now = 1_700_000_000_000;

async function open(db?: Database) {
  return Sessions.open(db ?? (await freshSqlite()).db);
}
const isSession = (sessions: Sessions, header: string | undefined, at?: number) =>
  sessions.ofCookie(header, at) !== undefined;
function isToken(sessions: Sessions, token: string, right: Right = 'own', at?: number): boolean {
  const identity = sessions.ofToken(token, at);
  return identity !== undefined && hasRight(identity, right);
}
const keyOf = (path: string) => new URL(path, 'http://x').searchParams.get('key')!;

describe('login links', () => {
  it('are good once', async () => {
    const sessions = await open();
    const path = await sessions.createLink(now);
    expect(path).toMatch(/^\/research\/login\?key=[\w-]{32}$/);
    expect(await sessions.redeem(keyOf(path), false, now)).toBeDefined();
    expect(await sessions.redeem(keyOf(path), false, now)).toBeUndefined();
    expect(await sessions.redeem('nonsense', false, now)).toBeUndefined();
  });
  it('are good for a day', async () => {
    const sessions = await open();
    const [early, late] = [await sessions.createLink(now), await sessions.createLink(now)];
    expect(await sessions.redeem(keyOf(late), false, now + day)).toBeUndefined();
    expect(await sessions.redeem(keyOf(early), false, now + day - 1)).toBeDefined();
  });
  it('become a cookie for thirty days that scripts do not read', async () => {
    const sessions = await open();
    const redeem = async (secure: boolean) =>
      (await sessions.redeem(keyOf(await sessions.createLink(now)), secure, now))!;
    const plain = await redeem(false);
    expect(plain).toMatch(/^visavis_session=/);
    expect(plain.split('; ').slice(1).sort()).toEqual([
      `Expires=${new Date(now + 30 * day).toUTCString()}`,
      'HttpOnly',
      'Path=/',
      'SameSite=Lax',
    ]);
    expect(await redeem(true)).toContain('; Secure');
    const header = plain.split(';')[0]!;
    expect(isSession(sessions, header, now)).toBe(true);
    expect(isSession(sessions, `other=1; ${header}; more=2`, now)).toBe(true);
    expect(isSession(sessions, header, now + 30 * day - 1)).toBe(true);
    expect(isSession(sessions, header, now + 30 * day)).toBe(false);
  });
  it('no cookie, an empty one and another’s are no session', async () => {
    const sessions = await open();
    for (const header of [undefined, '', 'visavis_session=', 'visavis_session=x', 'a=b'])
      expect(isSession(sessions, header, now)).toBe(false);
    const stranger = (await open()).token(now + day);
    expect(isToken(sessions, stranger, 'own', now)).toBe(false);
  });
});

describe('tokens', () => {
  it('end when they say', async () => {
    const sessions = await open();
    const token = sessions.token(now + 10);
    expect(isToken(sessions, token, 'own', now + 9)).toBe(true);
    expect(isToken(sessions, token, 'own', now + 10)).toBe(false);
    expect(isToken(sessions, sessions.token(now - 1), 'own', now)).toBe(false);
    // Without a time the clock is asked: a token of the past is none.
    expect(isToken(sessions, sessions.token(Date.now() - 1000))).toBe(false);
    expect(isToken(sessions, sessions.token(Date.now() + 60_000))).toBe(true);
  });
  it('a scope opens itself alone; a researcher’s opens everything', async () => {
    const sessions = await open();
    const [whole, scoped] = [sessions.token(now + 10), sessions.token(now + 10, 'prescreen')];
    expect(isToken(sessions, whole, 'own', now)).toBe(true);
    expect(isToken(sessions, whole, 'prescreen', now)).toBe(true);
    expect(isToken(sessions, scoped, 'prescreen', now)).toBe(true);
    expect(isToken(sessions, scoped, 'own', now)).toBe(false);
    expect(isToken(sessions, scoped, undefined, now)).toBe(false);
  });
  it('one letter changed, a later end, a wider scope: refused', async () => {
    const sessions = await open();
    const token = sessions.token(now + 10, 'prescreen');
    const [end, scope, id, signature] = token.split('.') as [string, string, string, string];
    expect([end, scope, id]).toEqual([String(now + 10), 'prescreen', 'unlisted']);
    const forged = [
      `${now + 99}.${scope}.${id}.${signature}`,
      `${end}.all.${id}.${signature}`,
      `${end}.${scope}.other.${signature}`,
      `${end}.${scope}.${signature}`,
      `${end}.${signature}`,
      `${end}.${scope}.${id}.${signature.slice(0, -1)}${signature.endsWith('A') ? 'B' : 'A'}`,
      `${end}.${scope}.${id}.${signature}x`,
      `${end}.${scope}.${id}.`,
      `${end}.${scope}.${id}`,
      '.',
      '',
    ];
    for (const text of forged) {
      expect(isToken(sessions, text, 'prescreen', now), text).toBe(false);
      expect(isToken(sessions, text, 'own', now), text).toBe(false);
    }
    expect(isToken(sessions, token, 'prescreen', now)).toBe(true);
  });
  it('the secret lives in the database: another process of the same one agrees', async () => {
    const { db, location } = await freshSqlite();
    const token = (await open(db)).token(now + 10);
    const again = await openDatabase(location);
    expect(isToken(await open(again), token, 'own', now)).toBe(true);
    await again.destroy();
  });
});
