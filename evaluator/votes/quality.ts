/**
 * @file How each annotator worked, as far as it can be told without knowing what they like. Pure.
 *
 * A suggestion to leave somebody out rests on three things that have nothing to do with taste: pairs whose answer is known, pairs
 * that came again, and time. Each is a one-sided exact test (Clopper & Pearson 1934) whose level is the rule's share of false
 * alarms, divided by the number of tests in use: whoever is as good as the bar says is named with at most that probability.
 * Agreement with the others and Dawid & Skene's reliability are told and never a ground: they would take out those who like
 * something else, and make every result larger.
 */
import type { ExclusionRule } from '../../contract/plan.ts';
import type { AnnotatorQuality, Quality } from '../../contract/quality.ts';
import { clopperPearson } from '../statistics/clopper-pearson.ts';
import { binomialTest } from '../statistics/binomial-test.ts';
import { dawidSkene } from '../statistics/dawid-skene.ts';
import { groupBy } from '../statistics/group-by.ts';
import { median } from '../statistics/median.ts';
import { wilson } from '../statistics/wilson.ts';
import { outcomes } from './vote-table.ts';

/** One vote that counts. */
export interface Conduct {
  annotator: string;
  /** The pair's position. */
  pair: number;
  criterion: string;
  choice: 'left' | 'right' | 'tie';
  /** What was chosen, whichever side it was on. */
  outcome: 'a' | 'b' | 'tie';
  responseTimeMs: number;
  createdAt: number;
}

/** Of one annotator: checks that were passed. A check with several questions is one, passed when most of them are. */
export interface Passed {
  gold: { right: number; n: number };
  repeats: { right: number; n: number };
}

/** Where a study's plan has no rule: what is suggested is then no more than a hint. */
export const usualRule = { gold: 0.8, repeats: 0.6, fast: 1 / 3, falseAlarms: 0.01 } satisfies ExclusionRule;

/** A person's time course is drawn with so many points at most. */
const coursePoints = 24;

/**
 * @param reliability as `reliabilities` has it, which takes seconds at tens of thousands of votes
 * @returns the annotators, those who are suggested first, then by name
 */
export function qualityOf(
  votes: readonly Conduct[],
  checks: ReadonlyMap<string, Passed>,
  rule: ExclusionRule = usualRule,
  reliability: ReadonlyMap<string, number> = new Map(),
): Pick<Quality, 'medianMs' | 'fastMs'> & { annotators: AnnotatorQuality[] } {
  const people = groupBy(votes, ({ annotator }) => annotator);
  for (const own of people.values()) own.sort((x, y) => x.createdAt - y.createdAt);
  const medianMs = median([...people.values()].flatMap((own) => medianTime(own) ?? []));
  const fastMs = medianMs === null ? null : medianMs * (rule.fast ?? usualRule.fast);
  const confirmed = agreements(votes);
  const ids = [...new Set([...people.keys(), ...checks.keys()])].sort((x, y) => (x < y ? -1 : 1));
  const annotators = ids.map((id): AnnotatorQuality => {
    const own = people.get(id) ?? [];
    const { gold, repeats } = checks.get(id) ?? { gold: none, repeats: none };
    // A person's answers to one pair are no independent trials: every test counts pairs.
    const pairs = pairsOf(own);
    const fast = { right: pairs.filter(({ ms }) => ms < (fastMs ?? 0)).length, n: pairs.length };
    const sides = pairs.flatMap(({ side }) => side ?? []);
    const left = { right: sides.filter((side) => side === 'left').length, n: sides.length };
    return {
      id,
      votes: own.length,
      gold: rate(gold),
      repeats: rate(repeats),
      medianMs: medianTime(own),
      fast: rate(fast),
      left: left.n === 0 ? null : { ...rate(left)!, p: binomialTest(left.right, left.n) },
      longestRun: runOf(sides),
      agreement: rate(confirmed.get(id) ?? none),
      reliability: reliability.get(id) ?? null,
      course: courseOf(own),
      suggestion: suggestionFor({ gold, repeats, fast }, rule),
    };
  });
  const isFine = ({ suggestion }: AnnotatorQuality) => (suggestion === null ? 1 : 0);
  annotators.sort((x, y) => isFine(x) - isFine(y));
  return { annotators, medianMs, fastMs };
}

