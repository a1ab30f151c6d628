/** @file What a study set out to show, decided before its first vote; and the presets that replicate a paper. */
import { z } from 'zod';
import type { Criterion } from './criteria.ts';
import { criterionSchema, textSchema } from './words.ts';

const share = z.number().gt(0).lt(1);

/** A rule that can be computed. Whoever is as good as its bars is named with the probability falseAlarms at most. */
export const exclusionRuleSchema = z
  .strictObject({
    gold: share.optional().describe('Shown to answer a smaller share of the gold pairs right.'),
    repeats: share.optional().describe('Shown to answer a smaller share of the repeated pairs alike.'),
    fast: share.optional().describe("Shown to answer most pairs in less than this share of everybody's median time."),
    falseAlarms: z.number().gt(0).max(0.1).optional().describe('0.01 when it is left out.'),
  })
  .refine(({ gold, repeats, fast }) => gold !== undefined || repeats !== undefined || fast !== undefined, {
    error: 'has at least one of gold, repeats and fast',
  });
export type ExclusionRule = z.infer<typeof exclusionRuleSchema>;

export const planSchema = z
  .strictObject({
    primary: criterionSchema.describe(
      'The criterion that the verdict is on; it is tested alone, the others are corrected.',
    ),
    hypothesis: z
      .enum(['superiority', 'non-inferiority', 'equivalence'])
      .default('superiority')
      .describe('A wins another share than half; not less than half by the margin; within the margin of half.'),
    margin: z
      .number()
      .gt(0)
      .lt(0.5)
      .optional()
      .describe('Of non-inferiority and equivalence: in the win rate, 0.05 are five points.'),
    alpha: z.number().gt(0).max(0.2).default(0.05).describe('Two-sided level of the test.'),
    stopping: z
      .enum(['fixed', 'e-value'])
      .default('fixed')
      .describe('When it ends: with all votes; or as soon as the e-value of the primary criterion reaches 1/alpha.'),
    exclusions: textSchema
      .min(1)
      .max(2000)
      .optional()
      .describe('The rule by which annotators are left out, in words; without one nobody is.'),
    exclusionRule: exclusionRuleSchema
      .optional()
      .describe('The same as numbers: who is left out is then suggested, and departures from it are told.'),
  })
  .superRefine(({ hypothesis, margin, stopping }, context) => {
    const say = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (hypothesis === 'superiority' && margin !== undefined)
      say('margin', 'goes with non-inferiority and equivalence');
    if (hypothesis !== 'superiority' && margin === undefined) say('margin', `is needed for ${hypothesis}`);
    if (hypothesis !== 'superiority' && stopping === 'e-value')
      say('stopping', 'by e-value goes with superiority alone');
  });
export type Plan = z.infer<typeof planSchema>;

export interface Preset {
  /** What it replicates. */
  paper: string;
  criteria: Criterion[];
  votesPerPair: number;
  ties: boolean;
  /** A figure of the paper for the primary criterion, where it has one for this comparison. */
  published?: { value: number; says: string };
}

export const presetNames = ['ncp', 'diffusion-dpo'] as const;
export type PresetName = (typeof presetNames)[number];
export const presetSchema = z.enum(presetNames);

const asked: Criterion[] = ['appeal', 'general', 'alignment'];

export const presets: Record<PresetName, Preset> = {
  ncp: {
    paper: 'Gambashidze et al. (2025), arXiv:2406.17636',
    criteria: asked,
    votesPerPair: 3,
    ties: false,
    published: {
      value: 0.646,
      says: 'general preference for NCP-DPO over DPO on SDXL; its number of pairs, its ties and its interval are not published',
    },
  },
  'diffusion-dpo': { paper: 'Wallace et al. (2023), arXiv:2311.12908', criteria: asked, votesPerPair: 5, ties: false },
};

/** What a study decided otherwise than its preset, in words; undefined where nothing. */
export function contradictsPreset(
  name: PresetName,
  { criteria, votesPerPair, ties }: Pick<Preset, 'criteria' | 'votesPerPair' | 'ties'>,
): string | undefined {
  const preset = presets[name];
  if (votesPerPair !== preset.votesPerPair)
    return `the preset ${name} has ${preset.votesPerPair} votes a pair, not ${votesPerPair}`;
  if (ties !== preset.ties) return `the preset ${name} has no ties`;
  if ([...criteria].sort().join() !== [...preset.criteria].sort().join())
    return `the preset ${name} asks about ${preset.criteria.join(', ')}`;
  return undefined;
}
