/** @file How well each reward says what people said, on the pairs of one study. */
import { points } from '../statistics/majority.ts';
import { predictionPowered } from '../statistics/prediction-powered.ts';
import { agreement, verdictOf, type Verdict } from '../statistics/reward-agreement.ts';
import type { RewardReport } from '../../contract/report.ts';
import { median } from '../statistics/median.ts';
import type { Decision } from '../statistics/majority.ts';
import { tally, type ItemTally } from './tallies.ts';
import type { VoteTable } from './vote-table.ts';
import { winRate } from './win-rate.ts';

export interface PairScore {
  reward: string;
  /** The pair's index among the study's. */
  position: number;
  scoreA: number;
  scoreB: number;
}
/** Scores of both images of a pair that is not in the study. */
export type OtherScore = Omit<PairScore, 'position'>;
type Agreement = RewardReport['agreementWithPeople'];

/** @param tallies [criterion][pair] @param others of pairs of the prompt set that the study's sample left out */
export function rewardReports(
  votes: VoteTable,
  tallies: readonly (readonly ItemTally[])[],
  scores: readonly PairScore[],
  others: readonly OtherScore[],
): RewardReport[] {
  return [...new Set(scores.map(({ reward }) => reward))].sort().map((reward) => {
    const own = scores.filter((score) => score.reward === reward);
    const outside = others.filter((score) => score.reward === reward).map(verdictPoints);
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
        byDifference: byDifferenceOf(tallies[index]!, own),
        predictionPowered: predictionPoweredOf(votes, tallies[index]!, own, outside),
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

const verdictPoints = ({ scoreA, scoreB }: OtherScore) => ({ a: 1, b: 0, tie: 0.5 })[verdictOf(scoreA, scoreB)];

const mostGroups = 10;
const leastPairs = 10;

/** Does a larger difference of scores mean more? Equally many decided pairs a group, from those of B to those of A. */
function byDifferenceOf(
  tallies: readonly ItemTally[],
  scores: readonly PairScore[],
): RewardReport['byCriterion'][number]['byDifference'] {
  const decided = scores
    .filter(({ position }) => tallies[position]!.decision !== 'incomplete')
    .map(({ position, scoreA, scoreB }) => ({ position, difference: scoreA - scoreB }))
    .sort((x, y) => x.difference - y.difference || x.position - y.position);
  const groups = Math.min(mostGroups, Math.floor(decided.length / leastPairs));
  return Array.from({ length: groups }, (_, group) => {
    const own = decided.slice(
      Math.round((group * decided.length) / groups),
      Math.round(((group + 1) * decided.length) / groups),
    );
    return {
      difference: own.reduce((sum, { difference }) => sum + difference, 0) / own.length,
      winRate: winRate(tally(own.map(({ position }) => tallies[position]!))),
    };
  });
}

/** People's majorities where there are any, the reward's verdicts elsewhere. */
function predictionPoweredOf(
  votes: VoteTable,
  tallies: readonly ItemTally[],
  scores: readonly PairScore[],
  outside: readonly number[],
): RewardReport['byCriterion'][number]['predictionPowered'] {
  const rows = scores.map((score) => ({ y: points(tallies[score.position]!.decision), f: verdictPoints(score) }));
  const labelled = rows.flatMap(({ y, f }) => (y === undefined ? [] : [{ y, f }]));
  const open = [...rows.flatMap(({ y, f }) => (y === undefined ? [f] : [])), ...outside];
  const counts = { n: labelled.length, others: open.length };
  const none = (why: string) => ({
    ...{ value: null, low: null, high: null, lambda: null, worth: null },
    ...counts,
    says: `The reward adds nothing to the votes: ${why}.`,
    why,
  });
  if (open.length < 2) return none('it has scored no pairs without votes');
  if (votes.items.some(({ weight }) => weight != null)) return none('the sample took some prompts more than others');
  const found = predictionPowered(labelled, open);
  if (labelled.length < 2) return none('too little is decided');
  if (found === null) return none('what people say does not vary, or follows the reward in everything');
  const { value, low, high, lambda, effectiveN } = found;
  const worth = Math.max(0, effectiveN - labelled.length);
  const pairs = Math.round(worth);
  const says =
    pairs === 0
      ? 'The reward adds nothing to the votes: it says too little of what people say.'
      : `Its scores of ${open.length} pairs without votes are worth ${pairs} more decided ${pairs === 1 ? 'pair' : 'pairs'}.`;
  return { value, low, high, ...counts, lambda, worth, says };
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
