/**
 * @file What annotators may ask, whatever line they ask on: each event is checked, runs one domain call, and is answered after
 * its commit. The socket and the plain HTTP path bind to it.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { z } from 'zod';
import type { Database } from '../../db/open.ts';
import { findAnnotator, imagesOfAssignment, type Annotator } from '../../db/queries/assignments.ts';
import type { ImageStore } from '../../evaluator/engine/images/store.ts';
import {
  handshakeSchema,
  problemSchema,
  undoSchema,
  voteSchema,
  type Acknowledgement,
  type AnnotateClientEvents,
  type AnnotateSession,
  type AssignmentView,
  type Preload,
} from '../../contract/annotate.ts';
import { isPreviewToken } from '../../contract/participant.ts';
import { visitLookSchema, visitStepSchema } from '../../contract/visit.ts';
import { logFailure, ServiceError, TooManyBegin, toFailure } from '../errors.ts';
import type { Health } from '../health.ts';
import type { Limits } from '../http/limits.ts';
import type { Metrics } from '../http/metrics.ts';
import { keyOf, participantOf, secretHashOf, type ParticipantKeys } from '../http/participant.ts';
import {
  claim,
  holdAgain,
  invitedTo,
  joinInvited,
  nextAssignment,
  preloadAssignment,
  reportProblem,
  type LeaseTimes,
} from '../study/assignments.ts';
import { lookAtVisit, takeStep } from '../study/visit.ts';
import { arrive } from '../prolific/submissions.ts';
import { castVote, undoLast } from '../study/votes.ts';
import type { Previews } from './previews.ts';

/** Who asks. */
export interface Visitor {
  annotator: Annotator;
  /** Votes cast before were cast by another browser; 0 for the first one. */
  since: number;
  /** The token of the preview that they look at; undefined in a study. */
  preview?: string;
}

/** Whom an event is of, and in which database they are. */
interface Place extends Visitor {
  db: Database;
}

export interface EventParts {
  db: Database;
  leases: LeaseTimes;
  metrics: Metrics;
  limits: Limits;
  keys: ParticipantKeys;
  health: Health;
  images: ImageStore;
  previews: Previews;
  log: Logger;
}

export type AnnotateEvent = keyof AnnotateClientEvents;
/** Bytes of the largest thing that an annotator's page sends: a survey of `longestSurvey` characters in any script. */
export const largestMessage = 65_536;
/** Pairs without their images that are set aside before somebody is told to wait. */
const missingAtOnce = 5;
/** A place is waited for so long, and asked for so often, before somebody is told to ask again. */
const placeWithinMs = 2500;
const placeEveryMs = 250;
const emptySchema = z.looseObject({}).nullish();

