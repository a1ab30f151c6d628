/**
 * @file Checks among the pairs: gold pairs whose answer is known, earlier pairs that come again with their sides swapped, and
 * practice. They are assignments on seats outside the plan, so nothing that counts sees them. Statistics alone end no visit but by
 * the study's own rule on gold.
 */
import { randomInt, randomUUID } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import type { Annotator, Assignment, Standing } from '../../db/queries/assignments.ts';
import type { PairContent, StudyFacts } from '../../db/queries/immutable.ts';
import {
  checkAnswersOfPerson,
  checkAnswersOfStudy,
  checkedPairs,
  checkOf,
  checkPairs,
  countKinds,
  insertCheck,
  pairToRepeat,
  type CheckAnswer,
} from '../../db/queries/visits.ts';
import { rotatedOrder, type OwnCriterion } from '../../contract/criteria.ts';
import type { Visit } from '../../contract/visit.ts';
import type { Population } from '../../db/tables.ts';
import type { Passed } from '../../evaluator/votes/quality.ts';
import { wilson } from '../../evaluator/statistics/wilson.ts';

/** A study's visit; it was checked when the study was made. */
export function visitOf({ visit }: Pick<StudyFacts, 'visit'>): Visit | null {
  return visit as Visit | null;
}

/** A study's own questions; they were checked when the study was made. */
export function ownCriteriaOf({ ownCriteria }: Pick<StudyFacts, 'ownCriteria'>): OwnCriterion[] {
  return ownCriteria as OwnCriterion[];
}

/** Whom a study's visit and its checks are for: simulated annotators just vote. */
export function visitFor({ population }: Pick<Annotator, 'population'>, facts: StudyFacts): Visit | null {
  return population === 'people' ? visitOf(facts) : null;
}

/** The checks among an annotator's pairs. Simulated annotators have no cap: there may be few of them for the whole study. */
function checksFor({ population }: Pick<Annotator, 'population'>, facts: StudyFacts): Visit | null {
  const visit = visitOf(facts);
  return visit === null || population === 'people' ? visit : { ...visit, pairsPerAnnotator: undefined };
}

/** A prompt that serves as a check, with the place of its pair below 0. */
export function checkPrompts({ gold, practice, example }: Visit): { prompt: string; position: number }[] {
  const prompts = [...(gold?.pairs ?? []), ...(practice ?? []), ...(example === undefined ? [] : [example])];
  return prompts.map(({ prompt }, i) => ({ prompt, position: -1 - i }));
}

const positions = {
  gold: (i: number) => -1 - i,
  practice: (visit: Visit, i: number) => -1 - (visit.gold?.pairs.length ?? 0) - i,
  example: (visit: Visit) => -1 - (visit.gold?.pairs.length ?? 0) - (visit.practice?.length ?? 0),
};

/** The gold pair at a position below 0. */
function goldAt(visit: Visit, position: number) {
  return visit.gold?.pairs[-1 - position];
}

/**
 * The criteria that are asked of an assignment, in the study's order or in its annotator's turn; of gold those alone whose answer
 * is known.
 */
export function criteriaAsked(
  facts: StudyFacts,
  { kind, annotatorId, criterion }: Pick<Assignment, 'kind' | 'annotatorId' | 'criterion'>,
  position: number,
): string[] {
  if (criterion !== null) return [criterion];
  const visit = visitOf(facts);
  const criteria =
    visit?.order === 'rotated'
      ? rotatedOrder(facts.criteria, ownCriteriaOf(facts), turnOf(annotatorId))
      : facts.criteria;
  if (kind !== 'gold') return criteria;
  const { answers = {}, instruction } = goldAt(visit!, position) ?? {};
  if (instruction !== undefined) return criteria.slice(-1);
  return criteria.filter((criterion) => Object.hasOwn(answers, criterion));
}

/** Spread evenly over annotators: their ids are random. */
function turnOf(annotatorId: string): number {
  return Number.parseInt(annotatorId.slice(0, 8), 16);
}

/** What stands in the place of the prompt: the prompt itself, or what an instructed check says. */
export function promptShown(facts: StudyFacts, { kind }: Pick<Assignment, 'kind'>, content: PairContent): string {
  const instruction = instructionOf(facts, { kind }, content);
  if (instruction === undefined) return content.prompt;
  return instruction.say ?? `Please choose the ${instruction.choose} image here.`;
}

