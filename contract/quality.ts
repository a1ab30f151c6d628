/** @file How annotators worked: what a person needs who decides whose votes are left out. */
import { z } from 'zod';

const rate = z.object({
  value: z.number().describe('The share.'),
  low: z.number().describe("Lower end of Wilson's 95 % interval."),
  high: z.number().describe("Upper end of Wilson's 95 % interval."),
  n: z.int().describe('Of so many.'),
});

export const annotatorQualitySchema = z.object({
  id: z.string().describe("The annotator's id, as the crowd platform has it."),
  votes: z.int().describe('Votes that count.'),
  gold: rate
    .nullable()
    .describe('Gold pairs answered right; one with several questions is right when most of them are.'),
  repeats: rate.nullable().describe('Repeated pairs answered as the first time, likewise.'),
  medianMs: z.number().nullable().describe('Median response time, milliseconds.'),
  fast: rate.nullable().describe('Pairs whose median answer was faster than fastMs.'),
  left: rate
    .extend({ p: z.number().describe('Exact two-sided test of ½: the sides of each pair are drawn by lot.') })
    .nullable()
    .describe('Pairs on which most answers are for the left image, of those with more for one side.'),
  longestRun: z
    .object({
      length: z.int().describe('Pairs for one side, one after the other.'),
      n: z.int().describe('Pairs for a side.'),
      p: z.number().describe('Probability of such a run in as many throws of a fair coin.'),
    })
    .nullable()
    .describe('Straight-lining.'),
  agreement: rate
    .nullable()
    .describe("Votes that the others' majority confirms, the own vote left out. Never a ground for leaving out."),
  reliability: z
    .number()
    .nullable()
    .describe("Share of right answers under Dawid & Skene's model. Never a ground for leaving out."),
  course: z.array(z.number()).describe('Median response times over the work, from the first votes to the last.'),
  suggestion: z.string().nullable().describe('Why the rule would leave this person out; null when it does not.'),
});
export type AnnotatorQuality = z.infer<typeof annotatorQualitySchema>;

export const qualitySchema = z.object({
  study: z.string().describe('Name of the study.'),
  simulated: z.boolean().describe('Whether these are simulated annotators.'),
  rule: z.string().describe('What a suggestion rests on, in words.'),
  ruleOf: z.enum(['plan', 'usual']).describe("Whether the rule is the plan's, or the usual one: then it only hints."),
  medianMs: z.number().nullable().describe("The median of everybody's median times."),
  fastMs: z.number().nullable().describe('An answer faster than this is fast.'),
  annotators: z
    .array(
      annotatorQualitySchema.extend({
        excluded: z.string().nullable().describe('Why this person is left out now; null when not.'),
      }),
    )
    .describe('Those whom the rule names first.'),
});
export type Quality = z.infer<typeof qualitySchema>;

export const reopenedSchema = z.object({
  opened: z.int().describe('Seats that were opened for others.'),
  shared: z
    .int()
    .describe('Seats that two have filled together, of whom one is left out: nobody is asked for them again.'),
});
export type Reopened = z.infer<typeof reopenedSchema>;

export const exclusionRequestSchema = z.object({ reason: z.string().max(500).describe('Shown in every report.') });
