/** @file The socket namespace `/annotate`: what an annotator's page and the server say to each other. */
import { z } from 'zod';
import type { VisitLook, VisitStep, VisitView } from './visit.ts';
import { isTemplate } from './participant.ts';
import { choiceSchema, criterionSchema, errorCodeSchema, sideSchema, textSchema } from './words.ts';

export const handshakeSchema = z.object({
  token: textSchema.min(1).max(200).describe('From the invite link.'),
  participant: textSchema
    .trim()
    .min(1, 'participant is empty; the crowd platform must put its id there')
    .max(200, 'participant is longer than 200 characters')
    .refine((id) => !isTemplate(id), 'participant is a template that the crowd platform has not filled in')
    .optional()
    .describe("The crowd platform's id. Without one the server gives the browser an id in a cookie."),
  key: z
    .string()
    .max(300)
    .optional()
    .describe(
      'From the event session of an earlier connection; the cookie visavis_key may hold it instead. Before the first one: a secret of the client’s own, 32 or more letters, digits, - and _, with which it can come back if the session never arrived.',
    ),
  submission: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,100}$/, 'submission is no id of a submission')
    .optional()
    .describe("The crowd platform's id of this taking part (Prolific's SESSION_ID)."),
  takeOver: z
    .boolean()
    .optional()
    .describe('Go on as a participant whose key is elsewhere; it is logged, and earlier votes cannot be undone.'),
});

export const sessionSchema = z.object({
  key: z.string().describe('Shows at the next connection that it is of the same browser.'),
  done: z.int().nonnegative().describe('Pairs that this annotator has finished, at the time of connecting.'),
});
export type AnnotateSession = z.infer<typeof sessionSchema>;

export const imageSchema = z.object({
  url: z.string().describe('Path of the image on this server; it belongs to one side of one assignment.'),
  width: z.int().positive().describe('Pixels.'),
  height: z.int().positive().describe('Pixels.'),
});

export const assignmentSchema = z.object({
  id: z.string().describe('Of this assignment.'),
  criteria: z.array(criterionSchema).describe('Still to be answered, in the order in which they are asked.'),
  questions: z.int().positive().describe('How many criteria the pair has, answered or not.'),
  prompt: z.string().nullable().describe('Null while the criterion being asked hides it.'),
  left: imageSchema.describe('The image on the left.'),
  right: imageSchema.describe('The image on the right.'),
  ties: z.boolean().describe('Whether a tie may be voted.'),
  bothBad: z.boolean().optional().describe('Whether a tie may say that neither image will do.'),
  instructed: sideSchema
    .optional()
    .describe('An instructed check asks for this side: the page says so in its own words, instead of the prompt.'),
  expiresAt: z.int().describe('When the lease ends, milliseconds since 1970.'),
  done: z.int().nonnegative().describe('Pairs that this annotator has finished.'),
  total: z.int().nonnegative().describe('Pairs of the study.'),
});
export type AssignmentView = z.infer<typeof assignmentSchema>;

const pixels = z.number().finite().nonnegative().max(1e6);
export const seenSchema = z.object({
  viewport: z.tuple([pixels, pixels]).describe('Width and height of the page, CSS pixels.'),
  devicePixelRatio: z.number().finite().positive().max(100).describe('Device pixels per CSS pixel.'),
  scale: z.number().finite().nonnegative().max(1000).describe('Device pixels per image pixel, before any zoom.'),
  zoom: z.number().finite().min(1).max(1000).describe('The largest zoom that was used; 1: none.'),
  decodeMs: z.number().finite().nonnegative().max(1e9).describe('From asking for the images to their being decoded.'),
  hidden: z.boolean().describe('Whether the page was out of sight for a while.'),
  language: z.string().max(20).optional().describe('The language of the page.'),
  translated: z.boolean().describe("Whether the browser had translated the page's text."),
});
export type Seen = z.infer<typeof seenSchema>;

export const pointSchema = z.object({
  side: sideSchema.describe('On which image, as the annotator sees the sides.'),
  x: pixels.describe('From its left edge, pixels of the image.'),
  y: pixels.describe('From its top edge, pixels of the image.'),
});
export type Point = z.infer<typeof pointSchema>;

