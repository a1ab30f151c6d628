/**
 * @file What follows from a study's votes, kept while the votes are the same array (db/queries/counted-votes.ts): whoever goes from
 * one page to another does not wait for the same numbers again. It goes with the array.
 */
import type { CountedVote } from '../../db/queries/counted-votes.ts';

const results = new WeakMap<readonly CountedVote[], Map<string, { from: readonly unknown[]; value: unknown }>>();

/**
 * @param what names the computation
 * @param from all that the result depends on beside the votes; compared with ===, so that values go in as JSON
 * @param compute must be pure; what it returns is shared and must not be changed
 */
export function keptWith<T>(
  votes: readonly CountedVote[],
  what: string,
  from: readonly unknown[],
  compute: () => T,
): T {
  let kept = results.get(votes);
  if (kept === undefined) results.set(votes, (kept = new Map()));
  const last = kept.get(what);
  if (last !== undefined && last.from.length === from.length && last.from.every((input, i) => input === from[i]))
    return last.value as T;
  const value = compute();
  kept.set(what, { from, value });
  return value;
}
