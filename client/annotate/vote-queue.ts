/**
 * @file Votes that the server has not acknowledged yet, in the order in which they were given, kept by the browser: a reload, a
 * closed tab or a crash in between loses nothing. Sent twice they count once, for each carries its own id.
 */
import { get, update } from 'idb-keyval';
import type { VoteInput } from '../../contract/annotate.ts';

export class VoteQueue {
  readonly #name: string;

  /** One queue for each link and participant. */
  constructor(token: string, participant: string | undefined) {
    this.#name = `visavis votes ${token} ${participant ?? ''}`;
  }

  /** What an earlier visit left. */
  async load(): Promise<VoteInput[]> {
    try {
      return (await get<VoteInput[]>(this.#name)) ?? [];
    } catch {
      // A browser without storage: votes are still sent, only a reload before the answer would lose them.
      return [];
    }
  }

  async add(vote: VoteInput): Promise<void> {
    await this.#change((votes) => [...votes, vote]);
  }

  async remove(voteId: string): Promise<void> {
    await this.#change((votes) => votes.filter((vote) => vote.voteId !== voteId));
  }

  async #change(change: (votes: VoteInput[]) => VoteInput[]): Promise<void> {
    try {
      await update<VoteInput[]>(this.#name, (votes) => change(votes ?? []));
    } catch {
      // As above.
    }
  }
}
