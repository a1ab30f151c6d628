/**
 * @file A study's design, fixed when it is created: which prompts, which two renders, in what order, and on which side
 * each seat shows model A. Arrow: renders → pairs.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import { groupBy } from '../../evaluator/statistics/group-by.ts';
import { findModel, type Model } from '../../db/queries/models.ts';
import { findPromptSet, listPrompts, type Prompt } from '../../db/queries/prompts.ts';
import { insertPool, type Candidate } from '../../db/queries/pool.ts';
import { listRenders, type Render } from '../../db/queries/renders.ts';
import {
  findStudy,
  hasSeats,
  insertSeats,
  insertStudy,
  listPairs,
  setPlanHash,
  studyById,
  type Pair,
  type Pairing,
  type Study,
} from '../../db/queries/studies.ts';
import type { Population } from '../../db/tables.ts';
import { askingOrder, hidesPrompt, type Criterion, type OwnCriterion } from '../../contract/criteria.ts';
import { commandLine, record } from '../access/audit.ts';
import { contradictsPreset, type Plan, type PresetName } from '../../contract/plan.ts';
import type { Active } from '../../contract/study-file.ts';
import type { Visit } from '../../contract/visit.ts';
import { ServiceError } from '../errors.ts';
import { checkPrompts } from './checks.ts';
import { planHash } from './plan.ts';
import { studyFile } from './study-file.ts';
import { seededGenerator, shuffled } from './randomness.ts';
import { seatsOf } from './seats.ts';

export interface StudyDesign {
  name: string;
  prompts: string;
  /** Each two are compared, the earlier one as A; so two make a study of A and B. */
  models: readonly string[];
  /** Each of the models is compared with this one alone, as A. */
  against?: string;
  votesPerPair: number;
  criteria: Criterion[];
  /** Those of the criteria that are the study's own. */
  ownCriteria?: readonly OwnCriterion[];
  ties: boolean;
  /** Whether a tie can say that neither image will do. */
  bothBad?: boolean;
  /** Whether an annotator answers one criterion of a pair. */
  split?: boolean;
  /** Which models are compared is drawn while people vote. */
  active?: Active;
  seed: number;
  /** A stratified sample of this many prompts; all of them when absent. */
  promptSample?: number;
  /** Prompts that the sample takes `factor` times likelier than the others. */
  oversample?: { prompts: ReadonlySet<string>; factor: number };
  /** The prescreen that the study comes from. */
  prescreenId?: string;
  /** The paper that it replicates. */
  preset?: PresetName;
  /** What it sets out to show. */
  plan?: Plan;
  /** What surrounds the voting. */
  visit?: Visit;
}

export interface CreatedStudy {
  study: Study;
  pairs: number;
  pairings: { modelA: string; modelB: string; pairs: number }[];
  /** Prompts that lack a pair because a model has not rendered them. */
  missing: { prompt: string; models: string[] }[];
}

/**
 * Creates a draft study with its pairs and its people's seats, in one transaction.
 * @throws ServiceError when a name is taken or unknown, or when no prompt has both renders
 */
