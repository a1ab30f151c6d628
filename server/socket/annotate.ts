/** @file The namespace /annotate. Every event is checked, runs one domain call, and is acknowledged after its commit. */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Namespace, Socket } from 'socket.io';
import { z } from 'zod';
import type { Database } from '../../db/open.ts';
import { findAnnotator, imagesOfAssignment, type Annotator } from '../../db/queries/assignments.ts';
import type { ImageStore } from '../../evaluator/engine/images/store.ts';
import type { Health } from '../health.ts';
import {
  handshakeSchema,
  voteSchema,
  type Acknowledgement,
  type AnnotateClientEvents,
  type AnnotateServerEvents,
} from '../../contract/annotate.ts';
import { logFailure, ServiceError, toFailure } from '../errors.ts';
import type { Metrics } from '../http/metrics.ts';
import type { Limits } from '../http/limits.ts';
import { keyOf, participantOf, type ParticipantKeys } from '../http/participant.ts';
import {
  claim,
  holdAgain,
  invitedTo,
  joinInvited,
  nextAssignment,
  preloadAssignment,
  releaseSoon,
  type LeaseTimes,
} from '../study/assignments.ts';
import { castVote, undoLast } from '../study/votes.ts';

interface SocketData {
  annotator: Annotator;
  /** Votes cast before were cast by another browser; 0 for the first one. */
  since: number;
}
type AnnotateSocket = Socket<AnnotateClientEvents, AnnotateServerEvents, object, SocketData>;
export type AnnotateNamespace = Namespace<AnnotateClientEvents, AnnotateServerEvents, object, SocketData>;

interface Parts {
  db: Database;
  leases: LeaseTimes;
  metrics: Metrics;
  limits: Limits;
  keys: ParticipantKeys;
  health: Health;
  images: ImageStore;
  log: Logger;
}

const departuresEveryMs = 20;
const departuresAtOnce = 200;

const emptySchema = z.looseObject({}).nullish();

/** @returns tells the database of whoever left just now; call it when the connections are closed */
export function serveAnnotators(
  namespace: AnnotateNamespace,
  { db, leases, metrics, limits, keys, health, images, log }: Parts,
): () => Promise<void> {
  /** Far above what a person or a waiting script sends; a flood is refused before it reaches the database. */
  const pace = new RateLimiterMemory({ points: 1000, duration: 1 });
  const presence = new Presence();
  const departures = new Departures((ids) =>
    releaseSoon(db, ids, times).catch((error: unknown) => logFailure(log, error)),
  );
  const times: LeaseTimes = { ...leases, onExpired: (expired) => metrics.expiredLeases.inc(expired) };

  namespace.use((socket, next) => {
    identify(socket).then(
      (data) => {
        Object.assign(socket.data, data);
        next();
      },
      (error: unknown) => next(connectError(error, log)),
    );
  });

  async function identify(socket: AnnotateSocket): Promise<SocketData> {
    const auth = handshakeSchema.safeParse(socket.handshake.auth);
    if (!auth.success)
      throw new ServiceError('bad-token', 'This link is not valid. Please check that you copied the whole address.');
    const { token, key, takeOver = false } = auth.data;
    const { cookie } = socket.handshake.headers;
    const participant = auth.data.participant ?? participantOf(cookie) ?? `anonymous-${randomUUID()}`;
    const invited = await invitedTo(db, token).catch(async (error: unknown) => {
      if (error instanceof ServiceError && error.code === 'bad-token') await limits.countWrongKey(socket.request);
      throw error;
    });
    const known = await findAnnotator(db, { ...invited, participant });
    if (known === undefined && invited.population === 'people')
      await limits.countNewAnnotator(socket.request, invited.studyId);
    const annotator = known ?? (await joinInvited(db, invited, participant));
    // Their link is the researcher's alone.
    if (annotator.population === 'simulated') return { annotator, since: 0 };
    const shown = keys.sinceOf(key, annotator.id) ?? keys.sinceOf(keyOf(cookie), annotator.id);
    const since = await claim(db, annotator, { since: shown, takeOver });
    if (since > 0 && shown === undefined) log.warn({ annotator: annotator.id }, 'An annotator was taken over.');
    return { annotator, since };
  }

  /** Nobody is asked about what cannot be shown. */
  async function requireImages(assignmentId: string): Promise<void> {
    for (const sha256 of Object.values((await imagesOfAssignment(db, assignmentId)) ?? {})) {
      if (await images.has(sha256)) continue;
      health.imageIsMissing(sha256);
      throw new ServiceError(
        'unavailable',
        'An image of the next pair is missing on the server. Your votes are saved; please tell the researchers.',
      );
    }
  }

  namespace.on('connection', (socket) => {
    const { annotator, since } = socket.data;
    if (annotator.population === 'people') socket.emit('session', { key: keys.issue(annotator.id, since) });
    metrics.annotators.inc();
    presence.enter(annotator.id);
    departures.delete(annotator.id);
    holdAgain(db, annotator, times).catch((error: unknown) => logFailure(log, error));

    function on<T>(event: keyof AnnotateClientEvents, handle: (payload: unknown) => Promise<T>): void {
      const listener = async (...received: unknown[]): Promise<void> => {
        // A payload may be left out; the acknowledgement is always last.
        const acknowledge = received.at(-1);
        if (typeof acknowledge !== 'function') return;
        const answer = acknowledge as (result: Acknowledgement<T>) => void;
        const stopClock = metrics.eventSeconds.startTimer({ event });
        try {
          await pace.consume(annotator.id).catch(() => {
            throw new ServiceError('rate-limited', 'Too fast; try again in a second.');
          });
          health.requireSavable();
          answer({ ok: true, data: await handle(received.length > 1 ? received[0] : undefined) });
        } catch (error) {
          logFailure(log, error, metrics);
          const failure = toFailure(error);
          metrics.refusals.inc({ code: failure.code });
          answer({ ok: false, error: failure });
        }
        stopClock();
      };
      socket.on(event, listener as AnnotateClientEvents[typeof event]);
    }

    on('assignment:next', async (payload) => {
      parse(emptySchema, payload);
      const assignment = await nextAssignment(db, annotator, times);
      if (assignment !== null) await requireImages(assignment.id);
      return assignment;
    });
    on('assignment:preload', async (payload) => {
      parse(emptySchema, payload);
      return preloadAssignment(db, annotator, times);
    });
    on('vote:cast', async (payload) => {
      const result = await castVote(db, annotator, parse(voteSchema, payload), times);
      metrics.votes.inc({ counted: String(result.counted) });
      return result;
    });
    on('vote:undo', async (payload) => {
      parse(emptySchema, payload);
      return undoLast(db, annotator, times, Date.now(), since);
    });

    socket.on('disconnect', () => {
      metrics.annotators.dec();
      if (presence.leave(annotator.id) > 0) return;
      departures.add(annotator.id);
    });
  });
  return () => departures.end();
}

