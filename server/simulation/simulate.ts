/**
 * @file Simulated annotators: real socket clients against a server of our own in this process, through the same events
 * as people. They join with the study's simulation token, which marks them, and sit on seats of their own.
 */
import { randomUUID } from 'node:crypto';
import { io, type Socket } from 'socket.io-client';
import type { Database } from '../../db/open.ts';
import { pairOfAssignment } from '../../db/queries/assignments.ts';
import { listPairs, listPairScores, seatsPerPair, type Pair } from '../../db/queries/studies.ts';
import type {
  Acknowledgement,
  AnnotateClientEvents,
  AnnotateServerEvents,
  AssignmentView,
  VoteResult,
} from '../../contract/annotate.ts';
import type { Visit } from '../../contract/visit.ts';
import { wilson } from '../../evaluator/statistics/wilson.ts';
import type { ServerConfig } from '../config.ts';
import { ServiceError } from '../errors.ts';
import { startServer } from '../start.ts';
import { visitOf } from '../study/checks.ts';
import { ensureSimulatedSeats } from '../study/design.ts';
import { requireStudy } from '../study/lifecycle.ts';
import { studyQuality } from '../study/quality.ts';
import { behave, castRoles, everybodyHonest, type Behaviour, type Mix } from './behaviour.ts';
import { preferenceFor, simulatedVote, uniform, type Preference } from './latent-preference.ts';

export interface SimulationRequest {
  study: string;
  annotators: number;
  /** Share of the pairs, of each pairing, whose majority goes to A. */
  winRate: number;
  /** Share of the votes that are ties; a seventh where the study allows them, by default. */
  tieRate?: number | undefined;
  /** How they behave; everybody is honest when it is left out. */
  mix?: Mix | undefined;
  seed: number;
  config: ServerConfig;
  onVote?: (() => void) | undefined;
}

/** About what people give where they may. */
const usualTieRate = 1 / 7;

export interface SimulationResult {
  /** Votes cast on the study's pairs. */
  votes: number;
  /** Of each behaviour how many the rule on exclusions names. */
  behaviours: { behaviour: Behaviour; annotators: number; named: number; share: number; low: number; high: number }[];
}

/**
 * @throws ServiceError not-found, study-not-open, study-paused, study-closed, bad-request
 */
export async function simulate(db: Database, request: SimulationRequest): Promise<SimulationResult> {
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
  if (study.active !== null)
    throw new ServiceError(
      'bad-request',
      `The study "${study.name}" draws its pairs by what people vote; simulated annotators cannot be in it.`,
    );
  const preference = preferenceFor(request.winRate, study.votesPerPair, tieRate);
  const { mix = everybodyHonest } = request;
  const rewards = await rewardChoices(db, study.id);
  if (rewards.size === 0 && mix.some(({ behaviour }) => behaviour === 'reward'))
    throw new ServiceError(
      'bad-request',
      `No reward has scored both images of the pairs of "${study.name}", so nobody can vote by one (visavis score).`,
    );
  await ensureSimulatedSeats(db, study.id);
  const places = placesInPairings(await listPairs(db, study.id));
  const gold = visitOf(study)?.gold?.pairs ?? [];
  const roles = castRoles(mix, request.annotators, request.seed);
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
      names.map((name, i) =>
        annotate(
          {
            ...{ db, url: server.url, token: study.simulationToken, name, sockets, places, rewards, gold },
            behaviour: roles[i]!,
            share: Math.max(1, (places.size * seatsPerPair(study)) / request.annotators),
          },
          preference,
          request,
        ),
      ),
    );
    const { annotators } = await studyQuality(db, study.name, { population: 'simulated', isQuick: true });
    const isNamed = new Set(annotators.filter(({ suggestion }) => suggestion !== null).map(({ id }) => id));
    const found = mix.map(({ behaviour }) => {
      const own = names.filter((_, i) => roles[i] === behaviour);
      const named = own.filter((name) => isNamed.has(name)).length;
      const rate = own.length === 0 ? { low: 0, high: 1 } : wilson(named, own.length);
      return { behaviour, annotators: own.length, named, share: own.length === 0 ? 0 : named / own.length, ...rate };
    });
    return { votes: counts.reduce((sum, count) => sum + count, 0), behaviours: found };
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
  /** What a reward prefers, by the pair's position. */
  rewards: ReadonlyMap<number, 'a' | 'b'>;
  gold: NonNullable<Visit['gold']>['pairs'];
  behaviour: Behaviour;
  /** Pairs that come to each annotator on average. */
  share: number;
}

/** Honest annotators see the known answer of so many gold pairs. */
const goldAccuracy = 0.95;

/** What the first reward by name that has scored both images prefers. */
async function rewardChoices(db: Database, studyId: string): Promise<Map<number, 'a' | 'b'>> {
  const scores = await listPairScores(db, studyId);
  const first = scores.map(({ reward }) => reward).sort()[0];
  return new Map(
    scores
      .filter(({ reward, scoreA, scoreB }) => reward === first && scoreA !== scoreB)
      .map(({ position, scoreA, scoreB }) => [position, scoreA > scoreB ? 'a' : 'b'] as const),
  );
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
  { db, url, token, name, sockets, places, rewards, gold, behaviour, share }: Annotating,
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
  const seen = new Set<number>();
  try {
    for (;;) {
      const assignment = await ask<AssignmentView | null>((done) => socket.emit('assignment:next', {}, done));
      if (assignment === null) return votes;
      // The pair and A's side are looked up beside the socket: the events themselves tell nobody.
      const { pair: position, pairing, seat, sideA } = await pairOfAssignment(db, assignment.id);
      const check = position < 0 ? gold[-1 - position] : undefined;
      const time = seen.has(position) ? 1 : 0;
      seen.add(position);
      for (const criterion of assignment.criteria) {
        const known = check?.answers?.[criterion as keyof typeof check.answers];
        const pair = places.get(position) ?? position;
        const isRight = uniform(seed, 'gold', name, position, criterion) < goldAccuracy;
        const thinks =
          known === undefined
            ? simulatedVote(preference, { seed, pairing, pair, criterion, seat })
            : isRight === (known === 'a')
              ? 'a'
              : 'b';
        const { choice, ms } = behave(behaviour, {
          ...{ seed, annotator: name, pair: position, criterion, time, sideA, thinks },
          instructed: check?.instruction?.choose,
          reward: rewards.get(position),
          // Nobody knows how much will be theirs: about as much as everybody's share.
          progress: assignment.done / Math.min(assignment.total, share),
        });
        await ask<VoteResult>((done) =>
          socket.emit(
            'vote:cast',
            { voteId: randomUUID(), assignmentId: assignment.id, criterion, choice, responseTimeMs: ms },
            done,
          ),
        );
        // Checks count nowhere, here neither.
        if (position < 0 || time > 0) continue;
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
