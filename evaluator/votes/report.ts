/**
 * @file Arrow: tallies → report. One code path for our own studies and for imported votes: pure, and the same bytes for
 * the same votes and seed.
 */
import { signTest } from '../statistics/binomial-test.ts';
import { breakdown, verdictOf } from '../statistics/breakdown.ts';
import { holm } from '../statistics/holm.ts';
import { alphaOf } from '../statistics/krippendorff-alpha.ts';
import { majority, points } from '../statistics/majority.ts';
import { mcnemarExact } from '../statistics/mcnemar.ts';
import { detectableWinRate } from '../statistics/power.ts';
import { confidenceSequence, eValue } from '../statistics/sequential.ts';
import { stratifiedProportion, type Stratum } from '../statistics/stratified.ts';
import { scoreTest } from '../statistics/tango.ts';
import { twoWayMean } from '../statistics/two-way.ts';
import { orNull, wilson, type Interval } from '../statistics/wilson.ts';
import type { AnnotatorReport, CriterionReport, Report, Slice } from '../../contract/report.ts';
import { coincidencesOf, kappaOfItems, nominal, promptIntervals } from './intervals.ts';
import { rewardReports, type OtherScore, type PairScore } from './reward-reports.ts';
import { median } from '../statistics/median.ts';
import { tally, tallyItems, type ItemTally, type Tally } from './tallies.ts';
import { winRate, winRateNoTies } from './win-rate.ts';
import { outcomes, type Item, type VoteTable } from './vote-table.ts';

export interface ReportInput {
  study: string;
  modelA: string;
  modelB: string;
  simulated: boolean;
  /** k: of every criterion, or of each in the votes' order. */
  votesPerPair: number | readonly number[];
  votes: VoteTable;
  /** The criterion that a plan tests alone; the others are corrected without it. */
  primary?: string | undefined;
  /** Scores of the pairs' images, where rewards have scored both. */
  scores?: readonly PairScore[];
  /** Scores of pairs of the same prompt set that are not in the study. */
  otherScores?: readonly OtherScore[];
  /** Of the bootstraps. */
  seed?: number;
}

const resamples = 2000;

export function buildReport(input: ReportInput): Report {
  const { votes, seed = 0 } = input;
  const needed = votes.criteria.map((_, i) =>
    typeof input.votesPerPair === 'number' ? input.votesPerPair : input.votesPerPair[i]!,
  );
  const tallies = votes.criteria.map((_, index) => tallyItems(votes, index, needed[index]!));
  const criteria = tallies.map((items, index) => criterionReport(votes, index, items, needed[index]!, seed));
  const primary = criteria.find(({ criterion }) => criterion === input.primary);
  if (primary !== undefined) primary.signTest.pHolm = primary.signTest.pScore;
  const family = criteria.filter((row) => row !== primary);
  holm(family.map(({ signTest }) => signTest.pScore)).forEach((p, i) => (family[i]!.signTest.pHolm = p));
  return {
    study: input.study,
    modelA: input.modelA,
    modelB: input.modelB,
    simulated: input.simulated,
    votesPerPair: typeof input.votesPerPair === 'number' ? input.votesPerPair : Math.max(...needed),
    criteria,
    comparisons: compareCriteria(votes.criteria, tallies),
    annotators: annotatorReports(votes, tallies),
    rewards: rewardReports(votes, tallies, input.scores ?? [], input.otherScores ?? []),
  };
}

function criterionReport(
  votes: VoteTable,
  index: number,
  items: readonly ItemTally[],
  votesPerPair: number,
  seed: number,
): CriterionReport {
  const total = tally(items);
  const decided = total.wins + total.losses + total.ties + total.split;
  const sum = (count: (item: ItemTally) => number) => items.reduce((n, item) => n + count(item), 0);
  const [a, b, tie] = [sum((item) => item.a), sum((item) => item.b), sum((item) => item.tie)];
  const intervals = promptIntervals(items, votesPerPair, { resamples, seed });
  return {
    criterion: votes.criteria[index]!,
    votesPerPair,
    pairs: items.length,
    decided,
    incomplete: items.length - decided,
    ...total,
    winRate: winRate(total),
    winRateNoTies: winRateNoTies(total),
    winRateWeighted: winRateWeighted(items, votes.items),
    bootstrap: {
      ...orNull(intervals.winRate),
      resamples,
      seed,
      unit: 'prompt',
      method: 'percentile',
      bca: orNull(intervals.winRateBca),
      ...(intervals.winRate === null ? { why: 'no pair is decided yet' } : {}),
    },
    otherPeople: otherPeopleOf(votes, index),
    signTest: signTestOf(total),
    breakdown: breakdownOf(items, total),
    evidence: evidenceOf(total),
    detectableWinRate:
      total.wins + total.losses === 0
        ? null
        : detectableWinRate(total.wins + total.losses, { power: 0.8, alpha: 0.05, tieRate: 0 }),
    votes: {
      a,
      b,
      tie,
      ...(votes.bothBad === undefined
        ? {}
        : { bothBad: votes.bothBad.filter((i) => votes.criterion[i] === index).length }),
      ...(a + b + tie > 0 ? { shareA: (a + tie / 2) / (a + b + tie) } : { shareA: null, why: 'no votes yet' }),
    },
    agreement: agreementOf(items, votesPerPair, intervals),
    sideBias: sideBiasOf(items, intervals.leftShare),
    byCategory: slices(items, votes.items, (item) => item.category),
    byChallenge: slices(items, votes.items, (item) => item.challenge),
  };
}