export async function createStudy(
  db: Database,
  design: StudyDesign,
  now = Date.now(),
  actor = commandLine,
): Promise<CreatedStudy> {
  const compared = comparedPairs(design);
  requirePlan(design, compared.length);
  if (design.criteria.length === 0) throw new ServiceError('bad-request', 'A study needs at least one criterion.');
  if (!Number.isInteger(design.votesPerPair) || design.votesPerPair < 1 || design.votesPerPair > 99) {
    throw new ServiceError(
      'bad-request',
      `votes per pair is ${design.votesPerPair}; it must be a whole number from 1 to 99.`,
    );
  }
  return db.transaction().execute(async (tx) => {
    if ((await findStudy(tx, design.name)) !== undefined) {
      throw new ServiceError('conflict', `A study named "${design.name}" exists already; choose another name.`);
    }
    const promptSet = await findPromptSet(tx, design.prompts);
    if (promptSet === undefined)
      throw new ServiceError('not-found', `There is no prompt set named "${design.prompts}".`);
    const models = new Map<string, Model>();
    const renders = new Map<string, Map<string, Render[]>>();
    for (const name of new Set(compared.flat())) {
      const model = await requireModel(tx, name);
      models.set(name, model);
      renders.set(name, groupByPrompt(await listRenders(tx, { promptSetId: promptSet.id, modelId: model.id })));
    }
    const prompts = await listPrompts(tx, promptSet.id);
    // [pairing]: the two renders of each prompt that has them.
    const couples = compared.map(([a, b]) => couplesOf(prompts, renders.get(a)!, renders.get(b)!));
    compared.forEach(([a, b], i) => {
      if (couples[i]!.size > 0) return;
      throw new ServiceError(
        'bad-request',
        `No prompt of "${design.prompts}" has a render by both "${a}" and "${b}" with one seed; render them first.`,
      );
    });
    const missing = prompts.flatMap((prompt) => {
      const without = compared.filter((_, i) => !couples[i]!.has(prompt.id));
      const lacking = without.flatMap(([a, b]) => lackingOf(prompt.id, renders, a, b));
      return without.length === 0 ? [] : [{ prompt: prompt.text, models: [...new Set(lacking)] }];
    });
    const generator = seededGenerator(design.seed);
    requireAsked(design);
    const checks = checksAmong(design.visit, prompts, couples[0]!);
    // What is known already is not asked. A sample is of prompts that all pairings can show, so that they are compared on the same.
    const canShow = (id: string) =>
      design.promptSample === undefined ? couples.some((of) => of.has(id)) : couples.every((of) => of.has(id));
    const available = prompts.filter(({ id }) => canShow(id) && !checks.has(id));
    if (available.length === 0)
      throw new ServiceError('bad-request', 'Every pair serves as a check; a study needs others too.');
    const sample = samplePrompts(available, design, generator);
    const study: Study = {
      id: randomUUID(),
      name: design.name,
      promptSetId: promptSet.id,
      criteria: askingOrder(design.criteria, design.ownCriteria),
      ownCriteria: [...(design.ownCriteria ?? [])],
      votesPerPair: design.votesPerPair,
      ties: design.ties,
      bothBad: design.bothBad ?? false,
      split: design.split ?? false,
      active: design.active ?? null,
      seed: design.seed,
      state: 'draft',
      inviteToken: freshToken(),
      simulationToken: freshToken(),
      prescreenId: design.prescreenId ?? null,
      createdAt: now,
      promptSample: design.promptSample ?? null,
      visit: design.visit ?? null,
      plan: design.plan ?? null,
      planSha256: null,
      preset: design.preset ?? null,
      archivedAt: null,
      extraSeats: 0,
      closedAt: null,
    };
    const prefix = freshToken();
    const pairings = compared.map(([a, b], position): Pairing => {
      const [modelAId, modelBId] = [models.get(a)!.id, models.get(b)!.id];
      return { studyId: study.id, position, modelAId, modelBId };
    });
    const asked = sample.flatMap(({ prompt, weight }) =>
      couples.flatMap((of, pairing) => {
        const couple = of.get(prompt.id);
        return couple === undefined ? [] : [{ prompt, weight, pairing, couple }];
      }),
    );
    const pairs = shuffled(asked, generator).map(
      ({ prompt, weight, pairing, couple: [renderA, renderB] }, position): Pair => ({
        // In the study's order, so that the rows are appended to their index instead of strewn over it.
        id: `${prefix}.${String(position).padStart(6, '0')}`,
        studyId: study.id,
        promptId: prompt.id,
        renderAId: renderA.id,
        renderBId: renderB.id,
        position,
        weight,
        pairing,
        drawWeight: null,
      }),
    );
    requireActive(design, compared.length, pairs.length);
    const checkPairs = [...checks].map(([promptId, position]): Pair => {
      const [renderA, renderB] = couples[0]!.get(promptId)!;
      const [id, weight, pairing] = [`${prefix}.check${-position}`, null, 0];
      return {
        id,
        studyId: study.id,
        promptId,
        renderAId: renderA.id,
        renderBId: renderB.id,
        position,
        weight,
        pairing,
        drawWeight: null,
      };
    });
    if (study.active === null) {
      await insertStudy(tx, study, pairings, [...pairs, ...checkPairs]);
      await addSeats(tx, study, pairs, 'people');
    } else {
      await insertStudy(tx, study, pairings, checkPairs);
      await insertPool(tx, poolOf(pairs));
    }
    await record(tx, { actor, action: 'study create', subject: design.name }, now);
    if (study.plan !== null && study.prescreenId === null) {
      // In the log with its time: what was decided before the first vote.
      study.planSha256 = planHash(await studyFile(tx, design.name));
      await setPlanHash(tx, study.id, study.planSha256);
      await record(tx, { actor, action: `study plan ${study.planSha256}`, subject: design.name }, now);
    }
    const counted = compared.map(([modelA, modelB], i) => ({
      modelA,
      modelB,
      pairs: pairs.filter(({ pairing }) => pairing === i).length,
    }));
    return { study, pairs: design.active?.pairs ?? pairs.length, pairings: counted, missing };
  });
}

