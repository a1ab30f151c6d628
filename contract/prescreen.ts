/** @file Pre-screening over HTTP: what is asked, how far it is, and the result that comes out. */
import { z } from 'zod';
import { textSchema } from './words.ts';

const number = z.number().nullable();
const name = textSchema.min(1).max(200);
const path = textSchema.min(1);

export const prescreenRequestSchema = z
  .strictObject({
    prompts: name.describe('Name of the prompt set.'),
    baseline: name.describe('Name of the model that the others are compared with.'),
    candidates: z.array(name).max(200).default([]).describe('Names of models that are there already.'),
    adapter: z
      .strictObject({
        name: name.describe('Name of the model that the baseline becomes with this adapter.'),
        path: path.describe("A LoRA file in the server's inbox."),
        scale: z.number().default(1).describe('Multiplies the adapter.'),
      })
      .optional()
      .describe('A LoRA adapter that becomes a candidate.'),
    checkpoints: z
      .array(path)
      .max(20)
      .default([])
      .describe("Folders of training runs in the server's inbox; each checkpoint becomes a candidate."),
    images: z
      .strictObject({
        name: name.describe('Name of the model that the images become.'),
        path: path.describe("A folder of 00000.png … or a manifest in the server's inbox."),
      })
      .optional()
      .describe('Images made by other programs.'),
    upload: z
      .strictObject({ name: name.describe('Name of the model that the images become.') })
      .optional()
      .describe('Given with images in the same multipart request.'),
    rewards: z.array(name).min(1).max(20).describe('Names of the reward models.'),
    require: z.array(z.string().min(1).max(200)).max(50).default([]).describe('Gates, as "reward.winRate>=0.55".'),
    seed: z.int().min(0).default(0).describe('Of the renders.'),
  })
  .meta({ id: 'PrescreenRequest' });
export type PrescreenRequest = z.infer<typeof prescreenRequestSchema>;

const estimateSchema = z.object({
  value: number.describe('The estimate; null where it is undefined.'),
  low: number.describe('Lower end of the 95 % interval over prompts.'),
  high: number.describe('Upper end of the 95 % interval over prompts.'),
});
const p = number.describe('Two-sided p value, 0 … 1.');
const winRateSchema = estimateSchema.extend({
  n: z.int().describe('Prompts with a score of both models.'),
  rule: z.literal('(W+T/2)/N').describe('The formula: W higher scores, T equal ones, N prompts.'),
  method: z.enum(['tango', 'wilson']).describe("The interval's method."),
  why: z.string().optional().describe('Why it is undefined, in words.'),
});
const counts = {
  wins: z.int().describe('Prompts on which the candidate scores higher.'),
  losses: z.int().describe('Prompts on which the baseline scores higher.'),
  ties: z.int().describe('Prompts with equal scores.'),
};
const deviceSeconds = z.number().describe("Seconds in the device's runs since the training began.");
const step = z.int().describe('Optimiser steps.');

