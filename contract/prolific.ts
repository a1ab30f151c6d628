/** @file Recruiting people on Prolific: the form, what it would cost, and how it goes. Money is in cents of the workspace's currency. */
import { z } from 'zod';
import { textSchema } from './words.ts';

export const devices = ['desktop', 'tablet', 'mobile'] as const;
export const contentWarnings = ['sensitive', 'explicit'] as const;

/** As Prolific's API has it; which there are, the account tells. */
const filterSchema = z
  .strictObject({
    filter_id: textSchema.min(1).max(200).describe('Which question.'),
    selected_values: z.array(textSchema.max(200)).min(1).max(500).optional().describe('Answers that are let in.'),
    selected_range: z
      .strictObject({
        lower: z.number().finite().optional().describe('At least.'),
        upper: z.number().finite().optional().describe('At most.'),
      })
      .optional()
      .describe('Numbers that are let in.'),
  })
  .refine((filter) => (filter.selected_values === undefined) !== (filter.selected_range === undefined), {
    error: 'has one of selected_values and selected_range',
  });

export const recruitmentFormSchema = z.strictObject({
  workspace: textSchema.min(1).max(100).describe('Id of the workspace that pays.'),
  project: textSchema.min(1).max(100).describe("Id of the workspace's project."),
  title: textSchema.trim().min(1).max(120).describe('What people see in the list of studies.'),
  description: textSchema.trim().min(1).max(20_000).describe('What people read before they take part.'),
  payPerHour: z.number().finite().positive().max(1000).describe("In the currency's main unit, as 9 for £9."),
  minutes: z.int().min(1).max(600).describe('That somebody needs, in the middle.'),
  places: z.int().min(1).max(100_000).describe('People.'),
  devices: z
    .array(z.enum(devices))
    .min(1)
    .refine((list) => new Set(list).size === list.length, 'names a device twice')
    .describe('On which they may take part.'),
  filters: z.array(filterSchema).max(50).default([]).describe('Who may take part; everybody without.'),
  contentWarnings: z.array(z.enum(contentWarnings)).default([]).describe('What the images may hold.'),
  contentWarningDetails: textSchema.max(2000).optional().describe('Said with the warning.'),
  approve: z
    .enum(['review', 'automatically'])
    .default('review')
    .describe('Whether whoever finishes is paid at once, or when a researcher has approved it.'),
});
export type RecruitmentForm = z.infer<typeof recruitmentFormSchema>;

export const prolificTokenSchema = z.strictObject({
  token: textSchema.trim().min(10).max(500).describe('An API token of the account; it is never shown again.'),
});

export const prolificStateSchema = z.object({
  token: z
    .enum(['environment', 'stored'])
    .nullable()
    .describe('Where the token comes from: VISAVIS_PROLIFIC_TOKEN, or entered and sealed; null without one.'),
});

const filterOfAccountSchema = z.object({
  id: z.string().describe('Its filter_id.'),
  title: z.string().describe('What it is about.'),
  choices: z.record(z.string(), z.string()).optional().describe('Value → answer, of a question with answers.'),
  min: z.number().optional().describe('Of a question for a number.'),
  max: z.number().optional().describe('Of a question for a number.'),
});

export const prolificAccountSchema = z.object({
  workspaces: z
    .array(
      z.object({
        id: z.string().describe('Of the workspace.'),
        title: z.string().describe('Its name.'),
        projects: z
          .array(z.object({ id: z.string().describe('Of the project.'), title: z.string().describe('Its name.') }))
          .describe('Its projects.'),
        balance: z.number().nullable().describe('What can be spent, cents; null where the token may not know.'),
        currency: z.string().describe('As GBP.'),
      }),
    )
    .describe('In which the token may work.'),
  filters: z.array(filterOfAccountSchema).describe('By what people can be chosen.'),
});
export type ProlificAccount = z.infer<typeof prolificAccountSchema>;

export const quoteSchema = z.object({
  reward: z.int().describe('For each who finishes, cents.'),
  total: z.number().describe("With the platform's fee and tax, cents."),
  balance: z.number().nullable().describe('What the workspace can spend, cents.'),
  currency: z.string().describe('As GBP.'),
  eligible: z.number().nullable().describe('People whom the filters let in; below 25 the platform says 0.'),
  hours: z
    .number()
    .nullable()
    .describe('Until all places are taken, as the platform foretells; null when it does not.'),
  maximumMinutes: z.int().describe('After which a place is taken back.'),
});
export type Quote = z.infer<typeof quoteSchema>;

