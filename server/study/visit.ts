/**
 * @file A visit: what comes before and after the voting. Which step is at hand follows from the steps that were taken, which are
 * only ever added; so a reload, another browser or a repeated request finds the same place.
 */
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import { standingOf, type Annotator, type Assignment } from '../../db/queries/assignments.ts';
import { pairContent, studyFacts, type StudyFacts } from '../../db/queries/immutable.ts';
import { codesFor } from '../../db/queries/recruitments.ts';
import { endVisit, insertStep, stepsTaken } from '../../db/queries/visits.ts';
import { hidesPrompt, type Criterion } from '../../contract/criteria.ts';
import {
  visitSchema,
  type EndReason,
  type Language,
  type Localised,
  type ShownPair,
  type Visit,
  type VisitStep,
  type VisitView,
} from '../../contract/visit.ts';
import { ServiceError } from '../errors.ts';
import { imagesOf, nextAssignment, requireOpen, type LeaseTimes } from './assignments.ts';
import { failsChecks, ownCriteriaOf, practicePair, totalFor, visitFor } from './checks.ts';
import { completionUrl } from '../prolific/form.ts';
import { isBefore, practised, stepAt, stepsOf } from './steps.ts';
import { htmlOf } from './markdown.ts';

/**
 * Where somebody's visit stands, with what the page needs to show it.
 * @throws ServiceError study-not-open, study-paused, study-closed before the work
 */
export async function lookAtVisit(
  db: Database,
  annotator: Annotator,
  language: Language | undefined,
  now = Date.now(),
): Promise<VisitView> {
  return inTransaction(db, (tx) => viewOfVisit(tx, annotator, { language, now }), annotator.id);
}

/**
 * Takes the step at hand. A step that was taken already changes nothing.
 * @throws ServiceError step-required for a step that is not at hand yet, and as lookAtVisit and nextAssignment do
 */
export async function takeStep(
  db: Database,
  annotator: Annotator,
  input: VisitStep,
  times: LeaseTimes,
  now = Date.now(),
): Promise<VisitView> {
  if (input.step === 'work') return finishWork(db, annotator, times, { language: input.language, now });
  return inTransaction(
    db,
    async (tx) => {
      const { visit, taken, standing } = await placeOf(tx, annotator);
      const look = { language: input.language, now };
      const at = standing.endReason === null ? stepAt(visit, taken) : 'end';
      if (visit === null || isBefore(input.step, at)) return viewOfVisit(tx, annotator, look);
      if (input.step !== at) throw new ServiceError('step-required', `The step "${at}" comes before "${input.step}".`);
      if (input.step !== 'survey') requireOpen(standing.studyState);
      const record = (answer: Record<string, unknown>) =>
        insertStep(tx, { annotatorId: annotator.id, position: taken.length, step: input.step, answer, createdAt: now });
      if (input.step === 'practice') {
        if (input.index !== practised(taken)) return viewOfVisit(tx, annotator, look);
        const asked = visit.practice![input.index]!;
        const { sideA } = await practicePair(tx, annotator, visit, input.index, now);
        if (input.choice === 'skipped') {
          await record({ index: input.index, choice: input.choice });
          return viewOfVisit(tx, annotator, look);
        }
        const right = (input.choice === sideA) === (asked.answer === 'a');
        await record({ index: input.index, choice: input.choice, right });
        const feedback = { right, ...optional('why', asked.why, (why) => inLanguage(why, visit, input.language)) };
        return { ...(await viewOfVisit(tx, annotator, look)), feedback };
      }
      const { step: _step, ...answer } = input;
      await record(answer);
      const reason = endBy(visit, input);
      if (reason !== undefined) await endVisit(tx, annotator.id, reason);
      return viewOfVisit(tx, annotator, look);
    },
    annotator.id,
  );
}

