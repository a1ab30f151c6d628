/** @file What the research page and scripts read over HTTP and the socket namespace `/research`. */
import { z } from 'zod';
import { planSchema, presetSchema } from './plan.ts';
import { visitSchema } from './visit.ts';
import { fileNameSchema } from './study-file.ts';
import { criterionSchema, studyStateSchema, textSchema } from './words.ts';

export const studySummarySchema = z.object({
  name: z.string().describe('Of the study.'),
  state: studyStateSchema.describe('Where it is: draft, open, paused or closed.'),
  promptSet: z.string().describe('Name of its prompt set.'),
  modelA: z
    .string()
    .optional()
    .describe('Name of model A, whose wins a win rate counts; absent where more than two are compared.'),
  modelB: z.string().optional().describe('Name of model B; absent where more than two are compared.'),
  models: z.array(z.string()).describe('All that are compared, by name.'),
  against: z.string().optional().describe('Each is compared with this one alone; absent where each two are.'),
  criteria: z.array(criterionSchema).describe('In the order in which they are asked.'),
  votesPerPair: z.int().describe('Votes that a pair needs for each criterion.'),
  ties: z.boolean().describe('Whether a tie may be voted.'),
  seed: z.int().describe('Of the order, the sides and the sample.'),
  promptSample: z.int().nullable().describe('The size of the sample of prompts that was asked for; null: all.'),
  preset: presetSchema.nullable().describe('The paper that it replicates.'),
  plan: planSchema.nullable().describe('What it sets out to show; null without a plan.'),
  planSha256: z.string().nullable().describe("SHA-256 of the study's file as canonical JSON, where there is a plan."),
  visit: visitSchema
    .nullable()
    .optional()
    .describe(
      'What surrounds the voting; null: nothing. It holds codes and known answers: absent for viewers, and over the socket.',
    ),
  pairs: z.int().describe('Pairs of the study.'),
  simulated: z
    .boolean()
    .describe('True when the numbers are of simulated annotators, because no person has voted yet.'),
  votes: z.int().describe('Votes that count.'),
  votesNeeded: z.int().describe('Votes of a finished study: pairs × votes a pair × criteria.'),
  annotators: z.int().describe('Annotators with a vote that counts.'),
  running: z
    .boolean()
    .describe('Whether people have voted and may go on: results are then shown on demand alone (reveal=true).'),
  takeOvers: z.int().describe('Times that somebody went on as an annotator from a browser without their key.'),
  problems: z
    .array(
      z.object({
        pair: z
          .int()
          .nullable()
          .describe('Position of the pair in the study, from 0; null for one that only serves as a check.'),
        prompt: z.string().describe('Its prompt.'),
        reason: z.string().describe('skipped, blurry, offensive, broken, text, or missing (an image, on the server).'),
        count: z.int().describe('How often it was told.'),
      }),
    )
    .describe('What annotators found wrong with pairs, the most frequent first; at most 100.'),
  archived: z.boolean().describe('Whether lists leave it out.'),
  createdAt: z.int().describe('Milliseconds since 1970.'),
});
export type StudySummary = z.infer<typeof studySummarySchema>;

export const studyListSchema = z.object({ studies: z.array(studySummarySchema).describe('Newest first.') });

export const studyChangeSchema = z
  .strictObject({
    state: studyStateSchema.optional().describe('The state that it goes to.'),
    name: fileNameSchema
      .optional()
      .describe('Another name. That of a plan is frozen with it once the study was opened.'),
    archived: z.boolean().optional().describe('Whether lists leave it out.'),
  })
  .refine((change) => Object.values(change).filter((value) => value !== undefined).length === 1, {
    error: 'has one of state, name and archived',
  });
export type StudyChange = z.infer<typeof studyChangeSchema>;
export const studyRemovalSchema = z.object({ name: z.string().describe("The study's name, once more.") });
export const removedStudySchema = z.object({ votes: z.int().describe("People's votes that went with it.") });

export const commentRequestSchema = z.object({
  text: textSchema
    .max(5000)
    .refine((text) => text.trim() !== '', 'is empty')
    .describe('What is said.'),
  pair: z.int().min(0).nullish().describe('Position of the pair that it is of; of the whole study without.'),
});
export type CommentRequest = z.infer<typeof commentRequestSchema>;
export const commentSchema = z.object({
  id: z.string().describe('Of the comment.'),
  pair: z.int().nullable().describe('Position of the pair; null: of the whole study.'),
  author: z.string().describe("The account's name, or how the log calls them."),
  removable: z.boolean().describe('Whether whoever asks may take it away: who wrote it, or an owner.'),
  text: z.string().describe('What is said.'),
  createdAt: z.int().describe('Milliseconds since 1970.'),
});
export type StudyComment = z.infer<typeof commentSchema>;
export const commentListSchema = z.object({ comments: z.array(commentSchema).describe('Oldest first.') });

export const participantDataSchema = z.looseObject({
  participant: z.string().describe("The crowd platform's id."),
  studies: z
    .array(z.looseObject({ study: z.string().describe('Name of the study.') }))
    .describe('All that is stored, study by study.'),
});
export const erasedSchema = z.object({
  erased: z
    .array(
      z.object({
        study: z.string().describe('Name of the study.'),
        pseudonym: z.string().describe('What stands in the place of the id.'),
      }),
    )
    .describe('Where they had taken part.'),
});

export const inviteSchema = z.object({
  path: z.string().describe("Path of the annotators' link."),
  url: z.string().optional().describe('The whole link, where the public address is configured.'),
});

const modelSchema = z.enum(['a', 'b']);
const answerSchema = z.enum(['a', 'b', 'tie']);

