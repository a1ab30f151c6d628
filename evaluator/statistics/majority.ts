/** @file From the votes on one pair and criterion to its outcome. */

/** 'a', 'b' or 'tie' by majority; 'split' when no choice leads; 'incomplete' below k votes. */
export type Decision = 'a' | 'b' | 'tie' | 'split' | 'incomplete';

/**
 * The choice with the most votes wins. When the lead is shared nothing is decided: with three votes and ties allowed
 * that is one vote each way. Votes may be weighted.
 */
export function majority(a: number, b: number, tie: number): Exclude<Decision, 'incomplete'> {
  if (a > b && a > tie) return 'a';
  if (b > a && b > tie) return 'b';
  return tie > a && tie > b ? 'tie' : 'split';
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