/** How many connections each annotator has: two tabs of one person are one person. */
class Presence {
  readonly #connections = new Map<string, number>();

  enter(annotatorId: string): void {
    this.#connections.set(annotatorId, (this.#connections.get(annotatorId) ?? 0) + 1);
  }

  /** @returns how many are left */
  leave(annotatorId: string): number {
    const left = (this.#connections.get(annotatorId) ?? 1) - 1;
    if (left === 0) this.#connections.delete(annotatorId);
    else this.#connections.set(annotatorId, left);
    return left;
  }
}

/** When a network goes away thousands leave at once: they are told to the database some at a time. */
class Departures {
  readonly #ids = new Set<string>();
  readonly #release: (ids: string[]) => Promise<void>;
  #timer: NodeJS.Timeout | undefined;

  constructor(release: (ids: string[]) => Promise<void>) {
    this.#release = release;
  }

  add(annotatorId: string): void {
    this.#ids.add(annotatorId);
    this.#timer ??= setTimeout(() => void this.#flush(), departuresEveryMs);
  }

  /** They are back. */
  delete(annotatorId: string): void {
    this.#ids.delete(annotatorId);
  }

  /** Releases all that wait, and comes back when that is done. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    while (this.#ids.size > 0) await this.#flush();
    clearTimeout(this.#timer);
  }

  async #flush(): Promise<void> {
    const some = [...this.#ids].slice(0, departuresAtOnce);
    for (const id of some) this.#ids.delete(id);
    if (some.length > 0) await this.#release(some);
    this.#timer = this.#ids.size === 0 ? undefined : setTimeout(() => void this.#flush(), 0);
  }
}

function parse<T extends z.ZodType>(schema: T, payload: unknown): z.infer<T> {
  const result = schema.safeParse(payload);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const field = issue.path.join('.');
  throw new ServiceError('bad-request', field === '' ? `${issue.message}.` : `${field}: ${issue.message}.`);
}

function connectError(error: unknown, log: Logger): Error {
  const failure = toFailure(error);
  logFailure(log, error);
  return Object.assign(new Error(failure.message), { data: failure });
}