/** Somebody's pairs in their order: the side that most of the answers are for, and the median time of an answer. */
function pairsOf(own: readonly Conduct[]): { side: 'left' | 'right' | undefined; ms: number }[] {
  return [...groupBy(own, ({ pair }) => pair).values()].map((votes) => {
    const balance = votes.reduce((sum, { choice }) => sum + (choice === 'left' ? 1 : choice === 'right' ? -1 : 0), 0);
    return { side: balance === 0 ? undefined : balance > 0 ? 'left' : 'right', ms: medianTime(votes)! };
  });
}

interface Count {
  right: number;
  n: number;
}
const none: Count = { right: 0, n: 0 };

const rate = ({ right, n }: Count) => (n === 0 ? null : { value: right / n, ...wilson(right, n), n });
const medianTime = (votes: readonly Conduct[]) => median(votes.map(({ responseTimeMs }) => responseTimeMs));

/** The rule's sentence on somebody; null when it names nobody. */
export function suggestionFor(
  { gold, repeats, fast }: { gold: Count; repeats: Count; fast: Count },
  rule: ExclusionRule,
): string | null {
  const tests = (['gold', 'repeats', 'fast'] as const).filter((name) => rule[name] !== undefined);
  const level = 1 - (2 * (rule.falseAlarms ?? usualRule.falseAlarms)) / tests.length;
  const reasons: string[] = [];
  const below = ({ right, n }: Count, bar: number | undefined, what: string) => {
    if (bar !== undefined && n > 0 && clopperPearson(right, n, level).high < bar)
      reasons.push(`${right} of ${n} ${what}, shown to be below ${percent(bar)}`);
  };
  below(gold, rule.gold, 'gold pairs right');
  below(repeats, rule.repeats, 'repeated pairs answered alike');
  if (rule.fast !== undefined && fast.n > 0 && clopperPearson(fast.right, fast.n, level).low > 0.5)
    reasons.push(`${fast.right} of ${fast.n} pairs answered in less than ${percent(rule.fast)} of the usual time`);
  return reasons.length === 0 ? null : reasons.join('; ');
}

const percent = (share: number) => `${Math.round(1000 * share) / 10} %`;

export function ruleInWords({ gold, repeats, fast, falseAlarms = usualRule.falseAlarms }: ExclusionRule): string {
  const parts = [
    ...(gold === undefined ? [] : [`fewer than ${percent(gold)} of the gold pairs right`]),
    ...(repeats === undefined ? [] : [`fewer than ${percent(repeats)} of the repeated pairs answered alike`]),
    ...(fast === undefined ? [] : [`most pairs answered in less than ${percent(fast)} of the usual time`]),
  ];
  return `Left out is who is shown to have ${parts.join(', or ')}; whoever is as good as that is named with a probability of ${percent(falseAlarms)} at most.`;
}

/**
 * The longest run of pairs for one side, and the probability of one at least as long in as many fair throws of a coin.
 * @param sides in the order of the votes
 */
function runOf(sides: readonly string[]): AnnotatorQuality['longestRun'] {
  if (sides.length === 0) return null;
  let [longest, current] = [1, 1];
  for (let i = 1; i < sides.length; i++) {
    current = sides[i] === sides[i - 1] ? current + 1 : 1;
    longest = Math.max(longest, current);
  }
  return { length: longest, n: sides.length, p: runAtLeast(longest, sides.length) };
}

