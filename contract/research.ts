/** @file What the research page and scripts read over HTTP and the socket namespace `/research`. */
import { z } from 'zod';
import { criterionSchema, studyStateSchema } from './words.ts';

export const studySummarySchema = z.object({
  name: z.string(),
  state: studyStateSchema,
  promptSet: z.string(),
  modelA: z.string(),
  modelB: z.string(),
  criteria: z.array(criterionSchema),
  votesPerPair: z.int(),
  ties: z.boolean(),
  pairs: z.int(),
  /** True when the numbers are of simulated annotators, because no person has voted yet. */
  simulated: z.boolean(),
  votes: z.int(),
  votesNeeded: z.int(),
  annotators: z.int(),
  createdAt: z.int(),
});
export type StudySummary = z.infer<typeof studySummarySchema>;

export const studyListSchema = z.object({ studies: z.array(studySummarySchema) });

export const studyChangeSchema = z.object({ state: studyStateSchema });

export interface ResearchServerEvents {
  'study:progress': (study: StudySummary) => void;
}
export interface ResearchClientEvents {
  'study:watch': (payload: { name: string }) => void;
}
