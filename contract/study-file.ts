/** @file A study as a file: what was decided, and nothing that follows from it. `study show --yaml` and `study create --from`. */
import { z } from 'zod';
import { askingOrder } from './criteria.ts';
import { contradictsPreset, planSchema, presetSchema } from './plan.ts';
import { visitSchema } from './visit.ts';
import { criterionSchema, textSchema } from './words.ts';

/** A name that a study's file can hold. */
export const fileNameSchema = textSchema
  .min(1)
  .max(200)
  .refine((text) => text.trim() === text && !/\p{Cc}/u.test(text), 'has a space at an end, or a line break');

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
    .array(criterionSchema)
    .min(1)
    .refine((list) => new Set(list).size === list.length, 'names a criterion twice')
    .refine((list) => askingOrder(list).join() === list.join(), {
      error: 'must stand in the order in which they are asked: appeal, general, alignment',
    })
    .default(['appeal', 'general', 'alignment'])
    .describe('In the order in which they are asked.'),
  votesPerPair: z.int().min(1).max(99).default(3).describe('Votes that a pair needs for each criterion.'),
  ties: z.boolean().default(false).describe('Whether a tie may be voted.'),
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
    if (rest.plan !== undefined && !rest.criteria.includes(rest.plan.primary))
      return say('is not asked', 'plan', 'primary');
    const clash = rest.preset === undefined ? undefined : contradictsPreset(rest.preset, rest);
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
