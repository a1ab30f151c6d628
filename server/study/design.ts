/**
 * @file A study's design, fixed when it is created: which prompts, which two renders, in what order, and on which side
 * each seat shows model A. Arrow: renders → pairs.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import { findModel, type Model } from '../../db/queries/models.ts';
import { findPromptSet, listPrompts, type Prompt } from '../../db/queries/prompts.ts';
import { listRenders, type Render } from '../../db/queries/renders.ts';
import {
  findStudy,
  hasSeats,
  insertSeats,
  insertStudy,
  listPairs,
  studyById,
  type Pair,
  type Seat,
  type Study,
} from '../../db/queries/studies.ts';
import type { Population } from '../../db/tables.ts';
import { askingOrder, criterionTexts, type Criterion } from '../../contract/criteria.ts';
import { commandLine, record } from '../access/audit.ts';
import type { Visit } from '../../contract/visit.ts';
import { ServiceError } from '../errors.ts';
import { checkPrompts } from './checks.ts';
import { seededGenerator, shuffled } from './randomness.ts';

export interface StudyDesign {
  name: string;
  prompts: string;
  a: string;
  b: string;
  votesPerPair: number;
  criteria: Criterion[];
  ties: boolean;
  seed: number;
  /** A stratified sample of this many prompts; all of them when absent. */
  promptSample?: number;
  /** Prompts that the sample takes `factor` times likelier than the others. */
  oversample?: { prompts: ReadonlySet<string>; factor: number };
  /** The prescreen that the study comes from. */
  prescreenId?: string;
  /** What surrounds the voting. */
  visit?: Visit;
}

export interface CreatedStudy {
  study: Study;
  pairs: number;
  /** Prompts left out because a model has not rendered them. */
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
  if (design.a === design.b)
    throw new ServiceError('bad-request', `A study compares two models; both are "${design.a}".`);
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
    const [a, b] = [await requireModel(tx, design.a), await requireModel(tx, design.b)];
    const [rendersA, rendersB] = [
      groupByPrompt(await listRenders(tx, { promptSetId: promptSet.id, modelId: a.id })),
      groupByPrompt(await listRenders(tx, { promptSetId: promptSet.id, modelId: b.id })),
    ];
    const prompts = await listPrompts(tx, promptSet.id);
    const couples = new Map<string, [Render, Render]>();
    const missing: CreatedStudy['missing'] = [];
    for (const prompt of prompts) {
      const couple = sameSeed(rendersA.get(prompt.id) ?? [], rendersB.get(prompt.id) ?? []);
      if (couple !== undefined) couples.set(prompt.id, couple);
      else missing.push({ prompt: prompt.text, models: lacking(prompt.id, [a, rendersA], [b, rendersB]) });
    }
    if (couples.size === 0) {
      throw new ServiceError(
        'bad-request',
        `No prompt of "${design.prompts}" has a render by both "${design.a}" and "${design.b}" with one seed; render them first.`,
      );
    }
    const generator = seededGenerator(design.seed);
    requireAsked(design);
    const checks = checksAmong(design.visit, prompts, couples);
    // What is known already is not asked.
    const available = prompts.filter(({ id }) => couples.has(id) && !checks.has(id));
    if (available.length === 0)
      throw new ServiceError('bad-request', 'Every pair serves as a check; a study needs others too.');
    const sample = samplePrompts(available, design, generator);
    const study: Study = {
      id: randomUUID(),
      name: design.name,
      promptSetId: promptSet.id,
      modelAId: a.id,
      modelBId: b.id,
      criteria: askingOrder(design.criteria),
      votesPerPair: design.votesPerPair,
      ties: design.ties,
      seed: design.seed,
      state: 'draft',
      inviteToken: freshToken(),
      simulationToken: freshToken(),
      prescreenId: design.prescreenId ?? null,
      createdAt: now,
      promptSample: design.promptSample ?? null,
      visit: design.visit ?? null,
      archivedAt: null,
    };
    const prefix = freshToken();
    const pairs: Pair[] = shuffled(sample, generator).map(({ prompt, weight }, position) => {
      const [renderA, renderB] = couples.get(prompt.id)!;
      return {
        // In the study's order, so that the rows are appended to their index instead of strewn over it.
        id: `${prefix}.${String(position).padStart(6, '0')}`,
        studyId: study.id,
        promptId: prompt.id,
        renderAId: renderA.id,
        renderBId: renderB.id,
        position,
        weight,
      };
    });
    const checkPairs = [...checks].map(([promptId, position]): Pair => {
      const [renderA, renderB] = couples.get(promptId)!;
      const [id, weight] = [`${prefix}.check${-position}`, null];
      return { id, studyId: study.id, promptId, renderAId: renderA.id, renderBId: renderB.id, position, weight };
    });
    await insertStudy(tx, study, [...pairs, ...checkPairs]);
    await addSeats(tx, study, pairs, 'people');
    await record(tx, { actor, action: 'study create', subject: design.name }, now);
    return { study, pairs: pairs.length, missing };
  });
}

