/** @file Jobs of a team's queue: work that several machines do together. */
import { z } from 'zod';

export const jobSchema = z.object({
  id: z.string().describe('Random.'),
  kind: z.enum(['render', 'score', 'prescreen', 'train', 'report']).describe('The command that it was given by.'),
  title: z.string().describe('What is done with what, for people.'),
  state: z
    .enum(['waiting', 'running', 'done', 'failed', 'cancelled'])
    .describe('Waiting until its first slice is taken.'),
  deviceKind: z.string().nullable().describe('cpu, cuda or webgpu; null until the first slice is taken.'),
  items: z.int().describe('Images, scores or training steps that it has to make.'),
  done: z.int().describe('Of these, made so far.'),
  slices: z
    .object({
      waiting: z.int().describe('Nobody has taken them.'),
      running: z.int().describe('A worker has them.'),
      done: z.int().describe('Over.'),
      failed: z.int().describe('Given up, with a sentence.'),
      cancelled: z.int().describe('Ended by somebody.'),
    })
    .describe('Parts that one worker takes at a time, by their state.'),
  workers: z.array(z.string()).describe('Who works on it at this moment.'),
  secondsLeft: z.number().nullable().describe('At the pace since it began; null before and after.'),
  error: z.string().nullable().describe('Why it failed, or why a slice failed.'),
  createdAt: z.int().describe('Milliseconds since 1970.'),
  updatedAt: z.int().describe('Milliseconds since 1970.'),
});
export type JobView = z.infer<typeof jobSchema>;
export const jobListSchema = z.object({ jobs: z.array(jobSchema).describe('Newest first.') });
export type JobList = z.infer<typeof jobListSchema>;
