/** @file The namespace /annotate: who is connected, and each event's acknowledgement. */
import type { Namespace, Socket } from 'socket.io';
import type { AnnotateClientEvents, AnnotateServerEvents, Acknowledgement } from '../../contract/annotate.ts';
import { logFailure, toFailure } from '../errors.ts';
import { releaseSoon } from '../study/assignments.ts';
import type { AnnotatorEvents, EventParts, Visitor } from './annotator-events.ts';

type AnnotateSocket = Socket<AnnotateClientEvents, AnnotateServerEvents, object, Visitor>;
export type AnnotateNamespace = Namespace<AnnotateClientEvents, AnnotateServerEvents, object, Visitor>;

const departuresEveryMs = 20;
const departuresAtOnce = 200;

/** @returns tells the database of whoever left just now; call it when the connections are closed */
export function serveAnnotators(
  namespace: AnnotateNamespace,
  annotators: AnnotatorEvents,
  { db, metrics, log }: Pick<EventParts, 'db' | 'metrics' | 'log'>,
): () => Promise<void> {
  const presence = new Presence();
  const departures = new Departures((ids) =>
    releaseSoon(db, ids, annotators.leases).catch((error: unknown) => logFailure(log, error)),
  );

  namespace.use((socket, next) => {
    annotators.identify(socket.handshake.auth, socket.request).then(
      (visitor) => {
        Object.assign(socket.data, visitor);
        next();
      },
      (error: unknown) => {
        logFailure(log, error);
        const failure = toFailure(error);
        next(Object.assign(new Error(failure.message), { data: failure }));
      },
    );
  });

  namespace.on('connection', (socket: AnnotateSocket) => {
    const { annotator } = socket.data;
    const session = annotators.sessionOf(socket.data);
    if (session !== undefined) socket.emit('session', session);
    metrics.annotators.inc();
    presence.enter(annotator.id);
    departures.delete(annotator.id);
    annotators.holdFor(socket.data).catch((error: unknown) => logFailure(log, error));

    for (const event of annotators.events) {
      const listener = async (...received: unknown[]): Promise<void> => {
        // A payload may be left out; the acknowledgement is always last.
        const acknowledge = received.at(-1);
        if (typeof acknowledge !== 'function') return;
        const answer = acknowledge as (result: Acknowledgement<unknown>) => void;
        answer(await annotators.answer(event, socket.data, received.length > 1 ? received[0] : undefined));
      };
      socket.on(event, listener as AnnotateClientEvents[typeof event]);
    }

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