/**
 * Which models are compared, A first: each two in their order, or each with the one that all are against.
 * @throws ServiceError for a model that is named twice, or fewer than two
 */
export function comparedPairs({ models, against }: Pick<StudyDesign, 'models' | 'against'>): [string, string][] {
  const twice = models.find((name, i) => models.indexOf(name) !== i);
  if (twice !== undefined)
    throw new ServiceError('bad-request', `A study compares different models; "${twice}" is named twice.`);
  if (against !== undefined && !models.includes(against))
    throw new ServiceError(
      'bad-request',
      `"${against}", against which the others are compared, is none of the models.`,
    );
  const others = models.filter((name) => name !== against);
  const compared =
    against === undefined
      ? models.flatMap((a, i) => models.slice(i + 1).map((b): [string, string] => [a, b]))
      : others.map((a): [string, string] => [a, against]);
  if (compared.length === 0) throw new ServiceError('bad-request', 'A study compares two models at least.');
  return compared;
}

/**
 * The prompts that a visit uses as checks, by their id, with the place of each pair below 0.
 * @throws ServiceError when one is not in the set, or a model has not rendered it
 */
export function checksAmong(
  visit: Visit | undefined,
  prompts: readonly Prompt[],
  couples: ReadonlyMap<string, unknown>,
): Map<string, number> {
  if (visit === undefined) return new Map();
  return new Map(
    checkPrompts(visit).map(({ prompt, position }) => {
      const found = prompts.find(({ text }) => text === prompt);
      const name = prompt.slice(0, 80);
      if (found === undefined)
        throw new ServiceError('bad-request', `The check "${name}" is no prompt of the study's set.`);
      if (!couples.has(found.id))
        throw new ServiceError('bad-request', `The check "${name}" has not been rendered by both models.`);
      return [found.id, position];
    }),
  );
}

/** @throws ServiceError for a plan that the study cannot follow */
export function requirePlan({ plan, preset, criteria, votesPerPair, ties }: StudyDesign, pairings: number): void {
  const clash = preset === undefined ? undefined : contradictsPreset(preset, { criteria, votesPerPair, ties });
  if (clash !== undefined) throw new ServiceError('bad-request', `This study does not follow its preset: ${clash}.`);
  if (plan === undefined) return;
  if (!criteria.includes(plan.primary))
    throw new ServiceError(
      'bad-request',
      `The plan's primary criterion is ${plan.primary}, which the study does not ask.`,
    );
  if (pairings > 1 && (plan.hypothesis !== 'superiority' || plan.stopping !== 'fixed'))
    throw new ServiceError(
      'bad-request',
      'A plan for more than two models can only be superiority with a fixed number of votes.',
    );
}

/** @throws ServiceError when a study cannot draw its pairs while people vote */
export function requireActive({ active, plan }: StudyDesign, pairings: number, available: number): void {
  if (active === undefined) return;
  if (pairings < 2)
    throw new ServiceError('bad-request', 'Two models make one comparison; active goes with three and more.');
  if (plan !== undefined)
    throw new ServiceError(
      'bad-request',
      'A plan tests with a number of pairs that was fixed before; an active study draws them by what was voted. Leave one out.',
    );
  if (active.pairs > available)
    throw new ServiceError(
      'bad-request',
      `active.pairs is ${active.pairs}; there are ${available} pairs to draw from.`,
    );
}

