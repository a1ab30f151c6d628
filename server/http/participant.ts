/** @file Who an annotator is when no crowd platform says so: an id in a cookie that only the server reads. */
import { randomUUID } from 'node:crypto';
import { parseCookie, stringifySetCookie } from 'cookie';

const cookieName = 'visavis_annotator';

export function participantOf(cookieHeader: string | undefined): string | undefined {
  return parseCookie(cookieHeader ?? '')[cookieName];
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
