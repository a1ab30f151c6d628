/** @file Training runs: rows of log.jsonl, and what the research page reads of a run. */
import { z } from 'zod';

export const logRowSchema = z.object({
  step: z.int(),
  loss: z.number(),
  implicitAccuracy: z.number().nullable(),
  margin: z.number().nullable(),
  gradientNorm: z.number(),
  learningRate: z.number(),
  seconds: z.number(),
  deviceSeconds: z.number(),
});
export type LogRow = z.infer<typeof logRowSchema>;

export const trainingRunSchema = z.object({
  name: z.string(),
  objective: z.string(),
  steps: z.int(),
  /** The run ends after so many device seconds, when it was asked to. */
  maxSeconds: z.number().nullable(),
  done: z.int(),
  updatedAt: z.int(),
  log: z.array(
    z.object({
      step: z.int(),
      deviceSeconds: z.number(),
      loss: z.number(),
      implicitAccuracy: z.number().nullable(),
      gradientNorm: z.number(),
    }),
  ),
});
export type TrainingRun = z.infer<typeof trainingRunSchema>;
export const trainingRunListSchema = z.object({ runs: z.array(trainingRunSchema) });
