/** @file The closed sets that cross a boundary. */
import { z } from 'zod';
import { ownName } from './criteria.ts';

/**
 * Text for a database: PostgreSQL takes no NUL, neither engine gives half a surrogate pair back as it came. Refused alike on both.
 */
export const textSchema = z
  .string()
  .refine(
    (text) => !text.includes('\0') && !/\p{Surrogate}/u.test(text),
    'it holds a NUL character or half of a surrogate pair',
  );

export const criterionSchema = z
  .string()
  .max(40, 'is longer than 40 characters')
  .regex(ownName, 'is no name of a criterion: small letters and digits, with single hyphens between');

export const choiceSchema = z.enum(['left', 'right', 'tie']);
export const sideSchema = z.enum(['left', 'right']);
export const studyStateSchema = z.enum(['draft', 'open', 'paused', 'closed']);

export const exportFormats = ['votes-csv', 'votes-jsonl', 'votes-parquet', 'arena', 'pick-a-pic'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** Every refusal that a caller can meet. server/errors.ts maps each to an HTTP status. */
export const errorCodeSchema = z.enum([
  'bad-request',
  'bad-token',
  'unauthorized',
  'forbidden',
  'not-found',
  'study-not-open',
  'study-paused',
  'study-closed',
  'already-voted',
  'vote-id-reused',
  'tie-not-allowed',
  'step-required',
  'nothing-to-undo',
  'key-required',
  'conflict',
  'rate-limited',
  'unavailable',
  'internal',
]);
export type ErrorCode = z.infer<typeof errorCodeSchema>;
