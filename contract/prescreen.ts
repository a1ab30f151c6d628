/** @file Pre-screening over HTTP: what is asked, how far it is, and the screen that comes out. */
import { z } from 'zod';

const number = z.number().nullable();
const name = z.string().min(1).max(200);

export const prescreenRequestSchema = z
  .strictObject({
    prompts: name,
    baseline: name,
    /** Models that are there already. */
    candidates: z.array(name).max(200).default([]),
    /** A LoRA adapter in the server's inbox: the baseline with this adapter becomes the model `name`. */
    adapter: z.strictObject({ name, path: z.string().min(1), scale: z.number().default(1) }).optional(),
    /** Folders of training runs in the server's inbox. */
    checkpoints: z.array(z.string().min(1)).max(20).default([]),
    /** A folder of 00000.png … or a manifest in the server's inbox, imported as the model `name`. */
    images: z.strictObject({ name, path: z.string().min(1) }).optional(),
    /** With images in the same multipart request: the name of the model that they become. */
    upload: z.strictObject({ name }).optional(),
    rewards: z.array(name).min(1).max(20),
    require: z.array(z.string().min(1).max(200)).max(50).default([]),
    seed: z.int().min(0).default(0),
  })
  .meta({ id: 'PrescreenRequest' });
export type PrescreenRequest = z.infer<typeof prescreenRequestSchema>;

const estimateSchema = z.object({ value: number, low: number, high: number });
const winRateSchema = estimateSchema.extend({
  n: z.int(),
  rule: z.literal('(W+T/2)/N'),
  method: z.literal('wilson'),
  why: z.string().optional(),
});
const countsSchema = { wins: z.int(), losses: z.int(), ties: z.int() };

export const candidateResultSchema = z.object({
  model: z.string(),
  checkpoint: z.object({ run: z.string(), step: z.int(), deviceSeconds: number }).nullable(),
  ...countsSchema,
  missing: z.int(),
  winRate: winRateSchema,
  bootstrap: z.object({ low: number, high: number, resamples: z.int(), seed: z.int(), unit: z.literal('prompt') }),
  signTest: z.object({ p: number, pHolm: number }),
  median: estimateSchema,
  baselineMedian: estimateSchema,
  medianDifference: estimateSchema,
  probabilityBest: number,
  byCategory: z.array(
    z.object({ name: z.string(), ...countsSchema, winRate: winRateSchema, p: number, pHolm: number }),
  ),
});
export const rewardResultSchema = z.object({
  reward: z.string(),
  kind: z.string(),
  candidates: z.array(candidateResultSchema),
  best: z.object({ model: z.string(), probabilityBest: z.number(), indistinguishable: z.array(z.string()) }).nullable(),
  equalTime: z
    .object({
      deviceSeconds: z.number(),
      runs: z.array(
        z.object({ run: z.string(), model: z.string(), step: z.int(), deviceSeconds: z.number(), median: number }),
      ),
      winRates: z.array(z.object({ a: z.string(), b: z.string(), winRate: winRateSchema })),
    })
    .nullable(),
});
export const prescreenResultSchema = z
  .object({
    promptSet: z.string(),
    prompts: z.int(),
    baseline: z.string(),
    seed: z.int(),
    rewards: z.array(rewardResultSchema),
    requirements: z.array(z.object({ requirement: z.string(), model: z.string(), value: number, met: z.boolean() })),
    passed: z.boolean(),
    problems: z.array(z.string()),
  })
  .meta({ id: 'PrescreenResult' });
export type PrescreenResult = z.infer<typeof prescreenResultSchema>;
export type RewardResult = z.infer<typeof rewardResultSchema>;
export type CandidateResult = z.infer<typeof candidateResultSchema>;
export type CategoryResult = CandidateResult['byCategory'][number];
export type CheckpointResult = NonNullable<CandidateResult['checkpoint']>;
export type GateResult = PrescreenResult['requirements'][number];

export const prescreenSchema = z
  .object({
    id: z.string(),
    state: z.enum(['queued', 'running', 'done', 'failed']),
    request: prescreenRequestSchema,
    progress: z.object({ task: z.string(), done: z.int(), total: z.int() }).nullable(),
    result: prescreenResultSchema.nullable(),
    /** What `visavis prescreen` would have ended with: 0, 3 when a gate was not met; null until it is done. */
    exitCode: z.int().nullable(),
    error: z.string().nullable(),
    createdAt: z.int(),
    updatedAt: z.int(),
  })
  .meta({ id: 'Prescreen' });
export type Prescreen = z.infer<typeof prescreenSchema>;
export const prescreenListSchema = z.object({ prescreens: z.array(prescreenSchema) });

export const studyFromScreenSchema = z.strictObject({
  name,
  votesPerPair: z.int().min(1).max(99).default(3),
  criteria: z
    .array(z.enum(['general', 'appeal', 'alignment']))
    .min(1)
    .default(['general', 'appeal', 'alignment']),
  ties: z.boolean().default(false),
  seed: z.int().min(0).default(0),
  promptSample: z.int().min(1).optional(),
  /** How many times likelier a prompt on which the rewards disagree is sampled; with promptSample. */
  disagreement: z.number().min(1).max(100).default(1),
});
export type StudyFromScreen = z.infer<typeof studyFromScreenSchema>;

export interface PrescreenServerEvents {
  'prescreen:progress': (prescreen: Prescreen) => void;
}
export interface PrescreenClientEvents {
  'prescreen:watch': (payload: { id: string }) => void;
}