/**
 * P(some run of equal throws has at least this length in n throws). The throws after the first are equal to the one before or not,
 * with probability ½ each: a run of r is r − 1 equals in a row. By the state's distribution: how many equals the last run has.
 */
export function runAtLeast(length: number, n: number): number {
  if (length <= 1) return n > 0 ? 1 : 0;
  let state = new Float64Array(length - 1);
  state[0] = 1;
  let reached = 0;
  for (let throws = 1; throws < n; throws++) {
    const next = new Float64Array(length - 1);
    for (let equals = 0; equals < length - 1; equals++) {
      next[0]! += state[equals]! / 2;
      if (equals + 1 === length - 1) reached += state[equals]! / 2;
      else next[equals + 1]! += state[equals]! / 2;
    }
    state = next;
  }
  return Math.min(1, reached);
}

/** Each vote's item, a criterion of a pair; items are numbered in the order of the pairs. */
interface Items {
  of: Int32Array;
  count: number;
}

function itemsOf(votes: readonly Conduct[]): Items {
  const criteria = numbered(votes.map(({ criterion }) => criterion));
  const places = Float64Array.from(votes, ({ pair, criterion }) => pair * criteria.size + criteria.get(criterion)!);
  // Without those that nobody voted on.
  const items = new Map(Array.from(new Set(Float64Array.from(places).sort()), (place, i) => [place, i]));
  return { of: Int32Array.from(places, (place) => items.get(place)!), count: items.size };
}

const numbered = (names: readonly string[]) => new Map([...new Set(names)].sort().map((name, i) => [name, i]));

/** Of each annotator's votes, on items where the others have a majority, how many say the same. */
function agreements(votes: readonly Conduct[]): Map<string, Count> {
  const items = itemsOf(votes);
  const counts = new Int32Array(3 * items.count);
  votes.forEach(({ outcome }, i) => counts[3 * items.of[i]! + outcomes[outcome]]!++);
  const people = new Map<string, Count>();
  votes.forEach(({ annotator, outcome }, i) => {
    const at = 3 * items.of[i]!;
    const own = at + outcomes[outcome];
    counts[own]! -= 1;
    const half = (counts[at]! + counts[at + 1]! + counts[at + 2]!) / 2;
    if (Math.max(counts[at]!, counts[at + 1]!, counts[at + 2]!) > half) {
      let count = people.get(annotator);
      if (count === undefined) people.set(annotator, (count = { right: 0, n: 0 }));
      count.n += 1;
      if (counts[own]! > half) count.right += 1;
    }
    counts[own]! += 1;
  });
  return people;
}

/** The share of answers that Dawid & Skene's model expects to be right: Σ p_j π_jj. Null to all when there is nothing to compare. */
export function reliabilities(votes: readonly Conduct[]): Map<string, number> {
  const items = itemsOf(votes);
  const people = numbered(votes.map(({ annotator }) => annotator));
  const used = numbered(votes.map(({ outcome }) => outcome));
  if (used.size < 2 || votes.length < 2 * items.count) return new Map();
  const { marginals, confusion } = dawidSkene(
    { items: items.count, annotators: people.size, classes: used.size },
    votes.map((vote, i) => ({
      item: items.of[i]!,
      annotator: people.get(vote.annotator)!,
      label: used.get(vote.outcome)!,
    })),
    // Told in whole percents.
    1e-10,
  );
  return new Map(
    [...people].map(([id, i]) => [id, marginals.reduce((sum, p, c) => sum + p * confusion[i]![c * used.size + c]!, 0)]),
  );
}

/** Median times of the votes in their order, in at most so many equal parts. */
function courseOf(votes: readonly Conduct[]): number[] {
  const parts = Math.min(coursePoints, votes.length);
  return Array.from({ length: parts }, (_, i) => {
    const part = votes.slice(Math.floor((i * votes.length) / parts), Math.floor(((i + 1) * votes.length) / parts));
    return medianTime(part)!;
  });
}
