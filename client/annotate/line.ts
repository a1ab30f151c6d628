/**
 * @file The line to the server, with answers as promises: a WebSocket, HTTP long polling where upgrades are refused, and plain
 * requests where no socket gets through. An answer that does not come is asked for again.
 */
import { io, type Socket } from 'socket.io-client';
import { keepKey, knownKey } from './key.ts';
import type {
  Acknowledgement,
  AnnotateClientEvents,
  AnnotateServerEvents,
  AnnotateSession,
  Failure,
} from '../../contract/annotate.ts';

export class Refusal extends Error {
  readonly code: Failure['code'];
  constructor({ code, message }: Failure) {
    super(message);
    this.code = code;
  }
}

/** Refusals that are of the moment. */
const passing = new Set<string>(['internal', 'rate-limited', 'unavailable'] satisfies Failure['code'][]);

/** How long an answer is waited for before it is asked for again, milliseconds. */
const patienceMs = 4000;
/** How long the socket may take to connect before a plain request is tried. */
const connectMs = 2500;
const pauseMs = 1000;

export type Payload<E extends keyof AnnotateClientEvents> = Parameters<AnnotateClientEvents[E]>[0];
export type Answer<E extends keyof AnnotateClientEvents> =
  Parameters<Parameters<AnnotateClientEvents[E]>[1]>[0] extends Acknowledgement<infer T> ? T : never;

interface LineParts {
  token: string;
  participant: string | undefined;
  submission: string | undefined;
  onsession: (session: AnnotateSession) => void;
  /** The server does not let this visitor in. */
  onrefused: (failure: Failure) => void;
  /** It works, or it does not: told at each change. @param why the server's own word, where it has one */
  onstate: (works: boolean, why: string | undefined) => void;
}

export class Line {
  readonly #parts: LineParts;
  readonly #socket: Socket<AnnotateServerEvents, AnnotateClientEvents>;
  #takingOver = false;
  #works = true;

  constructor(parts: LineParts) {
    this.#parts = parts;
    this.#socket = io('/annotate', {
      // Asked anew for each connection: by then there may be a key.
      auth: (give) => give(this.#auth()),
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      timeout: 5000,
      reconnectionDelayMax: 3000,
    });
    this.#socket.on('session', (session) => this.#keep(session));
    this.#socket.on('connect', () => {
      this.#takingOver = false;
      this.#tell(true);
    });
    this.#socket.on('disconnect', () => this.#tell(false));
    this.#socket.on('connect_error', (error) => {
      const data = (error as Error & { data?: Failure }).data;
      if (data === undefined) return;
      // The server's word ends it; its own trouble does not, but the socket would not try again by itself.
      if (passing.has(data.code)) setTimeout(() => this.#socket.connect(), pauseMs);
      else parts.onrefused(data);
    });
  }

  /** Whether the last thing that was tried on it got through. */
  get works(): boolean {
    return this.#works;
  }

  /** Tries to get in once more. @param takeOver it was the same person in another browser */
  enter(takeOver = false): void {
    this.#takingOver = takeOver;
    this.#socket.connect();
  }

  /**
   * Sends until it is answered: a lost connection or a late answer only delays it. Every event may be repeated: reading
   * changes nothing, and a vote carries its own id.
   * @throws Refusal when the server says no
   */
  async ask<E extends keyof AnnotateClientEvents>(event: E, payload: Payload<E>): Promise<Answer<E>> {
    for (;;) {
      const answer = (await this.#bySocket(event, payload)) ?? (await this.#byRequest(event, payload));
      if (answer?.ok === true) {
        this.#tell(true);
        return answer.data as Answer<E>;
      }
      if (answer !== undefined && !passing.has(answer.error.code)) throw new Refusal(answer.error);
      this.#tell(false, answer?.error.message);
      await pause(pauseMs);
    }
  }

  #auth() {
    const { token, participant, submission } = this.#parts;
    return {
      token,
      key: knownKey(token, participant),
      ...(participant === undefined ? {} : { participant }),
      ...(submission === undefined ? {} : { submission }),
      ...(this.#takingOver ? { takeOver: true } : {}),
    };
  }

  /** Undefined when no answer came in time, or there is no connection. */
  async #bySocket(event: string, payload: unknown): Promise<Acknowledgement<unknown> | undefined> {
    if (!this.#socket.connected && !(await this.#connects())) return undefined;
    const answer = await new Promise<Acknowledgement<unknown> | undefined>((resolve) => {
      const finish = (value: Acknowledgement<unknown> | undefined) => {
        clearTimeout(timer);
        this.#socket.off('disconnect', cut);
        resolve(value);
      };
      const cut = () => finish(undefined);
      const timer = setTimeout(cut, patienceMs);
      this.#socket.once('disconnect', cut);
      (this.#socket as Socket).emit(event, payload, finish);
    });
    // A network that swallows everything keeps the socket open; a new one finds the way as soon as there is one.
    if (answer === undefined && this.#socket.connected) this.#socket.disconnect().connect();
    return answer;
  }

  /** Waits for the socket for a moment; not at all when plain requests are known to work and it is not. */
  #connects(): Promise<boolean> {
    if (this.#requestsWork) return Promise.resolve(false);
    return new Promise((resolve) => {
      const finish = (connected: boolean) => {
        clearTimeout(timer);
        this.#socket.off('connect', connect);
        resolve(connected);
      };
      const connect = () => {
        this.#requestsWork = false;
        finish(true);
      };
      const timer = setTimeout(() => finish(false), connectMs);
      this.#socket.once('connect', connect);
    });
  }
  #requestsWork = false;

  /** One after another: as they were asked. */
  #byRequest(event: string, payload: object): Promise<Acknowledgement<unknown> | undefined> {
    const answer = this.#requests.then(() => this.#request(event, payload));
    this.#requests = answer;
    return answer;
  }
  #requests: Promise<unknown> = Promise.resolve();

  async #request(event: string, payload: object): Promise<Acknowledgement<unknown> | undefined> {
    try {
      const response = await fetch(`/annotate/api/${event}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...payload, auth: this.#auth() }),
        signal: AbortSignal.timeout(patienceMs),
      });
      const answer = (await response.json()) as Acknowledgement<unknown> & { session?: AnnotateSession };
      // Too large for the server, it is so each time.
      if (response.status === 413)
        return { ok: false, error: { code: 'bad-request', message: 'This is more than the server takes.' } };
      if (typeof answer.ok !== 'boolean') return undefined;
      if (answer.session !== undefined) this.#keep(answer.session);
      this.#requestsWork = answer.ok;
      return answer;
    } catch {
      this.#requestsWork = false;
      return undefined;
    }
  }

  #keep(session: AnnotateSession): void {
    keepKey(this.#parts.token, this.#parts.participant, session);
    this.#parts.onsession(session);
  }

  #tell(works: boolean, why?: string): void {
    this.#works = works;
    this.#parts.onstate(works, why);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