export const voteSchema = z.object({
  voteId: z.uuid().toLowerCase().describe('Made by the client; the same id again is the same vote.'),
  assignmentId: textSchema.min(1).max(100).describe('Of the assignment that is voted on.'),
  criterion: criterionSchema.describe('The question that is answered.'),
  choice: choiceSchema.describe('The answer, as the annotator sees the sides.'),
  bothBad: z.boolean().optional().describe('With a tie: because neither image will do.'),
  responseTimeMs: z
    .number()
    .finite()
    .nonnegative()
    .max(1e9)
    .transform(Math.round)
    .describe(
      'From the question being shown, on one screen with others from the answer before, to the answer; milliseconds.',
    ),
  point: pointSchema.optional().describe('The place that decided, where the study asks for it.'),
  seen: seenSchema.optional().describe('What the page showed while it was asked; kept with the vote.'),
});
export type VoteInput = z.infer<typeof voteSchema>;

export const undoSchema = z
  .object({
    voteId: z
      .uuid()
      .toLowerCase()
      .optional()
      .describe('The newest vote that the client knows of. If it was taken back already, nothing else is.'),
  })
  .nullish();
export type UndoInput = NonNullable<z.infer<typeof undoSchema>>;

export const voteResultSchema = z.object({
  counted: z.boolean().describe('False when the seat had gone to somebody else: the vote is kept as surplus.'),
  remaining: z.array(criterionSchema).describe('Criteria of this assignment that are still open.'),
  prompt: z.string().nullable().describe('The prompt as soon as the next question may show it.'),
});
export type VoteResult = z.infer<typeof voteResultSchema>;

export const preloadSchema = z.object({
  assignments: z
    .array(
      assignmentSchema.extend({
        promptLater: z.string().describe('What `prompt` will be when a question shows it.'),
      }),
    )
    .max(2)
    .describe('What comes after the current assignment, each held already; empty when there is none.'),
});
export type Preload = z.infer<typeof preloadSchema>;
export type AssignmentAhead = Preload['assignments'][number];

export const problemReasons = ['skipped', 'blurry', 'offensive', 'broken', 'text'] as const;
export const problemSchema = z.object({
  assignmentId: textSchema.min(1).max(100).describe('The assignment that is set aside.'),
  reason: z.enum(problemReasons).describe('What is wrong with the pair; skipped: no reason was given.'),
});
export type ProblemInput = z.infer<typeof problemSchema>;

export const failureSchema = z.object({
  code: errorCodeSchema.describe('What kind of refusal, for programs.'),
  message: z.string().describe('One sentence for a person.'),
});
export type Failure = z.infer<typeof failureSchema>;
export type Acknowledgement<T> = { ok: true; data: T } | { ok: false; error: Failure };
type Acknowledge<T> = (answer: Acknowledgement<T>) => void;

export interface AnnotateClientEvents {
  'assignment:next': (payload: object, acknowledge: Acknowledge<AssignmentView | null>) => void;
  /** Leases up to two more pairs, so that the page can go on to them at once. */
  'assignment:preload': (payload: object, acknowledge: Acknowledge<Preload>) => void;
  'vote:cast': (payload: VoteInput, acknowledge: Acknowledge<VoteResult>) => void;
  /** Where the visit stands: what comes before and after the voting. */
  'visit:look': (payload: VisitLook, acknowledge: Acknowledge<VisitView>) => void;
  /** Takes the step at hand. */
  'visit:step': (payload: VisitStep, acknowledge: Acknowledge<VisitView>) => void;
  'vote:undo': (payload: UndoInput, acknowledge: Acknowledge<AssignmentView>) => void;
  /** Sets a pair aside: its seat is free for others, and the researchers see why. */
  'assignment:report': (payload: ProblemInput, acknowledge: Acknowledge<object>) => void;
}
export interface AnnotateServerEvents {
  /** After connecting; simulated annotators need no key and get none. */
  session: (payload: AnnotateSession) => void;
}
