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
  const departures = new Departures((ids, connections) =>
    releaseSoon(db, ids, annotators.leases, Date.now(), connections).catch((error: unknown) => logFailure(log, error)),
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
    const { annotator, preview } = socket.data;
    const session = annotators.sessionOf(socket.data);
    if (session !== undefined) socket.emit('session', session);
    metrics.annotators.inc();
    presence.enter(annotator.id, socket.id);
    departures.delete(annotator.id);
    annotators.holdFor(socket.data, socket.id).catch((error: unknown) => logFailure(log, error));

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
      const ended = presence.leave(annotator.id);
      if (ended !== undefined && preview === undefined) departures.add(annotator.id, ended);
    });
  });
  return () => departures.end();
}

/** Each annotator's connections to this server: two tabs of one person are one person. */
class Presence {
  readonly #here = new Map<string, { open: number; connections: string[] }>();

  enter(annotatorId: string, connection: string): void {
    const here = this.#here.get(annotatorId);
    if (here === undefined) this.#here.set(annotatorId, { open: 1, connections: [connection] });
    else {
      here.open += 1;
      here.connections.push(connection);
    }
  }

  /** @returns all that they had since they came, once the last one has ended */
  leave(annotatorId: string): string[] | undefined {
    const here = this.#here.get(annotatorId);
    if (here === undefined || --here.open > 0) return undefined;
    this.#here.delete(annotatorId);
    return here.connections;
  }
}

/** When a network goes away thousands leave at once: they are told to the database some at a time. */
class Departures {
  /** The connections that ended, of each annotator. */
  readonly #left = new Map<string, readonly string[]>();
  readonly #release: (ids: string[], connections: string[]) => Promise<void>;
  #timer: NodeJS.Timeout | undefined;

  constructor(release: (ids: string[], connections: string[]) => Promise<void>) {
    this.#release = release;
  }

  add(annotatorId: string, connections: readonly string[]): void {
    this.#left.set(annotatorId, connections);
    this.#timer ??= setTimeout(() => void this.#flush(), departuresEveryMs);
  }

  /** They are back. */
  delete(annotatorId: string): void {
    this.#left.delete(annotatorId);
  }

  /** Releases all that wait, and comes back when that is done. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    while (this.#left.size > 0) await this.#flush();
    clearTimeout(this.#timer);
  }

  async #flush(): Promise<void> {
    const some = [...this.#left].slice(0, departuresAtOnce);
    for (const [id] of some) this.#left.delete(id);
    if (some.length > 0)
      await this.#release(
        some.map(([id]) => id),
        some.flatMap(([, connections]) => connections),
      );
    this.#timer = this.#left.size === 0 ? undefined : setTimeout(() => void this.#flush(), 0);
  }
}
