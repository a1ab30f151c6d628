/** @file The socket, with answers as promises. An answer that does not come is asked for again by the caller. */
import { io, type Socket } from 'socket.io-client';
import { keepKey, knownKey } from './key.ts';
import type { Acknowledgement, AnnotateClientEvents, AnnotateServerEvents, Failure } from '../../contract/annotate.ts';

export type AnnotateSocket = Socket<AnnotateServerEvents, AnnotateClientEvents>;

export class Refusal extends Error {
  readonly code: Failure['code'];
  constructor({ code, message }: Failure) {
    super(message);
    this.code = code;
  }
}

/** Refusals that are of the moment. */
const passing = new Set<string>(['internal', 'rate-limited', 'unavailable'] satisfies Failure['code'][]);

export function isPassing(code: string): boolean {
  return passing.has(code);
}

/** How long to wait for an acknowledgement before it is asked for again. */
const patienceMs = 8000;

/** @param takeOver says, when the participant began in another browser, that it is the same person */
export function connect(token: string, participant: string | undefined, takeOver: () => boolean): AnnotateSocket {
  const socket: AnnotateSocket = io('/annotate', {
    // Asked anew for each connection: by then there may be a key.
    auth: (give) => {
      const key = knownKey(token, participant);
      give({
        token,
        ...(participant === undefined ? {} : { participant }),
        ...(key === undefined ? {} : { key }),
        ...(takeOver() ? { takeOver: true } : {}),
      });
    },
    transports: ['websocket', 'polling'],
    reconnectionDelayMax: 4000,
  });
  socket.on('session', (session) => keepKey(token, participant, session));
  return socket;
}

type Payload<E extends keyof AnnotateClientEvents> = Parameters<AnnotateClientEvents[E]>[0];
type Answer<E extends keyof AnnotateClientEvents> =
  Parameters<Parameters<AnnotateClientEvents[E]>[1]>[0] extends Acknowledgement<infer T> ? T : never;

/**
 * Sends until it is answered: a lost connection or a late answer only delays it. Every event may be repeated: reading
 * changes nothing, and a vote carries its own id.
 * @throws Refusal when the server says no
 */
export async function ask<E extends keyof AnnotateClientEvents>(
  socket: AnnotateSocket,
  event: E,
  payload: Payload<E>,
): Promise<Answer<E>> {
  for (;;) {
    const answer = await attempt<Answer<E>>(socket, event, payload);
    if (answer === undefined) continue;
    if (answer.ok) return answer.data;
    // The server's own trouble passes; a refusal does not.
    if (!isPassing(answer.error.code)) throw new Refusal(answer.error);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

/** Undefined when no answer came in time or the connection ended first. */
function attempt<T>(socket: AnnotateSocket, event: string, payload: unknown): Promise<Acknowledgement<T> | undefined> {
  return new Promise((resolve) => {
    const send = () => {
      const finish = (answer: Acknowledgement<T> | undefined) => {
        clearTimeout(timer);
        socket.off('disconnect', cut);
        resolve(answer);
      };
      const cut = () => finish(undefined);
      const timer = setTimeout(cut, patienceMs);
      socket.once('disconnect', cut);
      (socket as Socket).emit(event, payload, finish);
    };
    if (socket.connected) send();
    else socket.once('connect', send);
  });
}