export const gallerySchema = z.object({
  study: z.string().describe('Name of the study.'),
  simulated: z.boolean().describe("Whether the votes are simulated annotators'."),
  pairings: z
    .array(z.object({ modelA: z.string().describe('Model A.'), modelB: z.string().describe('Model B.') }))
    .describe('Every two models that are compared.'),
  pairs: z
    .array(
      z.object({
        position: z.int().describe("In the study's order, from 0."),
        pairing: z.int().describe('Index of its pairing.'),
        prompt: z.string().describe('Its prompt.'),
        category: z.string().nullable().describe("The prompt's category."),
        challenge: z.string().nullable().describe("The prompt's challenge."),
        criteria: z
          .array(
            z.object({
              criterion: z.string().describe('The criterion.'),
              a: z.int().describe('Votes for A that count.'),
              b: z.int().describe('Votes for B that count.'),
              tie: z.int().describe('Votes for a tie that count.'),
              decision: z
                .enum(['a', 'b', 'tie', 'split', 'incomplete'])
                .describe('What the majority says; incomplete while votes are missing.'),
            }),
          )
          .describe('In the order in which they are asked.'),
        medianResponseTimeMs: z.number().nullable().describe('Of its votes; null without one.'),
        difference: z
          .number()
          .nullable()
          .describe(
            'Mean absolute difference of both images in 8 × 8 colours, 0 to 1; null where one was made before it was kept.',
          ),
        scores: z
          .array(
            z.object({
              reward: z.string().describe('The reward.'),
              a: z.number().describe("Of A's image."),
              b: z.number().describe("Of B's image."),
            }),
          )
          .describe('Rewards that have scored both images.'),
      }),
    )
    .describe("In the study's order."),
});
export type Gallery = z.infer<typeof gallerySchema>;

export const contrastsSchema = z.object({
  pairs: z
    .array(
      z.object({
        position: z.int().describe("In the study's order, from 0."),
        prompt: z.string().describe('Its prompt.'),
        difference: z.number().describe('Mean absolute difference of both images in 8 × 8 colours, 0 to 1.'),
      }),
    )
    .describe('At most six, the largest difference first.'),
  of: z.int().describe('Pairs of which the difference is known.'),
});
export type Contrasts = z.infer<typeof contrastsSchema>;
export type GalleryPair = Gallery['pairs'][number];

export const pairVotesSchema = z.object({
  votes: z
    .array(
      z.object({
        annotator: z.string().describe("The annotator's id."),
        criterion: z.string().describe('The criterion.'),
        choice: answerSchema.describe('Which model it is for.'),
        bothBad: z.boolean().optional().describe('A tie because neither image will do.'),
        left: modelSchema.describe('Which model was on the left.'),
        responseTimeMs: z.number().describe('Milliseconds.'),
        createdAt: z.int().describe('Milliseconds since 1970.'),
        status: z
          .enum(['counted', 'retracted', 'surplus', 'excluded'])
          .describe('What became of it: undone, its seat gone, its annotator left out.'),
      }),
    )
    .describe('Oldest first.'),
});
export type PairVotes = z.infer<typeof pairVotesSchema>;

export interface ResearchServerEvents {
  'study:progress': (study: StudySummary) => void;
}
export interface ResearchClientEvents {
  'study:watch': (payload: { name: string }) => void;
}

export const liveSchema = z.object({
  at: z.int().describe('When this was counted, milliseconds since 1970.'),
  criteria: z
    .array(
      z.object({
        criterion: criterionSchema.describe('The criterion.'),
        votes: z.int().describe('Votes that count.'),
        pairsDone: z.int().describe('Pairs with all their votes.'),
      }),
    )
    .describe('In the order in which they are asked; nothing of what was voted, so it may be seen while people vote.'),
  pairs: z.int().describe('Pairs of the study.'),
  atWork: z.int().describe('People who hold a pair at this moment.'),
  votesPerHour: z.number().nullable().describe('Of the last hour, or since the first vote; null before it.'),
  hoursLeft: z.number().nullable().describe('At this pace; null without one, and when nothing is left.'),
  medianSeconds: z.number().nullable().describe('Median response time of the last hour, seconds.'),
  people: z
    .object({
      came: z.int().describe('Opened the link.'),
      steps: z
        .array(
          z.object({ step: z.string().describe('Step of the visit.'), people: z.int().describe('Who passed it.') }),
        )
        .describe('In their order.'),
      voted: z.int().describe('With a vote that counts.'),
      ends: z
        .array(z.object({ reason: z.string().describe('How a visit ended.'), people: z.int().describe('How many.') }))
        .describe('finished, full, no-consent, device, checks: those that occurred.'),
    })
    .describe('Where people drop out.'),
  flagged: z.int().describe('Times that somebody told of a problem with a pair.'),
});
export type Live = z.infer<typeof liveSchema>;

export const shareRequestSchema = z.object({
  days: z.int().min(1).max(365).default(30).describe('Until the link ends.'),
  label: textSchema.max(200).default('').describe('Whom it is for.'),
});
export const shareSchema = z.object({
  id: z.string().describe('By which it is taken back.'),
  label: z.string().describe('Whom it is for.'),
  createdAt: z.int().describe('Milliseconds since 1970.'),
  expiresAt: z.int().describe('Milliseconds since 1970.'),
  revokedAt: z.int().nullable().describe('Milliseconds since 1970; null while it is good.'),
});
export type ShareView = z.infer<typeof shareSchema>;
export const shareListSchema = z.object({ shares: z.array(shareSchema).describe('Newest first.') });
export const createdShareSchema = z.object({
  id: z.string().describe('By which it is taken back.'),
  path: z.string().describe('Path of the link, which is told once.'),
  url: z.string().optional().describe('The whole link, where the public address is configured.'),
});
