/** @file A study as a file: what was decided, and nothing that follows from it. `study show --yaml` and `study create --from`. */
import { z } from 'zod';
import { askingOrder } from './criteria.ts';
import { visitSchema } from './visit.ts';
import { criterionSchema, textSchema } from './words.ts';

const name = textSchema
  .min(1)
  .max(200)
  .refine((text) => text.trim() === text && !/\p{Cc}/u.test(text), 'has a space at an end, or a line break');

export const studyFileSchema = z.strictObject({
  name: name.describe('Of the study.'),
  promptSet: name.describe('Name of its prompt set.'),
  modelA: name.describe('Name of model A, whose wins a win rate counts.'),
  modelB: name.describe('Name of model B.'),
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
  visit: visitSchema.optional().describe('What surrounds the voting.'),
});
export type StudyFile = z.infer<typeof studyFileSchema>;