export class AnnotatorEvents {
  readonly leases: LeaseTimes;
  readonly #parts: EventParts;
  /** Far above what a person or a waiting script sends; a flood is refused before it reaches the database. */
  readonly #pace = new RateLimiterMemory({ points: 1000, duration: 1 });
  readonly #handlers: Record<AnnotateEvent, (place: Place, payload: unknown) => Promise<unknown>> = {
    'assignment:next': async (place, payload) => {
      parse(emptySchema, payload);
      return this.#next(place);
    },
    'assignment:preload': async (place, payload) => {
      parse(emptySchema, payload);
      return this.#preload(place);
    },
    'vote:cast': async ({ db, annotator, preview }, payload) => {
      const result = await castVote(db, annotator, parse(voteSchema, payload), this.leases);
      if (preview === undefined) this.#parts.metrics.votes.inc({ counted: String(result.counted) });
      return result;
    },
    'visit:look': async ({ db, annotator }, payload) =>
      lookAtVisit(db, annotator, parse(visitLookSchema, payload)?.language),
    'visit:step': async ({ db, annotator }, payload) =>
      takeStep(db, annotator, parse(visitStepSchema, payload), this.leases),
    'vote:undo': async ({ db, annotator, since }, payload) => {
      const voteId = parse(undoSchema, payload)?.voteId;
      return undoLast(db, annotator, this.leases, Date.now(), { since, voteId });
    },
    'assignment:report': async ({ db, annotator }, payload) => {
      await reportProblem(db, annotator, parse(problemSchema, payload));
      return {};
    },
  };

  constructor(parts: EventParts) {
    this.#parts = parts;
    this.leases = { ...parts.leases, onExpired: (expired) => parts.metrics.expiredLeases.inc(expired) };
  }

  /** All that may be asked. */
  get events(): AnnotateEvent[] {
    return Object.keys(this.#handlers) as AnnotateEvent[];
  }

  isEvent(name: string): name is AnnotateEvent {
    return Object.hasOwn(this.#handlers, name);
  }

  /**
   * The annotator behind a handshake.
   * @param request whose address and cookies count
   * @throws ServiceError bad-token, bad-request, key-required, rate-limited
   */
  async identify(auth: unknown, request: IncomingMessage): Promise<Visitor> {
    const { db, limits, keys, log } = this.#parts;
    const { token, key, takeOver = false, participant: named, submission } = parseHandshake(auth);
    const { cookie } = request.headers;
    const participant = named ?? participantOf(cookie) ?? `anonymous-${randomUUID()}`;
    if (isPreviewToken(token)) return this.#identifyIn(token, participant, request);
    const invited = await invitedTo(db, token).catch(async (error: unknown) => {
      if (error instanceof ServiceError && error.code === 'bad-token') await limits.countWrongKey(request);
      throw error;
    });
    const known = await findAnnotator(db, { ...invited, participant });
    if (known === undefined && invited.population === 'people')
      await limits.countNewAnnotator(request, invited.studyId);
    const annotator = known ?? (await joinInvited(db, invited, participant));
    // Their link is the researcher's alone.
    if (annotator.population === 'simulated') return { annotator, since: 0 };
    const shown = keys.sinceOf(key, annotator.id) ?? keys.sinceOf(keyOf(cookie), annotator.id);
    const since = await claim(db, annotator, { since: shown, secretHash: secretHashOf(key), takeOver });
    // What the platform knows the work by, so that it ends with its code.
    if (submission !== undefined) await arrive(db, annotator, submission);
    if (since > 0 && shown === undefined) log.warn({ annotator: annotator.id }, 'An annotator was taken over.');
    return { annotator, since };
  }

  /** Whoever has a preview's link may look; there is nothing to protect, and no key is asked for. */
  async #identifyIn(preview: string, participant: string, request: IncomingMessage): Promise<Visitor> {
    const db = await this.#parts.previews.databaseOf(preview);
    if (db !== undefined) return { annotator: await memberOf(db, preview, participant), since: 0, preview };
    await this.#parts.limits.countWrongKey(request);
    throw new ServiceError('bad-token', 'This preview is over; make a new one from the editor.');
  }

  /** A preview that was put away meanwhile begins anew. */
  async #placeOf(visitor: Visitor): Promise<Place> {
    const { preview, annotator } = visitor;
    if (preview === undefined) return { ...visitor, db: this.#parts.db };
    const db = await this.#parts.previews.databaseOf(preview);
    if (db === undefined) throw new ServiceError('bad-token', 'This preview is over; make a new one from the editor.');
    return { ...visitor, db, annotator: await memberOf(db, preview, annotator.participant) };
  }

  /** What the page keeps of the connection; simulated annotators need no key and get none. */
  sessionOf({ annotator, since }: Visitor): AnnotateSession | undefined {
    if (annotator.population === 'simulated') return undefined;
    return { key: this.#parts.keys.issue(annotator.id, since), done: annotator.done };
  }

  /** Runs an event to its acknowledgement; never throws. */
  async answer(event: AnnotateEvent, visitor: Visitor, payload: unknown): Promise<Acknowledgement<unknown>> {
    const { metrics, health } = this.#parts;
    const stopClock = metrics.eventSeconds.startTimer({ event });
    try {
      await this.#pace.consume(visitor.annotator.id).catch(() => {
        throw new ServiceError('rate-limited', 'Too fast; try again in a second.');
      });
      health.requireSavable();
      const place = await this.#placeOf(visitor);
      const data = await this.#handlers[event](place, payload);
      const { preview } = visitor;
      return {
        ok: true,
        data: preview === undefined ? data : await this.#parts.previews.withImages(place.db, preview, data),
      };
    } catch (error) {
      return { ok: false, error: this.failureOf(error) };
    } finally {
      stopClock();
    }
  }

  /**
   * The visitor is here: what they hold is theirs for a whole lease again.
   * @param connection by which they are here now; one that they had before may end on another server only after this
   */
  async holdFor(visitor: Visitor, connection: string): Promise<void> {
    const { db, annotator } = await this.#placeOf(visitor);
    await holdAgain(db, annotator, this.leases, Date.now(), connection);
  }

  /** Logs and counts it, and says what the caller may know. */
  failureOf(error: unknown) {
    logFailure(this.#parts.log, error, this.#parts.metrics);
    const failure = toFailure(error);
    this.#parts.metrics.refusals.inc({ code: failure.code });
    return failure;
  }

  /** Nobody is asked about what cannot be shown: such a pair is set aside, and another one comes. */
  async #next({ db, annotator }: Place): Promise<AssignmentView | null> {
    const { images } = this.#parts;
    for (let i = 0; i < missingAtOnce; i++) {
      const assignment = await this.#withPlace(db, annotator);
      if (assignment === null || (await this.#hasImages(db, assignment))) return assignment;
      // All of them: that is the disk, not the pair.
      if (!(await images.isThere())) break;
      await reportProblem(db, annotator, { assignmentId: assignment.id, reason: 'missing' });
    }
    throw new ServiceError(
      'unavailable',
      'An image of the next pair is missing on the server. Your votes are saved; please tell the researchers.',
    );
  }

  /** While many begin at once a place is waited for; seconds are enough where people vote. */
  async #withPlace(db: Database, annotator: Annotator): Promise<AssignmentView | null> {
    for (const since = Date.now(); ; await new Promise((resolve) => setTimeout(resolve, placeEveryMs))) {
      try {
        return await nextAssignment(db, annotator, this.leases);
      } catch (error) {
        if (!(error instanceof TooManyBegin) || Math.abs(Date.now() - since) >= placeWithinMs) throw error;
      }
    }
  }

  async #preload({ db, annotator }: Place): Promise<Preload> {
    const { assignments } = await preloadAssignment(db, annotator, this.leases);
    const whole = [];
    for (const assignment of assignments) if (await this.#hasImages(db, assignment)) whole.push(assignment);
    return { assignments: whole };
  }

  async #hasImages(db: Database, { id }: { id: string }): Promise<boolean> {
    const { images, health } = this.#parts;
    for (const sha256 of Object.values((await imagesOfAssignment(db, id)) ?? {})) {
      if (await images.has(sha256)) continue;
      health.imageIsMissing(sha256);
      return false;
    }
    return true;
  }
}

/** The annotator of a preview. */
async function memberOf(db: Database, token: string, participant: string): Promise<Annotator> {
  const invited = await invitedTo(db, token);
  return (await findAnnotator(db, { ...invited, participant })) ?? joinInvited(db, invited, participant);
}

function parseHandshake(auth: unknown): z.infer<typeof handshakeSchema> {
  const result = handshakeSchema.safeParse(auth);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue?.path[0] === 'participant')
    throw new ServiceError('bad-request', `This link does not say who you are: ${issue.message}.`);
  throw new ServiceError('bad-token', 'This link is not valid. Please check that you copied the whole address.');
}

function parse<T extends z.ZodType>(schema: T, payload: unknown): z.infer<T> {
  const result = schema.safeParse(payload);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const field = issue.path.join('.');
  throw new ServiceError('bad-request', field === '' ? `${issue.message}.` : `${field}: ${issue.message}.`);
}
