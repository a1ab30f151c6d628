/** @file How much of a job one worker takes at a time. */

/** A machine that goes away loses no more than this. */
const sliceSeconds = 60;
/** While nobody knows how long an item takes. */
const unknownRate = 32;

/** @param secondsPerItem of such jobs before; undefined when there were none @returns items, at most a twentieth of all */
export function sliceSize(total: number, secondsPerItem: number | undefined): number {
  const most = Math.max(1, Math.ceil(total / 20));
  const wanted = secondsPerItem === undefined ? unknownRate : Math.round(sliceSeconds / secondsPerItem);
  return Math.min(most, Math.max(1, wanted));
}

/** Lists of at most so many, in order. */
export function slicesOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
