/** @file Expected refusals, from one closed list, and the HTTP status of each. */
import type { Logger } from 'pino';
import { troubleOf } from '../db/trouble.ts';
import { StoreError } from '../evaluator/engine/store/object-store.ts';
import type { Failure } from '../contract/annotate.ts';
import type { Metrics } from './http/metrics.ts';
import type { ErrorCode } from '../contract/words.ts';

export class ServiceError extends Error {
  override name = 'ServiceError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Too many people begin at once; it passes within a minute. */
export class TooManyBegin extends ServiceError {
  constructor() {
    super(
      'unavailable',
      'Many people are beginning at this moment. Your place is free within a minute; this page goes on by itself.',
    );
  }
}

export const httpStatus: Record<ErrorCode, number> = {
  'bad-request': 400,
  'bad-token': 404,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'study-not-open': 409,
  'study-paused': 409,
  'study-closed': 410,
  'already-voted': 409,
  'vote-id-reused': 409,
  'tie-not-allowed': 400,
  'step-required': 409,
  'nothing-to-undo': 409,
  'key-required': 403,
  conflict: 409,
  'rate-limited': 429,
  unavailable: 503,
  internal: 500,
};

/** What the caller sees of an error. A bug stays ours: its message and stack are logged, never sent. */
export function toFailure(error: unknown): Failure {
  if (error instanceof ServiceError) return { code: error.code, message: error.message };
  if (troubleOf(error) !== undefined)
    return {
      code: 'unavailable',
      message: 'The server cannot save right now. Nothing is lost; try again in a moment.',
    };
  if (error instanceof StoreError)
    return { code: 'unavailable', message: 'The server cannot get at its images right now; try again in a moment.' };
  return { code: 'internal', message: 'Something went wrong on the server. Nothing was lost; try again.' };
}

/** Logs what is not the caller's: the database's trouble with its sentence, a bug with its stack. */
export function logFailure(log: Logger, error: unknown, metrics?: Pick<Metrics, 'databaseTrouble'>): void {
  if (error instanceof ServiceError) return;
  const trouble = troubleOf(error);
  if (error instanceof StoreError) log.error({ trouble: 'store' }, error.message);
  else if (trouble === undefined) log.error(error);
  else {
    metrics?.databaseTrouble.inc({ kind: trouble.kind });
    log.error({ trouble: trouble.kind, reason: (error as Error).message }, trouble.sentence);
  }
}
