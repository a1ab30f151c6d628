/** @file A study's file while it is edited: every field is there, empty where nothing was decided. Pure. */
import { askingOrder, type Criterion, type OwnCriterion } from '../../contract/criteria.ts';
import { presets, type ExclusionRule, type Plan, type PresetName } from '../../contract/plan.ts';
import { namesOf, ownOf, type StudyFile } from '../../contract/study-file.ts';
import type { Visit } from '../../contract/visit.ts';
import { detectableWinRate } from '../../evaluator/statistics/power.ts';

export interface DraftPlan extends Omit<Plan, 'margin' | 'exclusions' | 'exclusionRule'> {
  margin: number | null;
  exclusions: string;
  exclusionRule: ExclusionRule | null;
}

export interface Draft {
  name: string;
  promptSet: string;
  models: string[];
  /** Empty: each two. */
  against: string;
  criteria: Criterion[];
  /** Questions of the study's own, those among the criteria and those that were taken out again. */
  own: OwnCriterion[];
  votesPerPair: number;
  ties: boolean;
  bothBad: boolean;
  split: boolean;
  /** Drawn while people vote; null: all pairs, fixed. */
  active: { pairs: number | null; random: number } | null;
  seed: number;
  promptSample: number | null;
  preset: PresetName | '';
  plan: DraftPlan | null;
  /** As the file has it; what the form has no field for stays as it is. */
  visit: { [K in keyof Visit]?: Visit[K] | undefined };
}

export function emptyDraft(): Draft {
  return {
    name: '',
    promptSet: '',
    models: [],
    against: '',
    criteria: ['appeal', 'general', 'alignment'],
    own: [],
    votesPerPair: 3,
    ties: false,
    bothBad: false,
    split: false,
    active: null,
    seed: 0,
    promptSample: null,
    preset: '',
    plan: null,
    visit: {},
  };
}

export function emptyPlan(criteria: readonly Criterion[]): DraftPlan {
  return {
    primary: criteria.includes('general') ? 'general' : criteria[0]!,
    hypothesis: 'superiority',
    margin: null,
    alpha: 0.05,
    stopping: 'fixed',
    exclusions: '',
    exclusionRule: null,
  };
}

export function draftOf(file: StudyFile): Draft {
  const {
    name,
    promptSet,
    criteria,
    votesPerPair,
    ties,
    bothBad,
    split,
    active,
    seed,
    promptSample,
    preset,
    plan,
    visit,
  } = file;
  return {
    ...{ name, promptSet, votesPerPair, ties, seed },
    bothBad: bothBad ?? false,
    split: split ?? false,
    active: active ?? null,
    criteria: namesOf(criteria),
    own: ownOf(criteria),
    models: 'models' in file ? file.models : [file.modelA, file.modelB],
    against: ('models' in file ? file.against : undefined) ?? '',
    promptSample: promptSample ?? null,
    preset: preset ?? '',
    plan: plan === undefined ? null : draftPlan(plan),
    visit: visit ?? {},
  };
}

function draftPlan({ margin, exclusions, exclusionRule, ...plan }: Plan): DraftPlan {
  return { ...plan, margin: margin ?? null, exclusions: exclusions ?? '', exclusionRule: exclusionRule ?? null };
}

/** What the server makes a study of. */
export function fileOf(draft: Draft): object {
  const { models, against, promptSample, preset, plan, visit, criteria, own, bothBad, split, active, ...plain } = draft;
  const [modelA, modelB] = models;
  const surroundings = decided(visit) as object | undefined;
  return {
    ...plain,
    criteria: askingOrder(criteria, own).map((id) => {
      const question = own.find((one) => one.id === id);
      return question === undefined ? id : decided(question);
    }),
    ...(models.length === 2 && against === ''
      ? { modelA, modelB }
      : { models, ...(against === '' ? {} : { against }) }),
    ...(plain.ties && bothBad ? { bothBad } : {}),
    ...(split ? { split } : {}),
    ...(active === null || models.length < 3 ? {} : { active: decided(active) }),
    ...(promptSample === null ? {} : { promptSample }),
    ...(preset === '' ? {} : { preset }),
    ...(plan === null ? {} : { plan: fileOfPlan(plan) }),
    ...(surroundings === undefined ? {} : { visit: surroundings }),
  };
}

function fileOfPlan({ margin, exclusions, exclusionRule, ...plan }: DraftPlan): object {
  return {
    ...plan,
    ...(plan.hypothesis === 'superiority' || margin === null ? {} : { margin }),
    ...(exclusions.trim() === '' ? {} : { exclusions }),
    ...(exclusionRule === null ? {} : { exclusionRule: decided(exclusionRule) }),
  };
}

