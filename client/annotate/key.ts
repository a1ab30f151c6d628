/**
 * @file The key that shows this browser to be the one that began. Kept for each link and participant, and in a cookie for where
 * storage is forgotten between visits.
 */
import type { AnnotateSession } from '../../contract/annotate.ts';

const nameOf = (token: string, participant: string | undefined) => `visavis-key ${token} ${participant ?? ''}`;

export function knownKey(token: string, participant: string | undefined): string | undefined {
  try {
    return localStorage.getItem(nameOf(token, participant)) ?? undefined;
  } catch {
    // Private windows may refuse storage; the cookie is sent by itself.
    return undefined;
  }
}

export function keepKey(token: string, participant: string | undefined, { key }: AnnotateSession): void {
  const secure = location.protocol === 'https:' ? '; secure' : '';
  document.cookie = `visavis_key=${key}; path=/; max-age=${180 * 24 * 3600}; samesite=lax${secure}`;
  try {
    localStorage.setItem(nameOf(token, participant), key);
  } catch {
    // As above.
  }
}