/** In the order in which each pairing's prompts come. */
function poolOf(pairs: readonly Pair[]): Candidate[] {
  const places = new Map<number, number>();
  return pairs.map(({ studyId, pairing, promptId, renderAId, renderBId }) => {
    const place = places.get(pairing) ?? 0;
    places.set(pairing, place + 1);
    return { studyId, pairing, place, promptId, renderAId, renderBId };
  });
}

/** @throws ServiceError when a check is on a criterion that the study does not ask */
export function requireAsked({ visit, criteria, ownCriteria = [], split }: StudyDesign): void {
  const { gold, practice = [], example } = visit ?? {};
  const asked = [
    ...(gold?.pairs ?? []).flatMap(({ answers = {} }) => Object.keys(answers)),
    ...[...practice, ...(example === undefined ? [] : [example])].map(({ criterion }) => criterion),
  ];
  const foreign = asked.find((criterion) => !criteria.includes(criterion));
  const last = askingOrder(criteria, ownCriteria).at(-1);
  if (gold?.pairs.some(({ instruction }) => instruction) && last !== undefined && hidesPrompt(last, ownCriteria))
    throw new ServiceError('bad-request', `An instructed check needs a question that shows the prompt.`);
  const together = visit?.oneScreen === true ? 'oneScreen' : visit?.order === 'rotated' ? 'order: rotated' : undefined;
  if (split === true && together !== undefined)
    throw new ServiceError(
      'bad-request',
      `Where the questions are split over annotators nobody sees two of a pair; leave visit.${together} out.`,
    );
  const hidden = criteria.filter((criterion) => hidesPrompt(criterion, ownCriteria));
  if (visit?.oneScreen === true && hidden.length > 0 && hidden.length < criteria.length)
    throw new ServiceError(
      'bad-request',
      `On one screen all questions show the prompt or none does; ${hidden.join(', ')} ${hidden.length === 1 ? 'hides' : 'hide'} it.`,
    );
  if (foreign !== undefined)
    throw new ServiceError('bad-request', `A check of the visit is on "${foreign}", which the study does not ask.`);
}

/** Gives a study its simulated annotators' seats, apart from people's, the first time they are needed. */
export async function ensureSimulatedSeats(db: Database, studyId: string): Promise<void> {
  await db.transaction().execute(async (tx) => {
    if (await hasSeats(tx, studyId, 'simulated')) return;
    await addSeats(tx, await studyById(tx, studyId), await listPairs(tx, studyId), 'simulated');
  });
}

/**
 * k seats a pair, or k for each criterion where they are split over annotators. Within those A's side alternates; which side comes
 * first is drawn so that, over each pairing, half of the pairs start on each. With an odd k no side is then favoured either.
 */
async function addSeats(db: Database, study: Study, pairs: Pair[], population: Population): Promise<void> {
  const generator = seededGenerator(study.seed ^ 0x5eed);
  const firstLeft = new Map<Pair, boolean>();
  for (const own of groupBy(pairs, ({ pairing }) => String(pairing)).values()) {
    const halves = shuffled(
      own.map((_, i) => i % 2 === 0),
      generator,
    );
    own.forEach((pair, i) => firstLeft.set(pair, halves[i]!));
  }
  const seats = pairs.flatMap((pair) => seatsOf(study, pair, firstLeft.get(pair)!, population));
  await insertSeats(db, seats);
}

async function requireModel(db: Database, name: string): Promise<Model> {
  const model = await findModel(db, name);
  if (model === undefined) throw new ServiceError('not-found', `There is no model named "${name}".`);
  return model;
}

export function groupByPrompt(renders: Render[]): Map<string, Render[]> {
  return groupBy(renders, (render) => render.promptId);
}

/** Map.groupBy, which Node 20 does not have yet. */

