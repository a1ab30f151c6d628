/**
 * @file What a simulated annotator thinks. Each pair and criterion has a winner, A in a share w of the pairs (spread evenly
 * over the study's random order); each vote names it with probability q. Majorities of k then go to A at the asked rate:
 *
 *   P = w·M(q) + (1 − w)(1 − M(q)),   M(q) = P(Binomial(k, q) > k/2) + ½ P(= k/2)
 *
 * q is 0.8 as long as that can reach P, so that annotators agree about as often as people do, and higher beyond.
 */
import { ArgumentError } from '../../evaluator/statistics/argument-error.ts';
import { createHash } from 'node:crypto';
import { logChoose } from '../../evaluator/statistics/special.ts';

const usualAccuracy = 0.8;
/** Its multiples fill [0, 1) evenly: a rehearsal shows the rate that was asked also with few pairs. */
const goldenRatio = (Math.sqrt(5) - 1) / 2;

export interface Preference {
  winnerIsA: number;
  accuracy: number;
}

/** @throws ArgumentError when the rate is outside 0 … 1 */
export function preferenceFor(winRate: number, votesPerPair: number): Preference {
  if (!(winRate >= 0 && winRate <= 1)) throw new ArgumentError(`The win rate is ${winRate}; it must be from 0 to 1.`);
  let accuracy = usualAccuracy;
  const reachable = () => {
    const m = majorityRight(accuracy, votesPerPair);
    return winRate >= 1 - m && winRate <= m;
  };
  while (accuracy < 1 && !reachable()) accuracy = Math.min(1, accuracy + 0.01);
  const m = majorityRight(accuracy, votesPerPair);
  return { winnerIsA: (winRate - (1 - m)) / (2 * m - 1), accuracy };
}

/** M(q): the share of pairs whose majority names the winner; an even split is worth one half. */
export function majorityRight(q: number, k: number): number {
  let sum = 0;
  for (let right = 0; right <= k; right++) {
    const density =
      q === 1
        ? Number(right === k)
        : Math.exp(logChoose(k, right) + right * Math.log(q) + (k - right) * Math.log1p(-q));
    if (2 * right > k) sum += density;
    else if (2 * right === k) sum += density / 2;
  }
  return sum;
}

/** Does the annotator on this seat vote for A? Depends on the seed and the place alone: majorities come out the same whoever sat where. */
export function votesForA(
  { winnerIsA, accuracy }: Preference,
  { seed, pair, criterion, seat }: { seed: number; pair: number; criterion: string; seat: number },
): boolean {
  const winner = (uniform(seed, 'winner', criterion) + pair * goldenRatio) % 1 < winnerIsA;
  const right = uniform(seed, 'vote', pair, criterion, seat) < accuracy;
  return winner === right;
}

/** A number in [0, 1) from the words' hash. */
export function uniform(...words: (string | number)[]): number {
  return createHash('sha256').update(words.join('\u0000')).digest().readUInt32BE(0) / 2 ** 32;
}
