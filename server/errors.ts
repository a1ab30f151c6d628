/** @file Expected refusals, from one closed list, and the HTTP status of each. */
import type { Failure } from '../contract/annotate.ts';
import type { ErrorCode } from '../contract/words.ts';

export class ServiceError extends Error {
  override name = 'ServiceError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export const httpStatus: Record<ErrorCode, number> = {
  'bad-request': 400,
  'bad-token': 404,
  unauthorized: 401,
  'not-found': 404,
  'study-not-open': 409,
  'study-paused': 409,
  'study-closed': 410,
  'already-voted': 409,
  'vote-id-reused': 409,
  'tie-not-allowed': 400,
  'nothing-to-undo': 409,
  conflict: 409,
  'rate-limited': 429,
  internal: 500,
};

/** What the caller sees of an error. A bug stays ours: its message and stack are logged, never sent. */
export function toFailure(error: unknown): Failure {
  if (error instanceof ServiceError) return { code: error.code, message: error.message };
  return { code: 'internal', message: 'Something went wrong on the server. Nothing was lost; try again.' };
}
