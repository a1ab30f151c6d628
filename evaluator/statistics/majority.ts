/** @file From the votes on one pair and criterion to its outcome. */

/** 'a', 'b' or 'tie' by majority; 'split' when no choice has one; 'incomplete' below k votes. */
export type Decision = 'a' | 'b' | 'tie' | 'split' | 'incomplete';

/**
 * A majority is more than half of the votes. Without one nothing is decided: with three votes and ties allowed that is one vote
 * each way, with four also 2–1–1. Votes may be weighted.
 */
export function majority(a: number, b: number, tie: number): Exclude<Decision, 'incomplete'> {
  const half = (a + b + tie) / 2;
  if (a > half) return 'a';
  if (b > half) return 'b';
  return tie > half ? 'tie' : 'split';
}

/** @param votesPerPair k; fewer votes than this are incomplete */
export function decide(a: number, b: number, tie: number, votesPerPair: number): Decision {
  return a + b + tie < votesPerPair ? 'incomplete' : majority(a, b, tie);
}

/** What a decided pair is worth to A, undefined while it is incomplete. A split counts ½, like a tie, and is reported apart. */
export function points(decision: Decision): number | undefined {
  if (decision === 'incomplete') return undefined;
  return decision === 'a' ? 1 : decision === 'b' ? 0 : 0.5;
}
