/** @file How long the rest will take: by this person's own pace, once there is one. */

/** Pairs before an estimate is given, and the newest ones that it rests on. */
const few = 3;
const newest = 20;

export class Pace {
  readonly #durations: number[] = [];
  #since: number | undefined;

  /** @param now as performance.now() */
  pairDone(now: number): void {
    if (this.#since !== undefined) {
      this.#durations.push(now - this.#since);
      if (this.#durations.length > newest) this.#durations.shift();
    }
    this.#since = now;
  }

  /** The time until the next pair is no work. */
  pause(): void {
    this.#since = undefined;
  }

  /** The median of the newest pairs' times, so that a telephone call is no pace; whole minutes, at least one. */
  minutesFor(pairs: number): number | undefined {
    if (this.#durations.length < few || pairs <= 0) return undefined;
    const sorted = [...this.#durations].sort((a, b) => a - b);
    const middle = (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
    return Math.max(1, Math.round((pairs * middle) / 60_000));
  }
}