export const submissionViewSchema = z.object({
  id: z.string().describe("Prolific's id of it."),
  annotator: z.string().nullable().describe('Who it is, as elsewhere; null who has not opened the page.'),
  status: z.string().describe("In Prolific's words, as AWAITING REVIEW."),
  ended: z.string().nullable().describe('How their visit ended here; null while it has not.'),
  votes: z.int().describe('That they cast and that count.'),
  excluded: z.boolean().describe('Whether they are left out of the results.'),
  owed: z.int().describe('Cents: they finished here and lost their place there, so that approval cannot pay them.'),
  bonus: z.number().describe('Cents that they were paid beside the reward.'),
  unsure: z.number().describe('Cents of the bonus of which it is not known whether they were paid.'),
  returnAsked: z.boolean().describe('Whether they were asked to give it back.'),
});
export type SubmissionView = z.infer<typeof submissionViewSchema>;

export const recruitmentSchema = z.object({
  suggested: z
    .object({
      places: z.int().describe('Pairs × votes a pair ÷ pairs a person.'),
      minutes: z.int().describe('From the seconds that a vote has taken so far, or 8.'),
      title: z.string().describe('To begin with.'),
    })
    .describe('What the form begins with.'),
  reachable: z.boolean().describe('Whether the server knows its public address, which people are sent to.'),
  recruitment: z
    .object({
      remote: z.string().nullable().describe('Id of the study on Prolific; null while it is being made.'),
      status: z.string().describe("In Prolific's words: UNPUBLISHED, ACTIVE, PAUSED, AWAITING REVIEW, COMPLETED."),
      form: recruitmentFormSchema.describe('What was asked for.'),
      reward: z.int().describe('Cents.'),
      places: z.int().describe('In all.'),
      placesTaken: z.int().describe('So many are taken.'),
      hears: z.boolean().describe('Whether Prolific tells of changes by itself; else it is asked every minute.'),
      lookedAt: z.int().nullable().describe('When it was asked last, milliseconds since 1970.'),
      problem: z.string().nullable().describe('Why it could not be asked last.'),
      counts: z.record(z.string(), z.int()).describe('Submissions by status.'),
      toApprove: z.int().describe('Submissions that await review, of people who finished and are not left out.'),
      owedPeople: z.int().describe('People who finished here and lost their place there.'),
      owedCents: z.int().describe('What they are owed in all.'),
      submissions: z
        .array(submissionViewSchema)
        .describe('Whoever awaits something first, then the newest; at most 2,000.'),
    })
    .nullable()
    .describe('Null before the draft.'),
});
export type Recruitment = z.infer<typeof recruitmentSchema>;

export const publishSchema = z.strictObject({ name: textSchema.describe("The study's name, typed again.") });
export const placesSchema = z.strictObject({
  places: z.int().min(1).max(100_000).describe('In all; Prolific takes no place away.'),
});
export const approveSchema = z.strictObject({
  submissions: z
    .array(textSchema.max(100))
    .min(1)
    .max(1000)
    .optional()
    .describe('Which; without, all who finished, await review and are not left out.'),
});
export const approvedSchema = z.object({ approved: z.int().describe('How many.') });
export const askReturnSchema = z.strictObject({
  submission: textSchema.min(1).max(100).describe('Which.'),
  reason: textSchema.trim().min(1).max(500).describe('Said to the person.'),
});
export const bonusSchema = z.strictObject({
  bonuses: z
    .array(
      z.strictObject({
        submission: textSchema.min(1).max(100).describe('Whom.'),
        cents: z.int().min(1).max(100_000).describe('How much.'),
      }),
    )
    .min(1)
    .max(1000)
    .refine((list) => new Set(list.map(({ submission }) => submission)).size === list.length, 'names somebody twice')
    .describe('Each once.'),
});
export const settleBonusSchema = z.strictObject({
  submission: textSchema.min(1).max(100).describe('Whose bonus.'),
  paid: z.boolean().describe('What Prolific shows: whether it was paid.'),
});
export const bonusPaidSchema = z.object({
  people: z.int().describe('How many were paid.'),
  cents: z.number().describe('In all, with fee and tax.'),
});
export const testStudySchema = z.object({
  url: z.string().describe("Where the account's test participant takes part."),
});
