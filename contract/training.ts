/** @file Training runs: rows of log.jsonl, and what the research page reads of a run. */
import { z } from 'zod';

const step = z.int().describe('Optimiser steps taken.');
const deviceSeconds = z.number().describe("Seconds in the device's runs since the training began.");

export const logRowSchema = z.object({
  step,
  loss: z.number().describe("The objective's loss over this step's batch, no unit."),
  implicitAccuracy: z
    .number()
    .nullable()
    .describe(
      'Share of the pairs that the model itself orders as people did (L^w − L^l against the reference where there is one); null for SFT.',
    ),
  margin: z
    .number()
    .nullable()
    .describe('Mean of β·logits over the pairs, no unit; null for SFT and for single images.'),
  gradientNorm: z.number().describe('Global L2 norm of the gradient before clipping.'),
  learningRate: z.number().describe("This step's learning rate, warm-up included."),
  seconds: z.number().describe('Seconds that the step took.'),
  deviceSeconds,
});
export type LogRow = z.infer<typeof logRowSchema>;

export const trainingRunSchema = z.object({
  name: z.string().describe("Name of the run's folder."),
  objective: z
    .string()
    .describe(
      'sft, dpo, cpo, ipo, mapo, dmpo, kto, dspo, ncp-sft, ncp-dpo, ncp-cpo, ncp-ipo, ncp-dmpo, ncp-kto or ncp-dspo.',
    ),
  steps: z.int().describe('Optimiser steps that were asked for.'),
  maxSeconds: z.number().nullable().describe('The run ends after so many device seconds, when it was asked to.'),
  done: z.int().describe('Steps in its log.'),
  updatedAt: z.int().describe('When it was begun or continued, milliseconds since 1970.'),
  log: z
    .array(
      z.object({
        step,
        deviceSeconds,
        loss: z.number().describe('Mean over the steps of this point, no unit.'),
        implicitAccuracy: z
          .number()
          .nullable()
          .describe('Mean share of pairs ordered as people did; null for SFT and for single images.'),
        gradientNorm: z.number().describe('Mean global L2 norm of the gradient before clipping.'),
      }),
    )
    .describe('The log, thinned to at most 300 points.'),
});
export type TrainingRun = z.infer<typeof trainingRunSchema>;
export const trainingRunListSchema = z.object({
  runs: z.array(trainingRunSchema).describe('Newest first.'),
});