/** For the whole prompt set, where the study's sample took some prompts more than others; null where it did not. */
function winRateWeighted(tallies: readonly ItemTally[], items: readonly Item[]): CriterionReport['winRateWeighted'] {
  const strata = new Map<number, Stratum>();
  for (const entry of tallies) {
    const weight = items[entry.item]!.weight ?? null;
    if (weight === null) return null;
    const stratum = strata.get(weight) ?? { size: 0, n: 0, points: 0, squares: 0 };
    stratum.size += weight;
    const worth = points(entry.decision);
    if (worth !== undefined) {
      stratum.n += 1;
      stratum.points += worth;
      stratum.squares! += worth ** 2;
    }
    strata.set(weight, stratum);
  }
  if (strata.size === 0) return null;
  const estimate = stratifiedProportion([...strata].sort(([x], [y]) => x - y).map(([, stratum]) => stratum));
  const named = { rule: 'Σ Wₕ (W+T/2)/N', method: 'stratified, Wilson at the effective n', strata: strata.size };
  if (estimate === null) {
    return {
      value: null,
      low: null,
      high: null,
      effectiveN: null,
      ...named,
      why: 'a part of the sample has no decided pair yet',
    };
  }
  const { value, low, high, effectiveN } = estimate;
  return { value, low, high, effectiveN, ...named };
}

function signTestOf({ wins, losses }: Tally): CriterionReport['signTest'] {
  if (wins + losses === 0) return { p: null, pScore: null, pHolm: null, why: 'no pair was won or lost' };
  const [p, pScore] = [signTest(wins, losses), scoreTest(wins, losses)];
  // The verdict goes with the interval.
  const differ =
    p < 0.05 === pScore < 0.05
      ? {}
      : {
          note: `the exact sign test says otherwise at 5 %: its p is ${p.toPrecision(2)}, the score test's ${pScore.toPrecision(2)}`,
        };
  return { p, pScore, pHolm: null, ...differ };
}

/** Prompts and annotators are both a sample: what other people might have said of other prompts. */
function otherPeopleOf(votes: VoteTable, criterion: number): CriterionReport['otherPeople'] {
  const shares = [1, 0, 0.5] as const;
  const values = new Float64Array(votes.count);
  const [items, annotators] = [new Int32Array(votes.count), new Int32Array(votes.count)];
  let n = 0;
  for (let i = 0; i < votes.count; i++) {
    if (votes.criterion[i] !== criterion) continue;
    values[n] = shares[votes.outcome[i]!]!;
    items[n] = votes.item[i]!;
    annotators[n] = votes.annotator[i]!;
    n += 1;
  }
  const found = twoWayMean(values.subarray(0, n), items.subarray(0, n), annotators.subarray(0, n));
  const method = 'two-way clustered, Student';
  const undefinedYet = { value: null, low: null, high: null, degreesOfFreedom: null, components: null };
  if (found === null) return { ...undefinedYet, method, says: '', why: 'it needs two prompts and two annotators' };
  const { narrower, ...numbers } = found;
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  return {
    ...numbers,
    method,
    says: `Twice as many prompts would narrow this interval by ${percent(narrower.twicePrompts)}, twice as many votes a pair, by other people, by ${percent(narrower.twiceVotes)}.`,
  };
}

function breakdownOf(items: readonly ItemTally[], { wins, losses }: Tally): CriterionReport['breakdown'] {
  const decided = items.filter(({ decision }) => decision !== 'incomplete');
  const votes = breakdown(decided);
  const of = decided.reduce((sum, { a, b, tie }) => sum + a + b + tie, 0);
  const why = votes === null ? { why: 'no change of votes turns it: there are too few pairs' } : {};
  return { votes, of, verdict: verdictOf(wins, losses), ...why };
}

function evidenceOf({ wins, losses }: Tally): CriterionReport['evidence'] {
  const value = eValue(wins, losses);
  const leader = wins > losses ? 'A' : 'B';
  const says =
    value >= 20
      ? `${leader} wins more pairs; this may be said at the 5 % level however often the study was watched`
      : 'no difference may be claimed yet if the study was watched while it ran';
  return { eValue: value, ...confidenceSequence(wins, losses), n: wins + losses, says };
}