/** Without empty texts, empty lists and empty objects: they decide nothing. */
function decided(value: unknown): unknown {
  if (value === null || value === undefined || value === '' || Number.isNaN(value)) return undefined;
  if (Array.isArray(value)) {
    const list = value.map(decided).filter((part) => part !== undefined);
    return list.length === 0 ? undefined : list;
  }
  if (typeof value !== 'object') return value;
  const entries = Object.entries(value).flatMap(([key, part]) => {
    const kept = decided(part);
    return kept === undefined ? [] : [[key, kept] as const];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** The two models that the first pairing compares, A first, as the server pairs them: checks are of these. */
export function firstPairing({ models, against }: Pick<Draft, 'models' | 'against'>): [string, string] | undefined {
  const others = models.filter((model) => model !== against);
  const [a, b] = against === '' ? models : [others[0], against];
  return a === undefined || b === undefined ? undefined : [a, b];
}

/**
 * The draft after a change of what is compared. Known answers are of the first pairing's images: where its models change places
 * the answers do too, where it is another the checks are gone.
 * @returns the draft, and whether checks were dropped
 */
export function comparing(
  draft: Draft,
  change: Partial<Pick<Draft, 'models' | 'against' | 'promptSet'>>,
): { draft: Draft; dropped: boolean } {
  const next = { ...draft, ...change };
  if (next.against !== '' && !next.models.includes(next.against)) next.against = '';
  const { gold, practice, example } = draft.visit;
  const [before, after] = [firstPairing(draft), firstPairing(next)];
  const isSameSet = next.promptSet === draft.promptSet;
  if ((gold ?? practice ?? example) === undefined || (isSameSet && before?.join('\0') === after?.join('\0')))
    return { draft: next, dropped: false };
  if (isSameSet && before !== undefined && [...before].reverse().join('\0') === after?.join('\0'))
    return { draft: { ...next, visit: exchanged(draft.visit) }, dropped: false };
  return {
    draft: { ...next, visit: { ...draft.visit, gold: undefined, practice: undefined, example: undefined } },
    dropped: true,
  };
}

function exchanged(visit: Draft['visit']): Draft['visit'] {
  const other = { a: 'b', b: 'a' } as const;
  const turn = <T extends { answer: 'a' | 'b' }>(pair: T): T => ({ ...pair, answer: other[pair.answer] });
  const { gold, practice, example } = visit;
  return {
    ...visit,
    gold: gold && {
      ...gold,
      pairs: gold.pairs.map((pair) =>
        pair.answers === undefined
          ? pair
          : {
              ...pair,
              answers: Object.fromEntries(
                Object.entries(pair.answers).map(([criterion, answer]) => [criterion, other[answer!]]),
              ) as typeof pair.answers,
            },
      ),
    },
    practice: practice?.map(turn),
    example: example && turn(example),
  };
}

/** The preset's questions, votes and ties, and its plan. */
export function withPreset(draft: Draft, preset: PresetName | ''): Draft {
  if (preset === '') return { ...draft, preset };
  const { criteria, votesPerPair, ties } = presets[preset];
  return {
    ...draft,
    preset,
    criteria: askingOrder(criteria),
    own: [],
    votesPerPair,
    ties,
    plan: draft.plan ?? emptyPlan(criteria),
  };
}

export interface Cost {
  votes: number;
  hours: number;
  pay: number;
  /** People at this cap; null without one. */
  places: number | null;
  /** The smallest win rate that is detected with power .8. */
  detectable: number;
}

/**
 * @param pairs of all pairings
 * @param pairings how many each two models make
 */
export function costOf(
  { criteria, votesPerPair, split, plan, visit }: Pick<Draft, 'criteria' | 'votesPerPair' | 'split' | 'plan' | 'visit'>,
  {
    pairs,
    pairings,
    secondsPerVote,
    payPerHour,
  }: { pairs: number; pairings: number; secondsPerVote: number; payPerHour: number },
): Cost {
  const votes = pairs * votesPerPair * criteria.length;
  const hours = (votes * secondsPerVote) / 3600;
  const cap = visit.pairsPerAnnotator;
  const seats = votesPerPair * (split ? criteria.length : 1);
  const each = Math.max(1, Math.round(pairs / pairings));
  return {
    votes,
    hours,
    pay: hours * payPerHour,
    places: cap === undefined ? null : Math.max(seats, Math.ceil((pairs * seats) / cap)),
    detectable: detectableWinRate(each, { power: 0.8, alpha: plan?.alpha ?? 0.05, tieRate: 0 }),
  };
}

/** What an own question is called in votes: `Fewer artefacts!` is fewer-artefacts. */
export function idOfQuestion(name: string): string {
  return name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[-0-9]+|-+$/g, '')
    .slice(0, 40)
    .replace(/-+$/, '');
}

/**
 * A question is asked (nothing before), has another name, or is asked no more (nothing after): its checks follow, and so does the plan.
 */
export function withCriterion(draft: Draft, before: Criterion | undefined, after?: Criterion): Draft {
  // A name stands for one question.
  if (after !== undefined && draft.criteria.includes(after)) return draft;
  const rename = (id: Criterion) => (id === before ? after : id);
  const kept = draft.criteria.flatMap((id) => rename(id) ?? []);
  const criteria = before === undefined && after !== undefined ? [...draft.criteria, after] : kept;
  const { gold, practice, example } = draft.visit;
  const renamed = <T extends { criterion: Criterion }>(check: T): T[] => {
    const criterion = rename(check.criterion);
    return criterion === undefined ? [] : [{ ...check, criterion }];
  };
  const goldPairs = gold?.pairs.flatMap((pair) => {
    if (pair.answers === undefined) return [pair];
    const answers = Object.entries(pair.answers).flatMap(([id, answer]) => {
      const name = rename(id);
      return name === undefined || answer === undefined ? [] : [[name, answer] as const];
    });
    return answers.length === 0 ? [] : [{ ...pair, answers: Object.fromEntries(answers) }];
  });
  const primary = draft.plan === null ? undefined : (rename(draft.plan.primary) ?? criteria[0]);
  return {
    ...draft,
    criteria,
    plan: draft.plan === null || primary === undefined ? null : { ...draft.plan, primary },
    visit: {
      ...draft.visit,
      gold: gold === undefined || goldPairs!.length === 0 ? undefined : { ...gold, pairs: goldPairs! },
      practice: practice?.flatMap(renamed),
      example: example === undefined ? undefined : renamed(example)[0],
    },
  };
}