/** The side that the page asks for in its own words. */
export function instructedSide(facts: StudyFacts, check: Pick<Assignment, 'kind'>, content: PairContent) {
  const instruction = instructionOf(facts, check, content);
  return instruction !== undefined && instruction.say === undefined ? { instructed: instruction.choose } : {};
}

function instructionOf(facts: StudyFacts, { kind }: Pick<Assignment, 'kind'>, { position }: PairContent) {
  return kind === 'gold' ? goldAt(visitOf(facts)!, position)?.instruction : undefined;
}

/** What somebody has to do in all: pairs of the plan up to their cap, and the checks that come among them. */
export function totalFor(annotator: Pick<Annotator, 'population'>, facts: StudyFacts): number {
  const visit = checksFor(annotator, facts);
  if (visit === null) return facts.pairs;
  const pairs = Math.min(facts.pairs, visit.pairsPerAnnotator ?? Infinity);
  const { gold, repeat } = visit;
  const golds = gold === undefined ? 0 : Math.min(gold.pairs.length, Math.floor(pairs / gold.every));
  return pairs + golds + (repeat === undefined ? 0 : Math.floor(pairs / repeat.every));
}

/**
 * What comes before the next pair of the plan: a check that is due, `'nothing'` when somebody has had all the pairs that they
 * may have, `'plan'` otherwise.
 */
export async function comesNext(
  tx: Database,
  annotator: Annotator,
  facts: StudyFacts,
  expiresAt: number,
  now: number,
): Promise<Assignment | 'nothing' | 'plan'> {
  const visit = checksFor(annotator, facts);
  if (visit === null) return 'plan';
  const { gold, repeat, pairsPerAnnotator = Infinity } = visit;
  if (gold === undefined && repeat === undefined && pairsPerAnnotator === Infinity) return 'plan';
  const counts = await countKinds(tx, annotator.id);
  if (gold !== undefined && counts.work >= (counts.gold + 1) * gold.every) {
    const pairId = await goldFor(tx, annotator, visit);
    if (pairId !== undefined) {
      const sideA = randomInt(2) === 0 ? 'left' : 'right';
      return makeCheck(tx, annotator, { kind: 'gold', pairId, sideA, criterion: null, expiresAt, now });
    }
  }
  if (repeat !== undefined && counts.work >= (counts.repeat + 1) * repeat.every) {
    const earlier = await pairToRepeat(tx, annotator.id);
    if (earlier !== undefined) {
      const sideA = earlier.sideA === 'left' ? 'right' : 'left';
      return makeCheck(tx, annotator, { ...earlier, kind: 'repeat', sideA, expiresAt, now });
    }
  }
  return counts.work >= pairsPerAnnotator ? 'nothing' : 'plan';
}

/** A gold pair that they have not had, drawn at random. */
async function goldFor(tx: Database, annotator: Annotator, { gold }: Visit): Promise<string | undefined> {
  const [pairs, had] = [await checkPairs(tx, annotator.studyId), await checkedPairs(tx, annotator.id, 'gold')];
  const left = gold!.pairs.flatMap((_, i) => {
    const id = pairs.get(positions.gold(i));
    return id === undefined || had.has(id) ? [] : [id];
  });
  return left.length === 0 ? undefined : left[randomInt(left.length)];
}

interface NewCheck {
  kind: Exclude<Assignment['kind'], 'work'>;
  pairId: string;
  sideA: Assignment['sideA'];
  criterion: Assignment['criterion'];
  expiresAt: number;
  now: number;
}

async function makeCheck(
  tx: Database,
  annotator: Annotator,
  { kind, pairId, sideA, criterion, expiresAt, now }: NewCheck,
): Promise<Assignment> {
  const assignment: Assignment = {
    id: randomUUID(),
    studyId: annotator.studyId,
    pairId,
    seatId: randomUUID(),
    annotatorId: annotator.id,
    sideA,
    // Practice is not answered as work is: nothing is held.
    state: kind === 'practice' ? 'expired' : 'leased',
    voted: kind === 'practice',
    createdAt: now,
    expiresAt,
    reopenedAt: null,
    skippedAt: null,
    kind,
    surplusAt: null,
    criterion,
  };
  await insertCheck(tx, annotator.population, randomInt(1000, 2 ** 31), assignment);
  return assignment;
}