/** Nothing is left for this person, as the server sees it too: then comes the survey, or the end. */
async function finishWork(
  db: Database,
  annotator: Annotator,
  times: LeaseTimes,
  look: { language: Language | undefined; now: number },
): Promise<VisitView> {
  const isLeft = await nextAssignment(db, annotator, times, look.now).then(
    (assignment) => assignment !== null,
    (error: unknown) => {
      // A study that was closed while they worked leaves nothing, and what they did is done.
      if (error instanceof ServiceError && error.code === 'study-closed') return false;
      throw error;
    },
  );
  return inTransaction(
    db,
    async (tx) => {
      const { visit, taken, standing, facts } = await placeOf(tx, annotator);
      const isAtWork = standing.endReason === null && stepAt(visit, taken) === 'work';
      if (isLeft || visit === null || !isAtWork) return viewOfVisit(tx, annotator, look);
      if (await failsChecks(tx, annotator, facts, standing)) {
        await endVisit(tx, annotator.id, 'checks');
        return viewOfVisit(tx, annotator, look);
      }
      // Everything was taken before they had begun; a place may become free again.
      if (standing.done === 0)
        return { ...(await viewOfVisit(tx, annotator, look)), at: 'end', end: ending(visit, 'full') };
      const step = { annotatorId: annotator.id, position: taken.length, step: 'work', answer: {}, createdAt: look.now };
      await insertStep(tx, step);
      if (visit.survey === undefined) await endVisit(tx, annotator.id, 'finished');
      return viewOfVisit(tx, annotator, look);
    },
    annotator.id,
  );
}

async function placeOf(tx: Database, annotator: Annotator) {
  const standing = await standingOf(tx, annotator.id);
  const facts = await studyFacts(tx, annotator.studyId);
  const visit = await withCodes(tx, annotator, visitFor(annotator, facts));
  const taken = visit === null ? [] : await stepsTaken(tx, annotator.id);
  // Whoever lost their place when all the work was done comes to the end all the same, and can be paid for it.
  const hasWorked =
    taken.some(({ step }) => step === 'work') || (standing.done > 0 && standing.done >= totalFor(annotator, facts));
  const endReason = standing.endReason === 'withdrawn' && hasWorked ? null : standing.endReason;
  return { standing: { ...standing, endReason }, facts, visit, taken };
}

/** Whoever came from a crowd platform ends with the codes that were made for it, also where nothing else surrounds the voting. */
async function withCodes(tx: Database, annotator: Annotator, visit: Visit | null): Promise<Visit | null> {
  const theirs = annotator.population === 'people' ? await codesFor(tx, annotator.id) : undefined;
  if (theirs === undefined) return visit;
  // Whoever was paid by a bonus must not be paid for the code as well.
  const codes = Object.entries(theirs.codes).filter(([reason]) => !(theirs.isPaid && reason === 'finished'));
  const ends = Object.fromEntries(codes.map(([reason, code]) => [reason, { code, redirect: completionUrl(code) }]));
  return { ...(visit ?? visitSchema.parse({})), ends };
}

/** Whether an answer ends the visit. */
function endBy({ device }: Visit, input: VisitStep): EndReason | undefined {
  if (input.step === 'consent' && !input.agreed) return 'no-consent';
  if (input.step === 'survey') return 'finished';
  if (input.step !== 'device') return undefined;
  const { minWidth = 0, minHeight = 0, minColorDepth = 0 } = device!;
  const isEnough = input.width >= minWidth && input.height >= minHeight && input.colorDepth >= minColorDepth;
  return isEnough ? undefined : 'device';
}

