/** @file A study as a file: what was decided, and nothing that follows from it. `study show --yaml` and `study create --from`. */
import { z } from 'zod';
import { askingOrder, criteria as builtIn, isBuiltIn, type OwnCriterion } from './criteria.ts';
import { contradictsPreset, planSchema, presetSchema } from './plan.ts';
import { localised, line, visitSchema } from './visit.ts';
import { criterionSchema, textSchema } from './words.ts';

/** A name that a study's file can hold. */
export const fileNameSchema = textSchema
  .min(1)
  .max(200)
  .refine((text) => text.trim() === text && !/\p{Cc}/u.test(text), 'has a space at an end, or a line break');

const ownCriterionSchema = z.strictObject({
  id: criterionSchema
    .refine((id) => !isBuiltIn(id), 'is the name of a built-in criterion, which is asked in its own words')
    .describe('Its name in votes and reports.'),
  question: localised(line).describe('What is asked.'),
  help: localised(line).optional().describe('What is meant, shown with the question.'),
  hidesPrompt: z
    .boolean()
    .default(false)
    .describe('Whether it is judged from the images alone; it is then asked before those that show the prompt.'),
});
export const activeSchema = z.strictObject({
  pairs: z.int().min(1).max(1_000_000).describe('Pairs that are drawn in all.'),
  random: z
    .number()
    .min(0.05)
    .max(1)
    .default(0.25)
    .describe('Share of the draws that is even over the pairs of models; the others go where they tell most.'),
});
export type Active = z.infer<typeof activeSchema>;

export type CriterionOfFile = (typeof builtIn)[number] | OwnCriterion;

/** Of what is neither a built-in name nor a question: the part of it that is wrong. */
function wrongCriterion({ input, errors }: { input?: unknown; errors?: z.core.$ZodIssue[][] }): string {
  const wrong = typeof input === 'object' && input !== null ? errors?.[1]?.[0] : undefined;
  if (wrong === undefined)
    return 'is general, appeal or alignment, or a question of your own: { id, question, help, hidesPrompt }';
  const place = z.core.toDotPath(wrong.path);
  return `${place === '' ? '' : `${place} `}${wrong.message}`;
}

/** The names of what a file asks. */
export const namesOf = (asked: readonly CriterionOfFile[]) =>
  asked.map((one) => (typeof one === 'string' ? one : one.id));
/** The criteria of a file that are the study's own. */
export const ownOf = (asked: readonly CriterionOfFile[]) => asked.filter((one) => typeof one !== 'string');

export const studyFileShape = z.strictObject({
  name: fileNameSchema.describe('Of the study.'),
  promptSet: fileNameSchema.describe('Name of its prompt set.'),
  modelA: fileNameSchema.optional().describe('Name of model A, whose wins a win rate counts.'),
  modelB: fileNameSchema.optional().describe('Name of model B.'),
  models: z
    .array(fileNameSchema)
    .min(2)
    .optional()
    .describe('Instead of modelA and modelB, any number: each two are compared, the earlier one as A.'),
  against: fileNameSchema.optional().describe('The one of the models with which each other is compared alone, as A.'),
  criteria: z
    .array(z.union([z.enum(builtIn), ownCriterionSchema], { error: wrongCriterion }))
    .min(1)
    .max(20)
    .refine((list) => new Set(namesOf(list)).size === list.length, 'names a criterion twice')
    .refine((list) => askingOrder(namesOf(list), ownOf(list)).join() === namesOf(list).join(), {
      error:
        'must stand in the order in which they are asked: appeal, general, alignment, then your own; those that hide the prompt before the others',
    })
    .default(['appeal', 'general', 'alignment'])
    .describe('In the order in which they are asked: built-in ones by name, or questions of your own.'),
  votesPerPair: z.int().min(1).max(99).default(3).describe('Votes that a pair needs for each criterion.'),
  ties: z.boolean().default(false).describe('Whether a tie may be voted.'),
  bothBad: z
    .boolean()
    .optional()
    .describe('Whether a tie may say that neither image will do; it goes with ties, and counts as one.'),
  split: z
    .boolean()
    .optional()
    .describe('Whether an annotator answers one criterion of a pair, and others the others; otherwise all of them.'),
  active: activeSchema
    .optional()
    .describe('Of three and more models: which of them are compared is drawn while people vote.'),
  seed: z.int().nonnegative().default(0).describe('Of the order, the sides and the sample.'),
  promptSample: z.int().min(1).optional().describe('A stratified sample of so many prompts; all of them without.'),
  preset: presetSchema.optional().describe('The paper that it replicates.'),
  plan: planSchema.optional().describe('What it sets out to show.'),
  visit: visitSchema.optional().describe('What surrounds the voting.'),
});

/** Which models a file compares. */
export type ModelsOfFile = { modelA: string; modelB: string } | { models: string[]; against?: string };
type Decided = Omit<z.infer<typeof studyFileShape>, 'modelA' | 'modelB' | 'models' | 'against'>;

export const studyFileSchema = studyFileShape.transform(
  ({ modelA, modelB, models, against, ...rest }, context): Decided & ModelsOfFile => {
    const say = (message: string, ...path: string[]) => {
      context.addIssue({ code: 'custom', message, path });
      return z.NEVER;
    };
    const asked = namesOf(rest.criteria);
    if (rest.plan !== undefined && !asked.includes(rest.plan.primary)) return say('is not asked', 'plan', 'primary');
    if (rest.bothBad === true && !rest.ties) return say('goes with ties', 'bothBad');
    const clash = rest.preset === undefined ? undefined : contradictsPreset(rest.preset, { ...rest, criteria: asked });
    if (clash !== undefined) return say(clash, 'preset');
    if (models === undefined) {
      if (modelA === undefined) return say('is needed, or models', 'modelA');
      if (modelB === undefined) return say('is needed, or models', 'modelB');
      if (against !== undefined) return say('goes with models', 'against');
      return { ...rest, modelA, modelB };
    }
    if (modelA !== undefined || modelB !== undefined) return say('stands instead of modelA and modelB', 'models');
    if (against !== undefined && !models.includes(against)) return say('is none of the models', 'against');
    return { ...rest, models, ...(against === undefined ? {} : { against }) };
  },
);
export type StudyFile = z.infer<typeof studyFileSchema>;