export const candidateResultSchema = z.object({
  model: z.string().describe('Name of the candidate.'),
  checkpoint: z
    .object({
      run: z.string().describe("Name of the training run's folder."),
      step,
      deviceSeconds: deviceSeconds.nullable().describe('Seconds in the device, null where the run has no log.'),
    })
    .nullable()
    .describe('Which step of which training run it is; null for another model.'),
  ...counts,
  missing: z.int().describe('Prompts without a score of both models.'),
  winRate: winRateSchema.describe('Over the baseline.'),
  bootstrap: z
    .object({
      low: number.describe('Lower end of the 95 % interval.'),
      high: number.describe('Upper end of the 95 % interval.'),
      resamples: z.int().describe('Samples drawn.'),
      seed: z.int().describe('Of the draws.'),
      unit: z.literal('prompt').describe('What is drawn with replacement.'),
    })
    .describe('The win rate over prompts drawn with replacement.'),
  signTest: z
    .object({
      p: p.describe('Exact two-sided sign test.'),
      pScore: number.optional().describe("McNemar's score test, which the interval belongs to."),
      pHolm: number.describe('The exact p corrected (Holm) for the number of candidates.'),
    })
    .describe('Is the win rate ½?'),
  median: estimateSchema.describe("The candidate's median reward."),
  baselineMedian: estimateSchema.describe("The baseline's median reward."),
  medianDifference: estimateSchema.describe('Their difference.'),
  probabilityBest: number.describe(
    "Share of the bootstrap's samples of prompts in which this candidate's median is the highest.",
  ),
  byCategory: z
    .array(
      z.object({
        name: z.string().describe('The category.'),
        ...counts,
        winRate: winRateSchema.describe('Over the baseline.'),
        p,
        pHolm: number.describe('p corrected (Holm) for the number of categories.'),
      }),
    )
    .describe('Alphabetical.'),
});
export const rewardResultSchema = z.object({
  reward: z.string().describe('Name of the reward.'),
  kind: z.string().describe('Which reward model it is, as pickscore.'),
  candidates: z.array(candidateResultSchema).describe('In the order of the request, then checkpoints by step.'),
  best: z
    .object({
      model: z.string().describe('Name of the candidate with the highest median.'),
      probabilityBest: z.number().describe('Share of the samples of prompts in which it is the highest.'),
      indistinguishable: z
        .array(z.string())
        .describe("Candidates whose median these prompts cannot tell from the best's at 95 %."),
    })
    .nullable()
    .describe('Null while no candidate has a score.'),
  equalTime: z
    .object({
      deviceSeconds: z.number().describe('The time that all runs had, seconds.'),
      runs: z
        .array(
          z.object({
            run: z.string().describe("Name of the training run's folder."),
            model: z.string().describe('Name of its last checkpoint within that time.'),
            step,
            deviceSeconds,
            median: number.describe("The checkpoint's median reward."),
          }),
        )
        .describe("Each run's checkpoint."),
      winRates: z
        .array(
          z.object({
            a: z.string().describe('A run.'),
            b: z.string().describe('Another run.'),
            winRate: winRateSchema.describe("Of the first's checkpoint over the second's."),
          }),
        )
        .describe('Runs over one another.'),
    })
    .nullable()
    .describe('Runs compared after equal training time; null with fewer than two timed runs.'),
});
export const prescreenResultSchema = z
  .object({
    promptSet: z.string().describe('Name of the prompt set.'),
    prompts: z.int().describe('Prompts of the set.'),
    baseline: z.string().describe('Name of the baseline.'),
    seed: z.int().describe('Of the renders.'),
    rewards: z.array(rewardResultSchema).describe('In the order of the request.'),
    requirements: z
      .array(
        z.object({
          requirement: z.string().describe('The gate, as it was given.'),
          model: z.string().describe('Name of the candidate.'),
          value: number.describe('Its number.'),
          met: z.boolean().describe('An undefined number meets nothing.'),
        }),
      )
      .describe('Every gate on every named candidate, and of each run on its best checkpoint.'),
    passed: z.boolean().describe('Every gate is met.'),
    problems: z.array(z.string()).describe('Sentences: renders and scores that failed, and are missing here.'),
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
    id: z.string().describe('Of the prescreen.'),
    state: z.enum(['queued', 'running', 'done', 'failed']).describe('Where it is.'),
    request: prescreenRequestSchema.describe('What was asked.'),
    progress: z
      .object({
        task: z.string().describe('What is under way, as "render MODEL".'),
        done: z.int().describe('Of that, so many are done.'),
        total: z.int().describe('Of so many.'),
      })
      .nullable()
      .describe('Null before it begins.'),
    result: prescreenResultSchema.nullable().describe('Null until it is done.'),
    exitCode: z
      .int()
      .nullable()
      .describe('What `visavis prescreen` would have ended with: 0, 1 failed, 3 a gate was not met; null until then.'),
    error: z.string().nullable().describe('Why it failed, in one sentence.'),
    createdAt: z.int().describe('Milliseconds since 1970.'),
    updatedAt: z.int().describe('When its process was last heard of, milliseconds since 1970.'),
  })
  .meta({ id: 'Prescreen' });
export type Prescreen = z.infer<typeof prescreenSchema>;
export const prescreenListSchema = z.object({ prescreens: z.array(prescreenSchema).describe('Newest first.') });

export const studyFromScreenSchema = z.strictObject({
  name: name.describe('Of the new study.'),
  votesPerPair: z.int().min(1).max(99).default(3).describe('Votes that a pair needs for each criterion.'),
  criteria: z
    .array(z.enum(['general', 'appeal', 'alignment']))
    .min(1)
    .default(['general', 'appeal', 'alignment'])
    .describe('What annotators are asked.'),
  ties: z.boolean().default(false).describe('Whether a tie may be voted.'),
  seed: z.int().min(0).default(0).describe('Of the order of the pairs, the sides and the sample.'),
  promptSample: z.int().min(1).optional().describe('Prompts in a sample stratified by category; all by default.'),
  disagreement: z
    .number()
    .min(1)
    .max(100)
    .default(1)
    .describe('How many times likelier a prompt on which the rewards disagree is sampled; with promptSample.'),
});
export type StudyFromScreen = z.infer<typeof studyFromScreenSchema>;

export const createdStudySchema = z.object({
  name: z.string().describe('Of the new study.'),
  state: z.string().describe('draft'),
  a: z.string().describe('Name of model A.'),
  b: z.string().describe('Name of model B.'),
  pairs: z.int().describe('Pairs of the study.'),
});

export interface PrescreenServerEvents {
  'prescreen:progress': (prescreen: Prescreen) => void;
}
export interface PrescreenClientEvents {
  'prescreen:watch': (payload: { id: string }) => void;
}