/**
 * The prompts that a visit uses as checks, by their id, with the place of each pair below 0.
 * @throws ServiceError when one is not in the set, or a model has not rendered it
 */
function checksAmong(
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

/** @throws ServiceError when a check is on a criterion that the study does not ask */
function requireAsked({ visit, criteria }: StudyDesign): void {
  const { gold, practice = [], example } = visit ?? {};
  const asked = [
    ...(gold?.pairs ?? []).flatMap(({ answers = {} }) => Object.keys(answers)),
    ...[...practice, ...(example === undefined ? [] : [example])].map(({ criterion }) => criterion),
  ];
  const foreign = asked.find((criterion) => !(criteria as string[]).includes(criterion));
  const last = askingOrder(criteria).at(-1);
  if (gold?.pairs.some(({ instruction }) => instruction) && last !== undefined && criterionTexts[last].hidesPrompt)
    throw new ServiceError('bad-request', `An instructed check needs a question that shows the prompt.`);
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
 * k seats a pair. Within a pair A's side alternates; which side comes first is drawn so that, over the study, half of
 * the pairs start on each. With an odd k no side is then favoured either.
 */
async function addSeats(db: Database, study: Study, pairs: Pair[], population: Population): Promise<void> {
  const generator = seededGenerator(study.seed ^ 0x5eed);
  const firstLeft = shuffled(
    pairs.map((_, i) => i % 2 === 0),
    generator,
  );
  const seats: Seat[] = pairs.flatMap((pair, i) =>
    Array.from({ length: study.votesPerPair }, (_, seatIndex) => ({
      id: `${pair.id}.${population[0]}${String(seatIndex).padStart(2, '0')}`,
      studyId: study.id,
      pairId: pair.id,
      population,
      seatIndex: seatIndex,
      position: pair.position,
      sideA: (seatIndex % 2 === 0) === firstLeft[i] ? ('left' as const) : ('right' as const),
      state: 'free' as const,
    })),
  );
  await insertSeats(db, seats);
}

async function requireModel(db: Database, name: string): Promise<Model> {
  const model = await findModel(db, name);
  if (model === undefined) throw new ServiceError('not-found', `There is no model named "${name}".`);
  return model;
}

function groupByPrompt(renders: Render[]): Map<string, Render[]> {
  return groupBy(renders, (render) => render.promptId);
}

/** Map.groupBy, which Node 20 does not have yet. */
function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** The two renders of the smallest seed that both models have: equal noise, or the comparison is of seeds. */
function sameSeed(a: Render[], b: Render[]): [Render, Render] | undefined {
  for (const renderA of a) {
    const renderB = b.find((render) => render.seed === renderA.seed);
    if (renderB !== undefined) return [renderA, renderB];
  }
  return undefined;
}

function lacking(promptId: string, ...models: [Model, Map<string, Render[]>][]): string[] {
  const without = models.filter(([, renders]) => !renders.has(promptId)).map(([model]) => model.name);
  return without.length > 0 ? without : models.map(([model]) => model.name);
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

/** Proportional to the categories' sizes, by largest remainder; within a category at random. */
function stratified(prompts: Prompt[], size: number, generator: ReturnType<typeof seededGenerator>): Prompt[] {
  if (!Number.isInteger(size) || size < 1 || size > prompts.length) {
    throw new ServiceError('bad-request', `prompt sample is ${size}; it must be from 1 to ${prompts.length}.`);
  }
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
