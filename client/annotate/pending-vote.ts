/** @file The vote that is being sent, kept until it is acknowledged: a reload or a crash in between loses nothing. */
import type { VoteInput } from '../../contract/annotate.ts';

const key = (token: string) => `visavis.pending.${token}`;

export function rememberVote(token: string, vote: VoteInput): void {
  try {
    localStorage.setItem(key(token), JSON.stringify(vote));
  } catch {
    // Private mode without storage: the vote is still sent, only a reload before the answer would lose it.
  }
}

export function forgetVote(token: string): void {
  try {
    localStorage.removeItem(key(token));
  } catch {
    // Nothing was stored.
  }
}

export function pendingVote(token: string): VoteInput | undefined {
  try {
    const text = localStorage.getItem(key(token));
    return text === null ? undefined : (JSON.parse(text) as VoteInput);
  } catch {
    return undefined;
  }
}
