/** @file Arrow: votes → tallies. For one criterion, the votes on each item and what they decide. */
import { decide, type Decision } from '../statistics/majority.ts';
import { outcomes, sides, type VoteTable } from './vote-table.ts';

export interface ItemTally {
  item: number;
  a: number;
  b: number;
  tie: number;
  /** Votes for an image, not ties, of which the side is known; and those of them for the left one. */
  sided: number;
  left: number;
  decision: Decision;
}

/** Counts over items. "Wins" are items that the majority gives to A. */
export interface Tally {
  wins: number;
  losses: number;
  ties: number;
  split: number;
}

/** One entry an item, in the items' order. */
export function tallyItems(votes: VoteTable, criterion: number, votesPerPair: number): ItemTally[] {
  const width = 5;
  const counts = new Int32Array(votes.items.length * width);
  for (let i = 0; i < votes.count; i++) {
    if (votes.criterion[i] !== criterion) continue;
    const row = votes.item[i]! * width;
    const outcome = votes.outcome[i]!;
    counts[row + outcome]!++;
    const side = votes.sideOfA[i]!;
    if (side === sides.unknown || outcome === outcomes.tie) continue;
    counts[row + 3]!++;
    if ((outcome === outcomes.a) === (side === sides.left)) counts[row + 4]!++;
  }
  return votes.items.map((_, item) => {
    const [a, b, tie, sided, left] = counts.subarray(item * width, (item + 1) * width) as unknown as [
      number,
      number,
      number,
      number,
      number,
    ];
    return { item, a, b, tie, sided, left, decision: decide(a, b, tie, votesPerPair) };
  });
}

export function tally(items: readonly ItemTally[]): Tally {
  const counts = { a: 0, b: 0, tie: 0, split: 0, incomplete: 0 };
  for (const item of items) counts[item.decision] += 1;
  return { wins: counts.a, losses: counts.b, ties: counts.tie, split: counts.split };
}
