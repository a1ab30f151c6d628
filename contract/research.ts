/** @file What the research page and scripts read over HTTP and the socket namespace `/research`. */
import { z } from 'zod';
import { visitSchema } from './visit.ts';
import { criterionSchema, studyStateSchema } from './words.ts';

export const studySummarySchema = z.object({
  name: z.string().describe('Of the study.'),
  state: studyStateSchema.describe('Where it is: draft, open, paused or closed.'),
  promptSet: z.string().describe('Name of its prompt set.'),
  modelA: z
    .string()
    .optional()
    .describe('Name of model A, whose wins a win rate counts; absent where more than two are compared.'),
  modelB: z.string().optional().describe('Name of model B; absent where more than two are compared.'),
  models: z.array(z.string()).describe('All that are compared, by name.'),
  against: z.string().optional().describe('Each is compared with this one alone; absent where each two are.'),
  criteria: z.array(criterionSchema).describe('In the order in which they are asked.'),
  votesPerPair: z.int().describe('Votes that a pair needs for each criterion.'),
  ties: z.boolean().describe('Whether a tie may be voted.'),
  seed: z.int().describe('Of the order, the sides and the sample.'),
  promptSample: z.int().nullable().describe('The size of the sample of prompts that was asked for; null: all.'),
  visit: visitSchema.nullable().describe('What surrounds the voting; null: nothing.'),
  pairs: z.int().describe('Pairs of the study.'),
  simulated: z
    .boolean()
    .describe('True when the numbers are of simulated annotators, because no person has voted yet.'),
  votes: z.int().describe('Votes that count.'),
  votesNeeded: z.int().describe('Votes of a finished study: pairs × votes a pair × criteria.'),
  annotators: z.int().describe('Annotators with a vote that counts.'),
  running: z
    .boolean()
    .describe('Whether people have voted and may go on: results are then shown on demand alone (reveal=true).'),
  takeOvers: z.int().describe('Times that somebody went on as an annotator from a browser without their key.'),
  problems: z
    .array(
      z.object({
        pair: z
          .int()
          .nullable()
          .describe('Position of the pair in the study, from 0; null for one that only serves as a check.'),
        prompt: z.string().describe('Its prompt.'),
        reason: z.string().describe('skipped, blurry, offensive, broken, text, or missing (an image, on the server).'),
        count: z.int().describe('How often it was told.'),
      }),
    )
    .describe('What annotators found wrong with pairs, the most frequent first; at most 100.'),
  archived: z.boolean().describe('Whether lists leave it out.'),
  createdAt: z.int().describe('Milliseconds since 1970.'),
});
export type StudySummary = z.infer<typeof studySummarySchema>;

export const studyListSchema = z.object({ studies: z.array(studySummarySchema).describe('Newest first.') });

export const studyChangeSchema = z.object({ state: studyStateSchema.describe('The state that it goes to.') });

export const inviteSchema = z.object({
  path: z.string().describe("Path of the annotators' link."),
  url: z.string().optional().describe('The whole link, where the public address is configured.'),
});

export interface ResearchServerEvents {
  'study:progress': (study: StudySummary) => void;
}
export interface ResearchClientEvents {
  'study:watch': (payload: { name: string }) => void;
}
