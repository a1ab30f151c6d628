/**
 * @file What a simulated annotator thinks. Each pair and criterion has a winner, A in a share w of the pairs (spread evenly
 * over the study's random order). Each vote is a tie with probability τ, else it names the winner with probability q. Majorities
 * of k then go to A at the asked rate:
 *
 *   P = w·M + (1 − w)(1 − M),   M = P(more than half name the winner) + ½ P(neither image has more than half)
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
  tieRate: number;
}

/** @throws ArgumentError when a rate is outside its bounds, or so many ties leave the win rate out of reach */
export function preferenceFor(winRate: number, votesPerPair: number, tieRate = 0): Preference {
  if (!(winRate >= 0 && winRate <= 1)) throw new ArgumentError(`The win rate is ${winRate}; it must be from 0 to 1.`);
  if (!(tieRate >= 0 && tieRate < 1))
    throw new ArgumentError(`The tie rate is ${tieRate}; it must be from 0 to below 1.`);
  let accuracy = usualAccuracy;
  const reachable = () => {
    const m = majorityRight(accuracy, votesPerPair, tieRate);
    return winRate >= 1 - m && winRate <= m;
  };
  while (accuracy < 1 && !reachable()) accuracy = Math.min(1, accuracy + 0.01);
  const m = majorityRight(accuracy, votesPerPair, tieRate);
  if (winRate < 1 - m - 1e-12 || winRate > m + 1e-12)
    throw new ArgumentError(
      `With ties in ${100 * tieRate} % of the votes no win rate above ${(100 * m).toFixed(1)} % or below ${(100 * (1 - m)).toFixed(1)} % can come out; ${100 * winRate} % was asked.`,
    );
  return { winnerIsA: Math.min(1, Math.max(0, (winRate - (1 - m)) / (2 * m - 1))), accuracy, tieRate };
}

/** M: what a pair is worth to its winner on average; a pair without a majority for either image is worth one half. */
export function majorityRight(q: number, k: number, tieRate = 0): number {
  const [right, wrong] = [(1 - tieRate) * q, (1 - tieRate) * (1 - q)];
  const logPower = (base: number, exponent: number) => (exponent === 0 ? 0 : exponent * Math.log(base));
  let [won, lost] = [0, 0];
  // P(exactly `count` of k do it) for more than half of them; both halves cannot.
  for (let count = Math.floor(k / 2) + 1; count <= k; count++) {
    const density = (p: number) => Math.exp(logChoose(k, count) + logPower(p, count) + logPower(1 - p, k - count));
    won += density(right);
    lost += density(wrong);
  }
  return won + (1 - won - lost) / 2;
}

export interface SimulatedPlace {
  seed: number;
  /** Index among the study's. */
  pairing?: number;
  /** Place among the pairing's pairs, from 0. */
  pair: number;
  criterion: string;
  seat: number;
}

/** What the annotator on this seat votes. Depends on the seed and the place alone: majorities come out the same whoever sat where. */
export function simulatedVote(
  { winnerIsA, accuracy, tieRate }: Preference,
  { seed, pairing = 0, pair, criterion, seat }: SimulatedPlace,
): 'a' | 'b' | 'tie' {
  const where = pairing === 0 ? [] : [`pairing ${pairing}`];
  if (tieRate > 0 && uniform(seed, 'tie', pair, criterion, seat, ...where) < tieRate) return 'tie';
  const winner = (uniform(seed, 'winner', criterion, ...where) + pair * goldenRatio) % 1 < winnerIsA;
  const right = uniform(seed, 'vote', pair, criterion, seat, ...where) < accuracy;
  return winner === right ? 'a' : 'b';
}

/** A number in [0, 1) from the words' hash. */
export function uniform(...words: (string | number)[]): number {
  return createHash('sha256').update(words.join('\u0000')).digest().readUInt32BE(0) / 2 ** 32;
}
