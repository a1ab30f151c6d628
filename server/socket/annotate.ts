/** @file The namespace /annotate. Every event is checked, runs one domain call, and is acknowledged after its commit. */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Namespace, Socket } from 'socket.io';
import { z } from 'zod';
import type { Database } from '../../db/open.ts';
import type { Annotator } from '../../db/queries/assignments.ts';
import {
  handshakeSchema,
  voteSchema,
  type Acknowledgement,
  type AnnotateClientEvents,
  type AnnotateServerEvents,
} from '../../contract/annotate.ts';
import { logFailure, ServiceError, toFailure } from '../errors.ts';
import type { Metrics } from '../http/metrics.ts';
import { Guesses } from '../http/guesses.ts';
import type { Origins } from '../http/origins.ts';
import { participantOf } from '../http/participant.ts';
import {
  holdAgain,
  joinStudy,
  nextAssignment,
  preloadAssignment,
  releaseSoon,
  type LeaseTimes,
} from '../study/assignments.ts';
import { castVote, undoLast } from '../study/votes.ts';

interface SocketData {
  annotator: Annotator;
}
type AnnotateSocket = Socket<AnnotateClientEvents, AnnotateServerEvents, object, SocketData>;
export type AnnotateNamespace = Namespace<AnnotateClientEvents, AnnotateServerEvents, object, SocketData>;

interface Parts {
  db: Database;
  leases: LeaseTimes;
  metrics: Metrics;
  origins: Origins;
  log: Logger;
}

const emptySchema = z.looseObject({}).nullish();

export function serveAnnotators(namespace: AnnotateNamespace, { db, leases, metrics, origins, log }: Parts): void {
  /** Far above what a person or a waiting script sends; a flood is refused before it reaches the database. */
  const pace = new RateLimiterMemory({ points: 1000, duration: 1 });
  const guesses = new Guesses(origins);
  const presence = new Presence();
  const times: LeaseTimes = { ...leases, onExpired: (expired) => metrics.expiredLeases.inc(expired) };

  namespace.use((socket, next) => {
    identify(socket).then(
      (annotator) => {
        socket.data.annotator = annotator;
        next();
      },
      (error: unknown) => next(connectError(error, log)),
    );
  });

  async function identify(socket: AnnotateSocket): Promise<Annotator> {
    const auth = handshakeSchema.safeParse(socket.handshake.auth);
    if (!auth.success)
      throw new ServiceError('bad-token', 'This link is not valid. Please check that you copied the whole address.');
    const participant =
      auth.data.participant ?? participantOf(socket.handshake.headers.cookie) ?? `anonymous-${randomUUID()}`;
    try {
      return await joinStudy(db, { token: auth.data.token, participant });
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'bad-token') await guesses.count(socket.request);
      throw error;
    }
  }

  namespace.on('connection', (socket) => {
    const { annotator } = socket.data;
    metrics.annotators.inc();
    presence.enter(annotator.id);
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
          answer({ ok: true, data: await handle(received.length > 1 ? received[0] : undefined) });
        } catch (error) {
          logFailure(log, error);
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
      return nextAssignment(db, annotator, times);
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
      return undoLast(db, annotator, times);
    });

    socket.on('disconnect', () => {
      metrics.annotators.dec();
      if (presence.leave(annotator.id) > 0) return;
      releaseSoon(db, annotator, times).catch((error: unknown) => logFailure(log, error));
    });
  });
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
