/** @file The report's JSON. Fields stay once released; more may come. A number that is undefined is null with a `why`. */
import { z } from 'zod';

const number = z.number().nullable();
const why = z.string().optional();

const interval = { low: number, high: number };

export const winRateSchema = z.object({
  value: number,
  ...interval,
  n: z.int(),
  rule: z.string(),
  method: z.string(),
  why,
});

const intervalSchema = z.object(interval);

export const sliceSchema = z.object({
  name: z.string(),
  wins: z.int(),
  losses: z.int(),
  ties: z.int(),
  split: z.int(),
  winRate: winRateSchema,
  p: number,
  /** p corrected (Holm) for the number of slices of its kind. */
  pHolm: number,
});

const bootstrapSchema = z.object({ ...interval, resamples: z.int(), seed: z.int(), why });

export const criterionReportSchema = z.object({
  criterion: z.string(),
  pairs: z.int(),
  decided: z.int(),
  incomplete: z.int(),
  wins: z.int(),
  losses: z.int(),
  ties: z.int(),
  split: z.int(),
  winRate: winRateSchema,
  winRateNoTies: winRateSchema,
  /** An unbiased win rate over the whole prompt set, when the study's sample took some prompts more than others. */
  winRateWeighted: z
    .object({
      value: number,
      ...interval,
      effectiveN: number,
      strata: z.int(),
      rule: z.string(),
      method: z.string(),
      why,
    })
    .nullable(),
  bootstrap: bootstrapSchema.extend({
    unit: z.literal('prompt'),
    method: z.literal('percentile'),
    bca: intervalSchema,
  }),
  /** A second analysis: annotators drawn with replacement, each pair's majority taken anew. */
  bootstrapAnnotators: bootstrapSchema.extend({ unit: z.literal('annotator') }),
  signTest: z.object({ p: number, why }),
  /** Holds however often one looks: H0 may be rejected at 5 % once eValue reaches 20. Over won and lost pairs. */
  evidence: z.object({ eValue: number, ...interval, n: z.int(), says: z.string() }),
  /** Smallest majority win rate that this many decided pairs detect with power .8 at 5 %. */
  detectableWinRate: number,
  votes: z.object({ a: z.int(), b: z.int(), tie: z.int(), shareA: number, why }),
  agreement: z.object({
    fleissKappa: number,
    fleissKappaInterval: intervalSchema,
    krippendorffAlpha: number,
    krippendorffAlphaInterval: intervalSchema,
    unanimous: number,
    why,
  }),
  sideBias: z.object({ leftShare: number, ...interval, n: z.int(), why }),
  byCategory: z.array(sliceSchema),
  byChallenge: z.array(sliceSchema),
});

export const annotatorReportSchema = z.object({
  id: z.string(),
  votes: z.int(),
  medianResponseTimeMs: number,
  /** Share of this person's votes, on pairs with a majority, that the majority (their own vote in it) confirms. */
  agreementWithMajority: number,
  excluded: z.boolean(),
});

const agreementSchema = z.object({ value: number, ...interval, n: z.int(), why });

/** A reward on the study's own pairs. Agreement: 1 where both name the same image, ½ where one says tie, 0 else. */
export const rewardReportSchema = z.object({
  reward: z.string(),
  winRate: winRateSchema,
  medianA: number,
  medianB: number,
  /** On general preference, or the study's first criterion where that was not asked. */
  agreementWithPeople: agreementSchema,
  byCriterion: z.array(
    z.object({
      criterion: z.string(),
      agreement: agreementSchema,
      byCategory: z.array(agreementSchema.extend({ name: z.string() })),
    }),
  ),
});

/** McNemar's exact test: do two criteria favour A equally often on the pairs that both decide? */
export const comparisonSchema = z.object({
  criteria: z.tuple([z.string(), z.string()]),
  onlyFirst: z.int(),
  onlySecond: z.int(),
  p: number,
});

export const reportSchema = z.object({
  study: z.string(),
  modelA: z.string(),
  modelB: z.string(),
  simulated: z.boolean(),
  votesPerPair: z.int(),
  criteria: z.array(criterionReportSchema),
  comparisons: z.array(comparisonSchema),
  annotators: z.array(annotatorReportSchema),
  rewards: z.array(rewardReportSchema),
});

/** What `analyze` adds: what became of the file's rows. */
export const analysisSchema = reportSchema.extend({
  rows: z.object({
    read: z.int(),
    used: z.int(),
    skipped: z.array(z.object({ reason: z.string(), count: z.int(), examples: z.array(z.string()) })),
    notes: z.array(z.string()),
  }),
});

export type Report = z.infer<typeof reportSchema>;
export type Analysis = z.infer<typeof analysisSchema>;
export type CriterionReport = z.infer<typeof criterionReportSchema>;
export type AnnotatorReport = z.infer<typeof annotatorReportSchema>;
export type RewardReport = z.infer<typeof rewardReportSchema>;
export type WinRate = z.infer<typeof winRateSchema>;
export type Slice = z.infer<typeof sliceSchema>;
