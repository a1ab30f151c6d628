/**
 * @file What annotators are asked, in the words of Gambashidze et al. (2025), arXiv:2406.17636, human evaluation. Apart
 * from the schemas, so that the annotator's page does not load a validation library.
 */

export const criteria = ['general', 'appeal', 'alignment'] as const;
export type Criterion = (typeof criteria)[number];

export interface CriterionText {
  name: string;
  question: string;
  /** The prompt is hidden while this criterion is asked: it is judged from the images alone. */
  hidesPrompt: boolean;
}

export const criterionTexts: Record<Criterion, CriterionText> = {
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

/** Criteria that hide the prompt come first: once it was seen it cannot be unseen. */
export function askingOrder(criteria: readonly Criterion[]): Criterion[] {
  return (Object.keys(criterionTexts) as Criterion[]).filter((criterion) => criteria.includes(criterion));
}
