/** @file Arrow: votes → tallies. For one criterion, the votes on each item and what they decide. */
import { decide, type Decision } from '../../evaluator/statistics/majority.ts';
import { outcomes, type VoteTable } from './vote-table.ts';

export interface ItemTally {
  item: number;
  a: number;
  b: number;
  tie: number;
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
  const counts = new Int32Array(votes.items.length * 3);
  for (let i = 0; i < votes.count; i++) {
    if (votes.criterion[i] === criterion) counts[votes.item[i]! * 3 + votes.outcome[i]!]!++;
  }
  return votes.items.map((_, item) => {
    const [a, b, tie] = [
      counts[item * 3 + outcomes.a]!,
      counts[item * 3 + outcomes.b]!,
      counts[item * 3 + outcomes.tie]!,
    ];
    return { item, a, b, tie, decision: decide(a, b, tie, votesPerPair) };
  });
}

export function tally(items: readonly ItemTally[]): Tally {
  const count = (decision: Decision) => items.reduce((sum, item) => sum + Number(item.decision === decision), 0);
  return { wins: count('a'), losses: count('b'), ties: count('tie'), split: count('split') };
}
