/** @file From the votes on one pair and criterion to its outcome. */

/** 'a', 'b' or 'tie' by majority; 'split' when no choice leads; 'incomplete' below k votes. */
export type Decision = 'a' | 'b' | 'tie' | 'split' | 'incomplete';

/**
 * The choice with the most votes wins. When the lead is shared nothing is decided: with three votes and ties allowed
 * that is one vote each way. A split counts ½ in a win rate, like a tie, and is reported apart.
 * @param votesPerPair k; fewer votes than this are incomplete
 */
export function decide(a: number, b: number, tie: number, votesPerPair: number): Decision {
  if (a + b + tie < votesPerPair) return 'incomplete';
  const lead = Math.max(a, b, tie);
  const leaders = Number(a === lead) + Number(b === lead) + Number(tie === lead);
  if (leaders > 1) return 'split';
  return a === lead ? 'a' : b === lead ? 'b' : 'tie';
}