/** The two renders of the smallest seed that both models have: equal noise, or the comparison is of seeds. */
function sameSeed(a: Render[], b: Render[]): [Render, Render] | undefined {
  for (const renderA of a) {
    const renderB = b.find((render) => render.seed === renderA.seed);
    if (renderB !== undefined) return [renderA, renderB];
  }
  return undefined;
}

export function couplesOf(prompts: readonly Prompt[], a: Map<string, Render[]>, b: Map<string, Render[]>) {
  const couples = new Map<string, [Render, Render]>();
  for (const { id } of prompts) {
    const couple = sameSeed(a.get(id) ?? [], b.get(id) ?? []);
    if (couple !== undefined) couples.set(id, couple);
  }
  return couples;
}

/** Of two models those that have not rendered a prompt; both, where they have with different seeds alone. */
function lackingOf(
  promptId: string,
  renders: ReadonlyMap<string, Map<string, Render[]>>,
  ...names: string[]
): string[] {
  const without = names.filter((name) => !renders.get(name)!.has(promptId));
  return without.length > 0 ? without : names;
}

interface SampledPrompt {
  prompt: Prompt;
  /** Prompts of the set that it stands for; null when all stand for the same number. */
  weight: number | null;
}

/**
 * All prompts, a sample that keeps the categories' shares, or one of two strata (oversampled and not) with their sampling
 * rates in the ratio of the factor, each of which keeps its categories' shares.
 */
function samplePrompts(
  available: Prompt[],
  { promptSample: size, oversample }: StudyDesign,
  generator: ReturnType<typeof seededGenerator>,
): SampledPrompt[] {
  if (size === undefined) return available.map((prompt) => ({ prompt, weight: null }));
  const chosen = available.filter(({ id }) => oversample?.prompts.has(id) === true);
  const others = available.filter(({ id }) => oversample?.prompts.has(id) !== true);
  if (oversample === undefined || chosen.length === 0 || others.length === 0 || size >= available.length) {
    return stratified(available, size, generator).map((prompt) => ({ prompt, weight: null }));
  }
  const rate = size / (oversample.factor * chosen.length + others.length);
  // Each stratum is represented, and neither gives more than it has.
  const fromChosen = Math.min(
    chosen.length,
    size - 1,
    Math.max(1, Math.round(rate * oversample.factor * chosen.length), size - others.length),
  );
  if (fromChosen < 1) throw new ServiceError('bad-request', 'A weighted sample needs at least two prompts.');
  return [
    { stratum: chosen, count: fromChosen },
    { stratum: others, count: size - fromChosen },
  ].flatMap(({ stratum, count }) =>
    stratified(stratum, count, generator).map((prompt) => ({ prompt, weight: stratum.length / count })),
  );
}

/** @throws ServiceError for a sample of more prompts than there are */
export function requireSample(size: number, available: number): void {
  if (!Number.isInteger(size) || size < 1 || size > available)
    throw new ServiceError('bad-request', `prompt sample is ${size}; it must be from 1 to ${available}.`);
}

/** Proportional to the categories' sizes, by largest remainder; within a category at random. */
function stratified(prompts: Prompt[], size: number, generator: ReturnType<typeof seededGenerator>): Prompt[] {
  requireSample(size, prompts.length);
  const strata = [...groupBy(prompts, (prompt) => prompt.category ?? '').values()];
  const shares = strata.map((stratum) => (stratum.length * size) / prompts.length);
  const counts = shares.map(Math.floor);
  let left = size - counts.reduce((sum, count) => sum + count, 0);
  const byRemainder = shares.map((share, i) => ({ i, remainder: share - Math.floor(share) }));
  byRemainder.sort((x, y) => y.remainder - x.remainder || x.i - y.i);
  for (const { i } of byRemainder) {
    if (left === 0) break;
    counts[i]! += 1;
    left -= 1;
  }
  const chosen = new Set(strata.flatMap((stratum, i) => shuffled(stratum, generator).slice(0, counts[i])));
  return prompts.filter((prompt) => chosen.has(prompt));
}

/** 128 bits, URL-safe. */
export function freshToken(): string {
  return randomBytes(16).toString('base64url');
}
