/**
 * @file What annotators are asked: three questions in the words of Gambashidze et al. (2025), arXiv:2406.17636, human evaluation,
 * and a study's own. Apart from the schemas, so that the annotator's page does not load a validation library.
 */
import type { Localised } from './visit.ts';

export const criteria = ['general', 'appeal', 'alignment'] as const;
/** A question that every study can ask. */
export type BuiltInCriterion = (typeof criteria)[number];
/** The name of a question in votes, files and reports: a built-in one, or one of the study's own. */
export type Criterion = string;

export interface CriterionText {
  name: string;
  question: string;
  /** The prompt is hidden while this criterion is asked: it is judged from the images alone. */
  hidesPrompt: boolean;
}

/** A question of a study's own. */
export interface OwnCriterion {
  id: string;
  question: Localised;
  /** What is meant by it, shown with the question. */
  help?: Localised | undefined;
  hidesPrompt: boolean;
}

export const criterionTexts: Record<BuiltInCriterion, CriterionText> = {
  appeal: { name: 'Visual appeal', question: 'Which image is more visually appealing?', hidesPrompt: true },
  general: {
    name: 'General preference',
    question: 'Which image do you prefer given the prompt?',
    hidesPrompt: false,
  },
  alignment: {
    name: 'Prompt alignment',
    question: 'Which image better fits the text description?',
    hidesPrompt: false,
  },
};
const paperOrder = Object.keys(criterionTexts) as BuiltInCriterion[];

export function isBuiltIn(criterion: string): criterion is BuiltInCriterion {
  return Object.hasOwn(criterionTexts, criterion);
}

/** For people: `fewer-artefacts` of a study's own is "Fewer artefacts". What somebody's file calls otherwise stays as it is. */
export function nameOfCriterion(criterion: Criterion): string {
  if (isBuiltIn(criterion)) return criterionTexts[criterion].name;
  if (!ownName.test(criterion)) return criterion;
  const words = criterion.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
/** What a study may call a question of its own. */
export const ownName = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

export function hidesPrompt(criterion: Criterion, own: readonly Pick<OwnCriterion, 'id' | 'hidesPrompt'>[]): boolean {
  if (isBuiltIn(criterion)) return criterionTexts[criterion].hidesPrompt;
  return own.find(({ id }) => id === criterion)?.hidesPrompt === true;
}

/**
 * Criteria that hide the prompt come first: once it was seen it cannot be unseen. Among each the paper's come in its order, then
 * the study's own as they stand.
 */
export function askingOrder(
  asked: readonly Criterion[],
  own: readonly Pick<OwnCriterion, 'id' | 'hidesPrompt'>[] = [],
): Criterion[] {
  const inOrder = [...paperOrder.filter((one) => asked.includes(one)), ...asked.filter((one) => !isBuiltIn(one))];
  return [true, false].flatMap((hides) => inOrder.filter((one) => hidesPrompt(one, own) === hides));
}

/**
 * The order in which one annotator is asked where the study rotates it: those that hide the prompt among themselves and the
 * others among themselves, each place taken by each of them for an equal share of the annotators.
 * @param turn a number that is spread evenly over annotators
 */
export function rotatedOrder(
  asked: readonly Criterion[],
  own: readonly Pick<OwnCriterion, 'id' | 'hidesPrompt'>[],
  turn: number,
): Criterion[] {
  const hidden = asked.filter((one) => hidesPrompt(one, own));
  const shown = asked.filter((one) => !hidesPrompt(one, own));
  const rotate = (list: Criterion[], by: number) => [...list.slice(by), ...list.slice(0, by)];
  const first = Math.max(1, hidden.length);
  return [...rotate(hidden, turn % first), ...rotate(shown, Math.floor(turn / first) % Math.max(1, shown.length))];
}
