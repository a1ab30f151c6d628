/**
 * @file Votes that the server has not acknowledged yet, in the order in which they were given, kept by the browser: a reload, a
 * closed tab or a crash in between loses nothing. Sent twice they count once, for each carries its own id.
 */
import { get, update } from 'idb-keyval';
import type { VoteInput } from '../../contract/annotate.ts';

/** Some browsers never answer when their storage is broken. */
const openWithinMs = 2000;

export class VoteQueue {
  readonly #name: string;

  /** One queue for each link and participant. */
  constructor(token: string, participant: string | undefined) {
    this.#name = `visavis votes ${token} ${participant ?? ''}`;
  }

  /**
   * What an earlier visit left.
   * @param late is told of it when the browser takes so long to open its storage that nobody should wait
   */
  async load(late: (votes: VoteInput[]) => void): Promise<VoteInput[]> {
    let isLate = false;
    const reading = get<VoteInput[]>(this.#name).then(
      (votes = []) => {
        if (isLate && votes.length > 0) late(votes);
        return votes;
      },
      // A browser without storage: votes are still sent, only a reload before the answer would lose them.
      () => [],
    );
    const waiting = new Promise<VoteInput[]>((resolve) => {
      setTimeout(() => {
        isLate = true;
        resolve([]);
      }, openWithinMs);
    });
    return Promise.race([reading, waiting]);
  }

  /** At the end, or in the place of the same vote as it was before. */
  async put(vote: VoteInput): Promise<void> {
    await this.#change((votes) => {
      const at = votes.findIndex(({ voteId }) => voteId === vote.voteId);
      return at < 0 ? [...votes, vote] : votes.map((each, i) => (i === at ? vote : each));
    });
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
