/** @file How well each reward says what people said, on the pairs of one study. */
import { agreement, verdictOf, type Verdict } from '../statistics/reward-agreement.ts';
import type { RewardReport } from '../../contract/report.ts';
import { median } from '../statistics/median.ts';
import type { Decision } from '../statistics/majority.ts';
import type { ItemTally } from './tallies.ts';
import type { VoteTable } from './vote-table.ts';
import { winRate } from './win-rate.ts';

export interface PairScore {
  reward: string;
  /** The pair's index among the study's. */
  position: number;
  scoreA: number;
  scoreB: number;
}
type Agreement = RewardReport['agreementWithPeople'];

/** @param tallies [criterion][pair] */
export function rewardReports(
  votes: VoteTable,
  tallies: readonly (readonly ItemTally[])[],
  scores: readonly PairScore[],
): RewardReport[] {
  return [...new Set(scores.map(({ reward }) => reward))].sort().map((reward) => {
    const own = scores.filter((score) => score.reward === reward);
    const byCriterion = votes.criteria.map((criterion, index) => {
      const judged = own.flatMap(({ position, scoreA, scoreB }) => {
        const people = majorityVerdict(tallies[index]![position]!.decision);
        if (people === undefined) return [];
        return [{ people, judge: verdictOf(scoreA, scoreB), category: votes.items[position]!.category }];
      });
      const categories = [...new Set(judged.map(({ category }) => category).filter((name) => name !== null))].sort();
      return {
        criterion,
        agreement: orWhy(judged),
        byCategory: categories.map((name) => ({ name, ...orWhy(judged.filter(({ category }) => category === name)) })),
      };
    });
    const main = byCriterion.find(({ criterion }) => criterion === 'general') ?? byCriterion[0];
    const verdicts = own.map(({ scoreA, scoreB }) => verdictOf(scoreA, scoreB));
    const count = (verdict: Verdict) => verdicts.filter((other) => other === verdict).length;
    return {
      reward,
      winRate: winRate({ wins: count('a'), losses: count('b'), ties: count('tie'), split: 0 }),
      medianA: median(own.map(({ scoreA }) => scoreA)),
      medianB: median(own.map(({ scoreB }) => scoreB)),
      agreementWithPeople: main?.agreement ?? orWhy([]),
      byCriterion,
    };
  });
}

/** A split is as little a preference as a tie. */
function majorityVerdict(decision: Decision): Verdict | undefined {
  if (decision === 'incomplete') return undefined;
  return decision === 'split' ? 'tie' : decision;
}

function orWhy(judged: readonly { people: Verdict; judge: Verdict }[]): Agreement {
  return (
    agreement(judged) ?? { value: null, low: null, high: null, n: 0, why: 'people have decided no scored pair yet' }
  );
}
