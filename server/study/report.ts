/**
 * @file Arrow: tallies → report. One code path for our own studies and for anybody's votes: pure, and the same bytes for
 * the same votes.
 */
import { signTest } from '../../evaluator/statistics/binomial-test.ts';
import { wilson } from '../../evaluator/statistics/wilson.ts';
import type { CriterionReport, Report, Slice, WinRate } from '../contract/report.ts';
import { tally, tallyItems, type ItemTally, type Tally } from './tallies.ts';
import type { Item, VoteTable } from './vote-table.ts';

export interface ReportInput {
  study: string;
  modelA: string;
  modelB: string;
  simulated: boolean;
  votesPerPair: number;
  votes: VoteTable;
}

export function buildReport(input: ReportInput): Report {
  return {
    study: input.study,
    modelA: input.modelA,
    modelB: input.modelB,
    simulated: input.simulated,
    votesPerPair: input.votesPerPair,
    criteria: input.votes.criteria.map((_, index) => criterionReport(input, index)),
  };
}

function criterionReport({ votes, votesPerPair }: ReportInput, index: number): CriterionReport {
  const items = tallyItems(votes, index, votesPerPair);
  const total = tally(items);
  const decided = total.wins + total.losses + total.ties + total.split;
  const cast = (choice: 'a' | 'b' | 'tie') => items.reduce((sum, item) => sum + item[choice], 0);
  const [a, b, tie] = [cast('a'), cast('b'), cast('tie')];
  return {
    criterion: votes.criteria[index]!,
    pairs: items.length,
    decided,
    incomplete: items.length - decided,
    ...total,
    winRate: winRate(total),
    winRateNoTies: winRateNoTies(total),
    signTest: signTestOf(total),
    votes: {
      a,
      b,
      tie,
      ...(a + b + tie > 0 ? { shareA: (a + tie / 2) / (a + b + tie) } : { shareA: null, why: 'no votes yet' }),
    },
    byCategory: slices(items, votes.items, (item) => item.category),
    byChallenge: slices(items, votes.items, (item) => item.challenge),
  };
}

/** (W + T/2) / N over decided pairs; a split counts ½ as a tie does. */
export function winRate({ wins, losses, ties, split }: Tally): WinRate {
  const n = wins + losses + ties + split;
  return proportion(wins + (ties + split) / 2, n, '(W+T/2)/N', 'no pair is decided yet');
}

export function winRateNoTies({ wins, losses }: Tally): WinRate {
  return proportion(wins, wins + losses, 'W/(W+L)', 'no pair was won or lost');
}

function proportion(successes: number, n: number, rule: string, why: string): WinRate {
  if (n === 0) return { value: null, low: null, high: null, n, rule, method: 'wilson', why };
  return { value: successes / n, ...wilson(successes, n), n, rule, method: 'wilson' };
}

function signTestOf({ wins, losses }: Tally): { p: number | null; why?: string } {
  return wins + losses === 0 ? { p: null, why: 'no pair was won or lost' } : { p: signTest(wins, losses) };
}

/** One slice a value, alphabetical; items without the field are in none. */
function slices(tallies: readonly ItemTally[], items: readonly Item[], field: (item: Item) => string | null): Slice[] {
  const groups = new Map<string, ItemTally[]>();
  for (const entry of tallies) {
    const name = field(items[entry.item]!);
    if (name === null) continue;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [entry]);
    else group.push(entry);
  }
  return [...groups]
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([name, group]) => {
      const counts = tally(group);
      return { name, ...counts, winRate: winRate(counts), p: signTestOf(counts).p };
    });
}
