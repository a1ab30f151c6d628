/**
 * @file The key that shows this browser to be the one that began. Kept for each link and participant; the server's also in a
 * cookie, for where storage is forgotten between visits.
 */
import type { AnnotateSession } from '../../contract/annotate.ts';

const nameOf = (token: string, participant: string | undefined) => `visavis-key ${token} ${participant ?? ''}`;

/** Where storage is refused, as in some private windows. */
const unstored = new Map<string, string>();

/** The key that the server gave; before that a secret made here, so that the first answer may be lost. */
export function knownKey(token: string, participant: string | undefined): string {
  const name = nameOf(token, participant);
  const known = read(name);
  if (known !== undefined) return known;
  const secret = Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
  write(name, secret);
  return secret;
}

export function keepKey(token: string, participant: string | undefined, { key }: AnnotateSession): void {
  const isSecure = location.protocol === 'https:';
  // In a platform's frame a cookie is sent only if it is that platform's alone.
  const sent = window.top !== window && isSecure ? 'samesite=none; partitioned' : 'samesite=lax';
  const secure = isSecure ? '; secure' : '';
  document.cookie = `visavis_key=${key}; path=/; max-age=${180 * 24 * 3600}; ${sent}${secure}`;
  write(nameOf(token, participant), key);
}

function read(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? unstored.get(name);
  } catch {
    return unstored.get(name);
  }
}

function write(name: string, value: string): void {
  unstored.set(name, value);
  try {
    localStorage.setItem(name, value);
  } catch {
    // It lasts as long as this page, and the cookie is sent by itself.
  }
}
