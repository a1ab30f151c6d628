/**
 * @file Who an annotator is when no crowd platform says so: an id in a cookie that only the server reads. And the key that shows
 * that a connection is of the same browser as the first one, since anybody may know a participant's id.
 */
import { createHash, createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { parseCookie, stringifySetCookie } from 'cookie';
import type { Database } from '../../db/open.ts';
import { serverSecret } from '../../db/queries/sessions.ts';

const cookieName = 'visavis_annotator';
const keyCookieName = 'visavis_key';

export function participantOf(cookieHeader: string | undefined): string | undefined {
  return parseCookie(cookieHeader ?? '')[cookieName];
}

/** The key that the page has put into a cookie. */
export function keyOf(cookieHeader: string | undefined): string | undefined {
  return parseCookie(cookieHeader ?? '')[keyCookieName];
}

/** The hash of a secret that a browser made for itself; null for what is none: signed keys have dots in them. */
export function secretHashOf(key: string | undefined): string | null {
  return key !== undefined && /^[\w-]{32,}$/.test(key) ? createHash('sha256').update(key).digest('hex') : null;
}

/** A Set-Cookie value with a fresh id. */
export function freshParticipant(secure: boolean): string {
  return stringifySetCookie({
    name: cookieName,
    value: `anonymous-${randomUUID()}`,
    httpOnly: true,
    sameSite: 'lax',
    secure,
    path: '/',
    maxAge: 180 * 24 * 3600,
  });
}

/** Keys are signed, not stored: an annotator, since when it is theirs, and a signature. */
export class ParticipantKeys {
  readonly #secret: Buffer;

  private constructor(secret: Buffer) {
    this.#secret = secret;
  }

  static async open(db: Database): Promise<ParticipantKeys> {
    const secret = await serverSecret(db, 'participant', randomBytes(32).toString('base64url'));
    return new ParticipantKeys(Buffer.from(secret, 'base64url'));
  }

  /** @param since votes cast before, milliseconds since 1970, are not of who holds this key */
  issue(annotatorId: string, since: number): string {
    const signed = `${annotatorId}.${since}`;
    return `${signed}.${this.#sign(signed)}`;
  }

  /** Since when the key's holder is this annotator; undefined when the key is not theirs. */
  sinceOf(key: string | undefined, annotatorId: string): number | undefined {
    const [id, since, signature] = key?.split('.') ?? [];
    if (id !== annotatorId || since === undefined || signature === undefined) return undefined;
    const [expected, given] = [Buffer.from(this.#sign(`${id}.${since}`)), Buffer.from(signature)];
    return given.length === expected.length && timingSafeEqual(given, expected) ? Number(since) : undefined;
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }
}
