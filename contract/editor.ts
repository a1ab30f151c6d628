/** @file What the study editor reads and sends. The study itself is a study's file, as on the command line. */
import { z } from 'zod';
import { fileNameSchema } from './study-file.ts';
import { textSchema } from './words.ts';

export const materialSchema = z.object({
  promptSets: z
    .array(
      z.object({
        name: z.string().describe('Of the set.'),
        prompts: z.int().describe('How many it has.'),
        categories: z
          .array(z.object({ name: z.string().describe('Of the category.'), prompts: z.int().describe('How many.') }))
          .describe('By name; prompts without one are not counted.'),
      }),
    )
    .describe('By name.'),
  models: z
    .array(
      z.object({
        name: z.string().describe('Of the model.'),
        kind: z.enum(['pipeline', 'imported']).describe('Whether it renders here.'),
        rendered: z
          .array(
            z.object({
              promptSet: z.string().describe('Name of the set.'),
              prompts: z.int().describe('Prompts with an image.'),
            }),
          )
          .describe('Sets of which it has images.'),
      }),
    )
    .describe('By name.'),
});
export type Material = z.infer<typeof materialSchema>;

export const promptListSchema = z.object({
  prompts: z
    .array(
      z.object({
        position: z.int().describe('From 0.'),
        text: z.string().describe('The prompt.'),
        category: z.string().nullable().describe("The prompt's category."),
        challenge: z.string().nullable().describe("The prompt's challenge."),
      }),
    )
    .describe('In the order of the set.'),
});
export type PromptList = z.infer<typeof promptListSchema>;

export const newPromptsSchema = z.object({
  name: fileNameSchema.describe('Of the new set.'),
  format: z.enum(['txt', 'csv', 'tsv', 'jsonl']).default('txt').describe('As prompts import takes them.'),
  text: z.string().min(1).describe('The file: a prompt a line, or a table.'),
});
export const createdPromptsSchema = z.object({
  name: z.string().describe('Of the new set.'),
  prompts: z.int().describe('How many it has.'),
});

export const newRendersSchema = z.object({
  name: fileNameSchema.describe('Of the model: a new one, or one whose images were imported.'),
  prompts: fileNameSchema.describe('The prompt set that the images are of.'),
});
export const importedRendersSchema = z.object({
  name: z.string().describe('Of the model.'),
  imported: z.int().describe('Images that were imported.'),
  converted: z
    .array(z.object({ change: z.string().describe('What was done.'), images: z.int().describe('To how many.') }))
    .describe('To pixels that were not 8-bit sRGB.'),
});

export const studyCheckRequestSchema = z.object({
  yaml: z.string().max(1_000_000).optional().describe("The study's file as YAML."),
  file: z.unknown().optional().describe('Or as JSON.'),
});
export const studyCheckSchema = z.object({
  file: z.record(z.string(), z.unknown()).describe("The study's file with what follows from the defaults."),
  yaml: z.string().describe('The same as YAML.'),
  pairs: z.int().describe('Pairs that it would have.'),
  missing: z
    .array(
      z.object({
        modelA: z.string().describe('Model A.'),
        modelB: z.string().describe('Model B.'),
        prompts: z.int().describe('Prompts of which not both have an image with one seed.'),
      }),
    )
    .describe('Pairings that cannot show every prompt.'),
  sha256: z.string().nullable().describe('What the plan would be hashed to; null without a plan.'),
});
export type StudyCheck = z.infer<typeof studyCheckSchema>;

export const newStudySchema = z.object({ file: z.unknown().describe("The study's file as JSON.") });

export const previewSchema = z.object({
  path: z.string().describe('Of the annotator’s page on this server, for some hours.'),
});

const draftFields = {
  name: textSchema.max(200).describe('Of the study that it will be; may be empty.'),
  content: z
    .record(z.string(), z.unknown())
    .describe('As the editor has it: a study’s file in which something may be missing.'),
};
const draftPlace = {
  id: z.string().describe('Of the draft.'),
  version: z.int().describe('Grows by one with each change.'),
  updatedAt: z.int().describe('Milliseconds since 1970.'),
};
export const draftSchema = z.object({ ...draftPlace, ...draftFields });
export type StoredDraft = z.infer<typeof draftSchema>;
export const draftListSchema = z.object({
  drafts: z.array(z.object({ ...draftPlace, name: draftFields.name })).describe('The one that was changed last first.'),
});
export type DraftList = z.infer<typeof draftListSchema>;
export const draftChangeSchema = z.object({
  ...draftFields,
  version: z.int().min(1).describe('One more than that of the draft that was changed; 1 for a new one.'),
});
export const draftRemovalSchema = z.object({
  version: z.int().min(0).describe('Of the draft that is thrown away, as it was seen last.'),
});
export type DraftChange = z.infer<typeof draftChangeSchema>;
