/**
 * @file How often a reward model, or any judge, agrees with people's majority. Kirstain et al. (2023), arXiv:2305.01569,
 * evaluation: 1 where both say the same, ½ where exactly one says tie, 0 where they name different images.
 */
import { tango } from './tango.ts';
import type { Interval } from './wilson.ts';

export type Verdict = 'a' | 'b' | 'tie';

/** The judge's verdict from two scores: a tie when they differ by no more than the threshold. */
export function verdictOf(scoreA: number, scoreB: number, tieThreshold = 0): Verdict {
  if (Math.abs(scoreA - scoreB) <= tieThreshold) return 'tie';
  return scoreA > scoreB ? 'a' : 'b';
}

/** @returns null when there is no item to agree on */
export function agreement(
  pairs: readonly { people: Verdict; judge: Verdict }[],
): ({ value: number; n: number } & Interval) | null {
  const n = pairs.length;
  if (n === 0) return null;
  const count = (points: number) => pairs.filter(({ people, judge }) => pointsOf(people, judge) === points).length;
  const [agreed, halves, disagreed] = [count(1), count(0.5), count(0)];
  return { value: (agreed + halves / 2) / n, n, ...tango(agreed, halves, disagreed) };
}

function pointsOf(people: Verdict, judge: Verdict): number {
  if (people === judge) return 1;
  return people === 'tie' || judge === 'tie' ? 0.5 : 0;
}

/** The threshold, among those that change a verdict, under which judge and people agree most. */
export function bestTieThreshold(items: readonly { people: Verdict; scoreA: number; scoreB: number }[]): number {
  const candidates = [0, ...items.map(({ scoreA, scoreB }) => Math.abs(scoreA - scoreB))].sort((x, y) => x - y);
  let [best, most] = [0, -Infinity];
  for (const threshold of candidates) {
    const points = items.reduce((sum, i) => sum + pointsOf(i.people, verdictOf(i.scoreA, i.scoreB, threshold)), 0);
    if (points > most) [best, most] = [threshold, points];
  }
  return best;
}