async function viewOfVisit(
  tx: Database,
  annotator: Annotator,
  { language, now }: { language: Language | undefined; now: number },
): Promise<VisitView> {
  const { visit, taken, standing, facts } = await placeOf(tx, annotator);
  const at = standing.endReason === null ? stepAt(visit, taken) : 'end';
  const view: VisitView = {
    languages: visit?.languages ?? ['en'],
    steps: stepsOf(visit),
    at,
    undo: visit?.undo ?? 1,
    follows: visit !== null,
    pointAt: visit?.pointAt ?? false,
    difference: visit?.difference ?? false,
    ...optional('breakAfter', visit?.breakAfter, (count) => count),
    ...ownQuestions(facts, visit, language),
    ...(visit?.oneScreen === true ? { oneScreen: true } : {}),
  };
  if (visit === null) return view;
  const say = (text: Localised) => inLanguage(text, visit, language);
  const html = (text: Localised | undefined) => optional('html', text, (given) => htmlOf(say(given)));
  if (isBefore(at, 'work')) requireOpen(standing.studyState);
  switch (at) {
    case 'welcome':
      return { ...view, ...html(visit.welcome), ...optional('about', visit.about, withoutUndefined) };
    case 'consent':
      return { ...view, ...html(visit.consent), ...optional('retentionDays', visit.retentionDays, (days) => days) };
    case 'device':
      return { ...view, ...optional('device', visit.device, withoutUndefined) };
    case 'instructions': {
      if (visit.example === undefined) return { ...view, ...html(visit.instructions) };
      const { criterion, answer, why } = visit.example;
      const assignment = await practicePair(tx, annotator, visit, 'example', now);
      const isLeft = (assignment.sideA === 'left') === (answer === 'a');
      const example: ShownPair = {
        ...(await shown(tx, facts, assignment, criterion)),
        answer: isLeft ? 'left' : 'right',
        ...optional('why', why, say),
      };
      return { ...view, ...html(visit.instructions), example };
    }
    case 'practice': {
      const index = practised(taken);
      const assignment = await practicePair(tx, annotator, visit, index, now);
      const pair = await shown(tx, facts, assignment, visit.practice![index]!.criterion);
      return { ...view, practice: { index, of: visit.practice!.length, pair } };
    }
    case 'survey':
      return {
        ...view,
        survey: visit.survey!.map(({ question, choices }) => ({
          question: say(question),
          ...optional('choices', choices, (list) => list.map(say)),
        })),
      };
    case 'end':
      return { ...view, ...html(visit.thanks), end: ending(visit, standing.endReason ?? 'finished') };
    default:
      return view;
  }
}

/** What the page cannot say in its own words. */
function ownQuestions(
  facts: StudyFacts,
  visit: Visit | null,
  language: Language | undefined,
): Pick<VisitView, 'questions'> {
  const own = ownCriteriaOf(facts);
  if (own.length === 0) return {};
  const shown: Pick<Visit, 'languages'> = visit ?? { languages: ['en'] };
  // In no language that the page itself is not shown in.
  const say = (text: Localised) =>
    inLanguage(text, shown, language !== undefined && shown.languages.includes(language) ? language : undefined);
  return {
    questions: own.map(({ id, question, help, hidesPrompt }) => ({
      id,
      question: say(question),
      hidesPrompt,
      ...optional('help', help, say),
    })),
  };
}

async function shown(
  tx: Database,
  facts: StudyFacts,
  assignment: Assignment,
  criterion: Criterion,
): Promise<ShownPair> {
  const content = await pairContent(tx, assignment.pairId);
  const prompt = hidesPrompt(criterion, ownCriteriaOf(facts)) ? null : content.prompt;
  return { id: assignment.id, criterion, prompt, ...imagesOf(assignment, content) };
}

function ending({ ends }: Visit, reason: EndReason | 'withdrawn'): NonNullable<VisitView['end']> {
  return { reason, ...withoutUndefined((reason === 'withdrawn' ? undefined : ends?.[reason]) ?? {}) };
}

/** The text in the wanted language; else in the first of the study's that it has; else in any. */
export function inLanguage(text: Localised, { languages }: Pick<Visit, 'languages'>, wanted?: Language): string {
  if (typeof text === 'string') return text;
  const order = [...(wanted === undefined ? [] : [wanted]), ...languages];
  return order.map((language) => text[language]).find((found) => found !== undefined) ?? Object.values(text)[0]!;
}

/** `{ [name]: change(value) }`, or nothing where there is no value. */
function optional<K extends string, T, R>(name: K, value: T | undefined, change: (value: T) => R): { [P in K]?: R } {
  return value === undefined ? {} : ({ [name]: change(value) } as { [P in K]?: R });
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };
function withoutUndefined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>;
}
