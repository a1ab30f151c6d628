/** @file The socket namespace `/annotate`: what an annotator's page and the server say to each other. */
import { z } from 'zod';
import { choiceSchema, criterionSchema, errorCodeSchema, type ErrorCode } from './words.ts';

export const handshakeSchema = z.object({
  token: z.string().min(1).max(200),
  /** The crowd platform's id. Without one the server gives the browser an id in a cookie. */
  participant: z.string().trim().min(1).max(200).optional(),
});

export const imageSchema = z.object({
  url: z.string(),
  width: z.int().positive(),
  height: z.int().positive(),
});

export const assignmentSchema = z.object({
  id: z.string(),
  /** Still to be answered, in the order in which they are asked. */
  criteria: z.array(criterionSchema),
  /** Null while the criterion being asked hides it. */
  prompt: z.string().nullable(),
  left: imageSchema,
  right: imageSchema,
  ties: z.boolean(),
  expiresAt: z.int(),
  done: z.int().nonnegative(),
  total: z.int().nonnegative(),
});
export type AssignmentView = z.infer<typeof assignmentSchema>;

export const voteSchema = z.object({
  voteId: z.uuid(),
  assignmentId: z.string().min(1).max(100),
  criterion: criterionSchema,
  choice: choiceSchema,
  responseTimeMs: z.number().finite().nonnegative().max(1e9).transform(Math.round),
});
export type VoteInput = z.infer<typeof voteSchema>;

export const voteResultSchema = z.object({
  counted: z.boolean(),
  remaining: z.array(criterionSchema),
  /** The prompt as soon as the next question may show it. */
  prompt: z.string().nullable(),
});
export type VoteResult = z.infer<typeof voteResultSchema>;

export const preloadSchema = z.object({ urls: z.array(z.string()) });
export type Preload = z.infer<typeof preloadSchema>;

export const failureSchema = z.object({ code: errorCodeSchema, message: z.string() });
export interface Failure {
  code: ErrorCode;
  message: string;
}
export type Acknowledgement<T> = { ok: true; data: T } | { ok: false; error: Failure };
type Acknowledge<T> = (answer: Acknowledgement<T>) => void;

export interface AnnotateClientEvents {
  'assignment:next': (payload: object, acknowledge: Acknowledge<AssignmentView | null>) => void;
  /** Leases one more pair so that its images can be fetched while this one is judged. */
  'assignment:preload': (payload: object, acknowledge: Acknowledge<Preload>) => void;
  'vote:cast': (payload: VoteInput, acknowledge: Acknowledge<VoteResult>) => void;
  'vote:undo': (payload: object, acknowledge: Acknowledge<AssignmentView>) => void;
}
export type AnnotateServerEvents = Record<string, never>;
