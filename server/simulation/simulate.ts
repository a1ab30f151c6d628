/**
 * @file Simulated annotators: real socket clients against a server of our own in this process, through the same events
 * as people. They join with the study's simulation token, which marks them, and sit on seats of their own.
 */
import { randomUUID } from 'node:crypto';
import { io, type Socket } from 'socket.io-client';
import type { Database } from '../../db/open.ts';
import { pairOfAssignment } from '../../db/queries/assignments.ts';
import { listPairs, type Pair } from '../../db/queries/studies.ts';
import type {
  Acknowledgement,
  AnnotateClientEvents,
  AnnotateServerEvents,
  AssignmentView,
  VoteResult,
} from '../../contract/annotate.ts';
import type { ServerConfig } from '../config.ts';
import { ServiceError } from '../errors.ts';
import { startServer } from '../start.ts';
import { ensureSimulatedSeats } from '../study/design.ts';
import { requireStudy } from '../study/lifecycle.ts';
import { preferenceFor, simulatedVote, uniform, type Preference } from './latent-preference.ts';

export interface SimulationRequest {
  study: string;
  annotators: number;
  /** Share of the pairs, of each pairing, whose majority goes to A. */
  winRate: number;
  /** Share of the votes that are ties; a seventh where the study allows them, by default. */
  tieRate?: number | undefined;
  seed: number;
  config: ServerConfig;
  onVote?: (() => void) | undefined;
}

/** About what people give where they may. */
const usualTieRate = 1 / 7;

/**
 * @returns votes cast
 * @throws ServiceError not-found, study-not-open, study-paused, study-closed, bad-request
 */
export async function simulate(db: Database, request: SimulationRequest): Promise<number> {
  const study = await requireStudy(db, request.study);
  if (!Number.isInteger(request.annotators) || request.annotators < 1 || request.annotators > 1000) {
    throw new ServiceError(
      'bad-request',
      `The number of annotators is ${request.annotators}; it must be from 1 to 1000.`,
    );
  }
  const tieRate = request.tieRate ?? (study.ties ? usualTieRate : 0);
  if (tieRate > 0 && !study.ties)
    throw new ServiceError('bad-request', `The study "${study.name}" has no ties; the tie rate must be 0.`);
  const preference = preferenceFor(request.winRate, study.votesPerPair, tieRate);
  await ensureSimulatedSeats(db, study.id);
  const places = placesInPairings(await listPairs(db, study.id));
  const server = await startServer(db, {
    ...request.config,
    host: '127.0.0.1',
    port: 0,
    publicUrl: undefined,
    checksFiles: false,
  });
  const sockets: Socket[] = [];
  try {
    const names = Array.from({ length: request.annotators }, (_, i) => `simulated-${i + 1}`);
    const counts = await Promise.all(
      names.map((name) =>
        annotate({ db, url: server.url, token: study.simulationToken, name, sockets, places }, preference, request),
      ),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  } finally {
    // When one was refused the others still wait.
    for (const socket of sockets) socket.disconnect();
    await server.close();
  }
}

interface Annotating {
  db: Database;
  url: string;
  token: string;
  name: string;
  /** Gets the socket that is opened. */
  sockets: Socket[];
  /** A pair's place among those of its pairing, by its position. */
  places: ReadonlyMap<number, number>;
}

/** So that each pairing, not only the whole study, goes to its model A at the rate that was asked. */
function placesInPairings(pairs: readonly Pair[]): Map<number, number> {
  const next = new Map<number, number>();
  return new Map(
    pairs.map(({ position, pairing }) => {
      const place = next.get(pairing) ?? 0;
      next.set(pairing, place + 1);
      return [position, place];
    }),
  );
}

async function annotate(
  { db, url, token, name, sockets, places }: Annotating,
  preference: Preference,
  { seed, onVote }: SimulationRequest,
): Promise<number> {
  const socket: Socket<AnnotateServerEvents, AnnotateClientEvents> = io(`${url}/annotate`, {
    auth: { token, participant: name },
    transports: ['websocket'],
    forceNew: true,
  });
  sockets.push(socket);
  let votes = 0;
  try {
    for (;;) {
      const assignment = await ask<AssignmentView | null>((done) => socket.emit('assignment:next', {}, done));
      if (assignment === null) return votes;
      // The pair and A's side are looked up beside the socket: the events themselves tell nobody.
      const { pair: position, pairing, seat, sideA } = await pairOfAssignment(db, assignment.id);
      const pair = places.get(position)!;
      for (const criterion of assignment.criteria) {
        const vote = simulatedVote(preference, { seed, pairing, pair, criterion, seat });
        await ask<VoteResult>((done) =>
          socket.emit(
            'vote:cast',
            {
              voteId: randomUUID(),
              assignmentId: assignment.id,
              criterion,
              choice: vote === 'tie' ? 'tie' : (vote === 'a') === (sideA === 'left') ? 'left' : 'right',
              responseTimeMs: Math.round(800 + 6000 * uniform(seed, 'time', position, criterion, seat)),
            },
            done,
          ),
        );
        votes += 1;
        onVote?.();
      }
    }
  } finally {
    socket.disconnect();
  }
}

async function ask<T>(emit: (acknowledge: (answer: Acknowledgement<T>) => void) => void): Promise<T> {
  const answer = await new Promise<Acknowledgement<T>>((resolve) => emit(resolve));
  if (!answer.ok) throw new ServiceError(answer.error.code, answer.error.message);
  return answer.data;
}