function agreementOf(
  items: readonly ItemTally[],
  votesPerPair: number,
  intervals: { fleissKappa: Interval | null; krippendorffAlpha: Interval | null },
): CriterionReport['agreement'] {
  const kappa = kappaOfItems(items, votesPerPair);
  const alpha = alphaOf(coincidencesOf(items), nominal);
  const complete = items.filter((item) => item.decision !== 'incomplete' && item.a + item.b + item.tie > 1);
  const unanimous = complete.filter((item) => Math.max(item.a, item.b, item.tie) === item.a + item.b + item.tie);
  const why = kappa.why ?? alpha.why;
  return {
    fleissKappa: kappa.value,
    fleissKappaInterval: orNull(kappa.value === null ? null : intervals.fleissKappa),
    krippendorffAlpha: alpha.value,
    krippendorffAlphaInterval: orNull(alpha.value === null ? null : intervals.krippendorffAlpha),
    unanimous: complete.length === 0 ? null : unanimous.length / complete.length,
    ...(why === undefined ? {} : { why }),
  };
}

/** Share of votes for the left image; its interval is over prompts, whose votes depend on one another. */
function sideBiasOf(items: readonly ItemTally[], interval: Interval | null): CriterionReport['sideBias'] {
  const n = items.reduce((sum, item) => sum + item.sided, 0);
  if (n === 0) return { leftShare: null, low: null, high: null, n, why: 'no vote has a side on record' };
  const leftShare = items.reduce((sum, item) => sum + item.left, 0) / n;
  // Where all say the same the draws do too; the prompts then bound it.
  const prompts = items.filter((item) => item.sided > 0).length;
  const degenerate = interval !== null && interval.low === interval.high;
  return { leftShare, ...orNull(degenerate ? wilson(leftShare * prompts, prompts) : interval), n };
}

/** One slice a value, alphabetical; items without the field are in none. Holm's correction over the slices of one kind. */
function slices(tallies: readonly ItemTally[], items: readonly Item[], field: (item: Item) => string | null): Slice[] {
  const groups = new Map<string, ItemTally[]>();
  for (const entry of tallies) {
    const name = field(items[entry.item]!);
    if (name === null) continue;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [entry]);
    else group.push(entry);
  }
  const rows = [...groups]
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([name, group]) => {
      const counts = tally(group);
      const { p, pScore } = signTestOf(counts);
      return { name, ...counts, winRate: winRate(counts), p, pScore };
    });
  const corrected = holm(rows.map((row) => row.p));
  const scores = holm(rows.map((row) => row.pScore));
  return rows.map((row, i) => ({ ...row, pHolm: corrected[i]!, pScoreHolm: scores[i]! }));
}

function compareCriteria(names: readonly string[], tallies: readonly (readonly ItemTally[])[]): Report['comparisons'] {
  return names.flatMap((first, x) =>
    names.slice(x + 1).map((second, offset) => {
      const [left, right] = [tallies[x]!, tallies[x + 1 + offset]!];
      const both = left.map((item, i) => [item.decision, right[i]!.decision] as const);
      const onlyFirst = both.filter(([f, s]) => f === 'a' && s === 'b').length;
      const onlySecond = both.filter(([f, s]) => f === 'b' && s === 'a').length;
      const compared = both.some(([f, s]) => (f === 'a' || f === 'b') && (s === 'a' || s === 'b'));
      return {
        criteria: [first, second] as [string, string],
        onlyFirst,
        onlySecond,
        p: compared ? mcnemarExact(onlyFirst, onlySecond) : null,
      };
    }),
  );
}

/** In the order of their names, so that the order of the votes does not matter. */
function annotatorReports(votes: VoteTable, tallies: readonly (readonly ItemTally[])[]): AnnotatorReport[] {
  const people = votes.annotators.map(() => ({ votes: 0, judged: 0, agreed: 0, times: [] as number[] }));
  for (let i = 0; i < votes.count; i++) {
    const person = people[votes.annotator[i]!]!;
    person.votes += 1;
    const { a, b, tie } = tallies[votes.criterion[i]!]![votes.item[i]!]!;
    const own = votes.outcome[i]!;
    // What the others say: with the own vote in it everybody would agree with themselves.
    const others = [a, b, tie].map((count, outcome) => count - Number(outcome === own)) as [number, number, number];
    const said = others[0] + others[1] + others[2] === 0 ? 'split' : majority(...others);
    if (said !== 'split') {
      person.judged += 1;
      if (own === outcomes[said]) person.agreed += 1;
    }
    const time = votes.responseTimeMs[i]!;
    if (!Number.isNaN(time)) person.times.push(time);
  }
  return people
    .map((person, i) => ({
      id: votes.annotators[i]!,
      votes: person.votes,
      medianResponseTimeMs: median(person.times),
      agreementWithMajority: person.judged === 0 ? null : person.agreed / person.judged,
      excluded: false,
    }))
    .filter((person) => person.votes > 0)
    .sort((x, y) => (x.id < y.id ? -1 : 1));
}
