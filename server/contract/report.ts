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

export const sliceSchema = z.object({
  name: z.string(),
  wins: z.int(),
  losses: z.int(),
  ties: z.int(),
  split: z.int(),
  winRate: winRateSchema,
  p: number,
});

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
  signTest: z.object({ p: number, why }),
  votes: z.object({ a: z.int(), b: z.int(), tie: z.int(), shareA: number, why }),
  byCategory: z.array(sliceSchema),
  byChallenge: z.array(sliceSchema),
});

export const reportSchema = z.object({
  study: z.string(),
  modelA: z.string(),
  modelB: z.string(),
  simulated: z.boolean(),
  votesPerPair: z.int(),
  criteria: z.array(criterionReportSchema),
});

export type Report = z.infer<typeof reportSchema>;
export type CriterionReport = z.infer<typeof criterionReportSchema>;
export type WinRate = z.infer<typeof winRateSchema>;
export type Slice = z.infer<typeof sliceSchema>;