/** The practice pair of this index, or the example; made the first time that it is shown. */
export async function practicePair(
  tx: Database,
  annotator: Annotator,
  visit: Visit,
  index: number | 'example',
  now: number,
): Promise<Assignment> {
  const position = index === 'example' ? positions.example(visit) : positions.practice(visit, index);
  const pairId = (await checkPairs(tx, annotator.studyId)).get(position)!;
  const known = await checkOf(tx, { annotatorId: annotator.id, pairId, kind: 'practice' });
  if (known !== undefined) return known;
  const sideA = randomInt(2) === 0 ? 'left' : 'right';
  return makeCheck(tx, annotator, { kind: 'practice', pairId, sideA, criterion: null, expiresAt: now, now });
}

/** Of one kind of check. */
export interface CheckScore {
  right: number;
  n: number;
}

function isRight(visit: Visit, { kind, position, criterion, choice, sideA, firstChoice, firstSideA }: CheckAnswer) {
  const image = (side: string, a: string) => (side === 'tie' ? 'tie' : side === a ? 'a' : 'b');
  if (kind === 'gold') {
    const { answers, instruction } = goldAt(visit, position) ?? {};
    if (instruction !== undefined) return choice === instruction.choose;
    const expected = (answers as Record<string, string> | undefined)?.[criterion];
    return expected === undefined ? undefined : image(choice, sideA) === expected;
  }
  return firstChoice === null || firstSideA === null
    ? undefined
    : image(choice, sideA) === image(firstChoice, firstSideA);
}

function score(visit: Visit, answers: readonly CheckAnswer[], kind: CheckAnswer['kind']): CheckScore {
  const verdicts = answers.filter((answer) => answer.kind === kind).flatMap((answer) => isRight(visit, answer) ?? []);
  return { right: verdicts.filter(Boolean).length, n: verdicts.length };
}

/** Whether the study's rule on gold ends somebody's visit now. */
export async function failsChecks(
  tx: Database,
  annotator: Annotator,
  facts: StudyFacts,
  { endReason }: Pick<Standing, 'endReason'>,
): Promise<boolean> {
  const visit = visitFor(annotator, facts);
  const rule = visit?.gold?.screenOut;
  if (visit === null || rule === undefined || endReason !== null) return false;
  const { right, n } = score(visit, await checkAnswersOfPerson(tx, annotator.id), 'gold');
  return n >= rule.after && right / n < rule.below;
}

export interface PersonChecks {
  gold: { value: number; low: number; high: number; n: number } | null;
  repeats: { value: number; low: number; high: number; n: number } | null;
}

/** Each person's share of right gold answers, and of repeats answered as the first time; with Wilson's interval. */
export async function checksOfStudy(db: Database, facts: StudyFacts): Promise<Map<string, PersonChecks>> {
  const visit = visitOf(facts);
  const people = new Map<string, CheckAnswer[]>();
  if (visit === null) return new Map();
  for (const answer of await checkAnswersOfStudy(db, facts.id, 'people'))
    people.set(answer.annotator, [...(people.get(answer.annotator) ?? []), answer]);
  const rate = ({ right, n }: CheckScore) => (n === 0 ? null : { value: right / n, ...wilson(right, n), n });
  return new Map(
    [...people].map(([annotator, answers]) => [
      annotator,
      { gold: rate(score(visit, answers, 'gold')), repeats: rate(score(visit, answers, 'repeat')) },
    ]),
  );
}

/**
 * Of each annotator the checks that were passed, of all: one with several questions is one, passed when most of its answers are
 * right, for a person's answers to one pair are no independent trials.
 */
export async function checksPassed(
  db: Database,
  facts: StudyFacts,
  population: Population,
): Promise<Map<string, Passed>> {
  const visit = visitOf(facts);
  const people = new Map<string, Passed>();
  if (visit === null) return people;
  const checks = new Map<string, CheckAnswer[]>();
  for (const answer of await checkAnswersOfStudy(db, facts.id, population))
    checks.set(answer.assignment, [...(checks.get(answer.assignment) ?? []), answer]);
  for (const answers of checks.values()) {
    const [{ annotator, kind }] = answers as [CheckAnswer];
    const { right, n } = score(visit, answers, kind);
    if (n === 0) continue;
    const passed = people.get(annotator) ?? { gold: { right: 0, n: 0 }, repeats: { right: 0, n: 0 } };
    const count = kind === 'gold' ? passed.gold : passed.repeats;
    count.n += 1;
    if (2 * right > n) count.right += 1;
    people.set(annotator, passed);
  }
  return people;
}
