/**
 * @file Leasing seats to annotators. Arrow: pairs → assignments. A seat is held by one annotator for a time; when the
 * lease runs out it is free again, and what was voted until then stays.
 */
import { randomUUID } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import { Conflict, inTransaction } from '../../db/transactions.ts';
import {
  advanceAssignment,
  claimAnnotator,
  ensureAnnotator,
  findAssignment,
  freeSeat,
  hasFreeSeats,
  heldByNewcomers,
  insertProblem,
  insertTakeOver,
  secretSince,
  releaseExpired,
  renewLease,
  renewLeases,
  setConnection,
  shortenLeases,
  skipAssignment,
  standingOf,
  takeSeat,
  type Annotator,
  type Assignment,
  type Standing,
} from '../../db/queries/assignments.ts';
import { pairContent, studyFacts, type PairContent, type StudyFacts } from '../../db/queries/immutable.ts';
import { findStudyByToken, seatsPerPair } from '../../db/queries/studies.ts';
import { slotsOfSeat } from '../../db/queries/votes.ts';
import type { Population, ProblemTable, Side, StudyState } from '../../db/tables.ts';
import type { AssignmentView, Preload } from '../../contract/annotate.ts';
import { hidesPrompt, type Criterion } from '../../contract/criteria.ts';
import { ServiceError, TooManyBegin } from '../errors.ts';
import { endVisit } from '../../db/queries/visits.ts';
import {
  comesNext,
  criteriaAsked,
  failsChecks,
  instructedSide,
  ownCriteriaOf,
  promptShown,
  totalFor,
} from './checks.ts';
import { drawPairs } from './active.ts';
import { requireSteps } from './steps.ts';

/** How long a seat is held, in milliseconds. */
export interface LeaseTimes {
  /** From the last sign of life on an assignment. */
  leaseMs: number;
  /** After the annotator's connection ended. */
  graceMs: number;
  /**
   * A seat is held so long for somebody who has not voted yet, who holds one alone; all of them together hold at most half of the
   * free ones, or sixteen. Without it newcomers are as everybody else.
   */
  newcomerMs?: number;
  /** Is told how many leases ran out, whenever some did. */
  onExpired?: (leases: number) => void;
}

/** Candidates among which an annotator's next pair is drawn: near the front, so that pairs complete early. */
const window = 16;
/** How often a study's leases are looked through while people ask for pairs. */
const sweepMs = 1000;
/** A lease of which less than this has gone is not written again. */
const renewAfter = 0.1;

type ProblemReason = ProblemTable['reason'];

export interface Invited {
  studyId: string;
  population: Population;
}

/** The study and the kind of annotators that an invite token is for. @throws ServiceError bad-token */
export async function invitedTo(db: Database, token: string): Promise<Invited> {
  const study = await findStudyByToken(db, token);
  if (study === undefined) {
    throw new ServiceError('bad-token', 'This link is not valid. Please check that you copied the whole address.');
  }
  return { studyId: study.id, population: study.inviteToken === token ? 'people' : 'simulated' };
}

/**
 * The annotator behind an invite token and a participant's id.
 * @throws ServiceError bad-token
 */
export async function joinStudy(
  db: Database,
  { token, participant }: { token: string; participant: string },
  now = Date.now(),
): Promise<Annotator> {
  return joinInvited(db, await invitedTo(db, token), participant, now);
}

/** The annotator behind an invitation and a participant's id. */
export function joinInvited(db: Database, invited: Invited, participant: string, now = Date.now()): Promise<Annotator> {
  const annotator = { id: randomUUID(), ...invited, participant, createdAt: now };
  return inTransaction(db, (tx) => ensureAnnotator(tx, annotator));
}

/**
 * Whose connection this is: of the annotator's first browser, of one that shows their key or the secret that it began with, or
 * of one that says that it takes over, which is kept.
 * @param since what the key shows, if it is theirs
 * @param secretHash of the secret that the browser made, if it shows one
 * @returns since when the votes are this browser's
 * @throws ServiceError key-required
 */
export async function claim(
  db: Database,
  annotator: Annotator,
  { since, secretHash, takeOver }: { since: number | undefined; secretHash: string | null; takeOver: boolean },
  now = Date.now(),
): Promise<number> {
  if (since !== undefined) return since;
  return inTransaction(db, async (tx) => {
    if (annotator.keyedAt === null && (await claimAnnotator(tx, { id: annotator.id, secretHash }, now))) return 0;
    // It had begun, and did not hear of it.
    const known = secretHash === null ? undefined : await secretSince(tx, annotator.id, secretHash);
    if (known !== undefined) return known;
    if (!takeOver)
      throw new ServiceError(
        'key-required',
        'Somebody has begun this study as this participant in another browser. Was it you? Then you can go on here.',
      );
    await insertTakeOver(tx, { id: randomUUID(), annotatorId: annotator.id, createdAt: now, secretHash });
    return now;
  });
}

/**
 * The assignment to answer now; the same one until it is answered. Null when nothing is left for this annotator.
 * @throws ServiceError study-not-open, study-paused, study-closed
 * @throws TooManyBegin
 */
export async function nextAssignment(
  db: Database,
  annotator: Annotator,
  times: LeaseTimes,
  now = Date.now(),
): Promise<AssignmentView | null> {
  return withFreeSeats(db, annotator, times, now, async (tx) => {
    const standing = await standingOf(tx, annotator.id);
    const facts = await studyFacts(tx, annotator.studyId);
    // Whose visit is over has nothing to do, whatever becomes of the study.
    if (standing.endReason !== null) return null;
    requireOpen(standing.studyState);
    await requireSteps(tx, annotator, facts);
    if (await failsChecks(tx, annotator, facts, standing)) {
      await endVisit(tx, annotator.id, 'checks');
      return null;
    }
    const [current] = standing.held;
    const leaseMs = leaseOf(annotator, standing, times);
    const expiresAt = now + leaseMs;
    if (current !== undefined) {
      const renewed = renewedExpiry(current, { ...times, leaseMs }, now);
      if (renewed !== current.expiresAt) await renewLease(tx, current.id, renewed);
      return viewOf(tx, facts, { ...current, expiresAt: renewed }, { annotator, done: standing.done });
    }
    const { revivable } = standing;
    if (revivable !== undefined) {
      await advanceAssignment(tx, revivable, { state: 'leased', voted: true, expiresAt });
      return viewOf(tx, facts, { ...revivable, expiresAt }, { annotator, done: standing.done });
    }
    if (holdsOneAlone(annotator, standing, times)) await requirePlace(tx, annotator);
    const leased = await lease(tx, annotator, { facts, lastPosition: standing.lastPosition }, expiresAt, now);
    if (leased === null) return null;
    return viewOf(tx, facts, leased.assignment, { annotator, done: standing.done, filled: leased.filled });
  });
}

/**
 * Holds up to two assignments beyond the current one, so that the page can go on to them at once. None for who has not voted
 * yet: made-up participants would take the study's seats.
 */
export async function preloadAssignment(
  db: Database,
  annotator: Annotator,
  times: LeaseTimes,
  now = Date.now(),
): Promise<Preload> {
  return inTransaction(
    db,
    async (tx) => {
      const standing = await standingOf(tx, annotator.id);
      const facts = await studyFacts(tx, annotator.studyId);
      if (standing.endReason !== null) return { assignments: [] };
      requireOpen(standing.studyState);
      const following = standing.held.slice(1, 1 + ahead);
      let { lastPosition } = standing;
      // Whose visit is about to end gets nothing new; what they hold they may still answer.
      const isEnding = await failsChecks(tx, annotator, facts, standing);
      while (
        !isEnding &&
        standing.held.length > 0 &&
        following.length < ahead &&
        !holdsOneAlone(annotator, standing, times)
      ) {
        // What is held is shown in the order in which it was leased.
        const leased = await lease(tx, annotator, { facts, lastPosition }, now + times.leaseMs, now + following.length);
        if (leased === null) break;
        following.push(leased.assignment);
        lastPosition = leased.position;
      }
      const assignments = [];
      for (const [i, assignment] of following.entries()) {
        // By then the ones before it are done.
        const view = await viewOf(tx, facts, assignment, { annotator, done: standing.done + 1 + i });
        const content = await pairContent(tx, assignment.pairId);
        assignments.push({ ...view, promptLater: promptShown(facts, assignment, content) });
      }
      return { assignments };
    },
    annotator.id,
  );
}

/**
 * Sets an assignment aside: its seat is free for others, this annotator does not get the pair again, and the researchers see the
 * reason. Votes already cast on it stay. Told again it changes nothing.
 * @throws ServiceError not-found
 */
export async function reportProblem(
  db: Database,
  annotator: Annotator,
  { assignmentId, reason }: { assignmentId: string; reason: ProblemReason },
  now = Date.now(),
): Promise<void> {
  await inTransaction(
    db,
    async (tx) => {
      const assignment = await findAssignment(tx, assignmentId);
      if (assignment === undefined || assignment.annotatorId !== annotator.id)
        throw new ServiceError('not-found', 'You have no such assignment.');
      if (assignment.skippedAt !== null) return;
      if (!(await skipAssignment(tx, assignmentId, now))) {
        // Finished or gone to somebody else: there is nothing to give back, and the word still matters.
        if (reason === 'skipped') return;
      }
      await insertProblem(tx, {
        id: randomUUID(),
        studyId: annotator.studyId,
        assignmentId,
        reason,
        createdAt: now,
      });
    },
    annotator.id,
  );
}

/**
 * Their connections ended: what they hold goes back soon unless they return.
 * @param connections those that ended; whoever has a newer one, on another server, keeps what they hold. Anybody's when absent
 */
export async function releaseSoon(
  db: Database,
  annotatorIds: readonly string[],
  times: LeaseTimes,
  now = Date.now(),
  connections?: readonly string[],
): Promise<void> {
  await inTransaction(db, (tx) => shortenLeases(tx, annotatorIds, now + times.graceMs, connections));
}

/** The annotator is back before their leases ran out. */
export async function holdAgain(
  db: Database,
  annotator: Annotator,
  times: LeaseTimes,
  now = Date.now(),
  connection?: string,
): Promise<void> {
  await inTransaction(db, async (tx) => {
    if (connection !== undefined) await setConnection(tx, annotator.id, connection);
    await renewLeases(tx, annotator.id, now + times.leaseMs);
  });
}

/**
 * What the annotator's page needs of an assignment, and nothing that tells a model.
 * @param filled criteria of its seat that have their vote; asked for when left out
 */
export async function viewOf(
  db: Database,
  facts: StudyFacts,
  assignment: Assignment,
  { annotator, done, filled }: { annotator: Annotator; done: number; filled?: readonly string[] },
): Promise<AssignmentView> {
  const content = await pairContent(db, assignment.pairId);
  const answered = new Set(filled ?? (await slotsOfSeat(db, assignment.seatId)).map(({ criterion }) => criterion));
  const asked = criteriaAsked(facts, assignment, content.position);
  const criteria = asked.filter((criterion) => !answered.has(criterion));
  return {
    id: assignment.id,
    criteria,
    questions: asked.length,
    prompt: visiblePrompt(facts, criteria, promptShown(facts, assignment, content)),
    ...imagesOf(assignment, content),
    ties: facts.ties,
    ...(facts.bothBad ? { bothBad: true } : {}),
    ...instructedSide(facts, assignment, content),
    expiresAt: assignment.expiresAt,
    done,
    total: totalFor(annotator, facts),
  };
}

/** Both images' addresses and sizes; the addresses tell nothing but the side. */
export function imagesOf(assignment: Pick<Assignment, 'id' | 'sideA'>, content: PairContent) {
  const a = { width: content.widthA, height: content.heightA };
  const b = { width: content.widthB, height: content.heightB };
  const [left, right] = assignment.sideA === 'left' ? [a, b] : [b, a];
  return {
    left: { url: imageUrl(assignment.id, 'left'), ...left },
    right: { url: imageUrl(assignment.id, 'right'), ...right },
  };
}

export function visiblePrompt(facts: StudyFacts, remaining: readonly Criterion[], prompt: string): string | null {
  const asked = remaining[0];
  return asked !== undefined && hidesPrompt(asked, ownCriteriaOf(facts)) ? null : prompt;
}

/** A whole lease from now; what it is when that is nearly the same, which saves a write. */
export function renewedExpiry({ expiresAt }: Assignment, { leaseMs }: LeaseTimes, now: number): number {
  const left = expiresAt - now;
  return left <= leaseMs && left >= (1 - renewAfter) * leaseMs ? expiresAt : now + leaseMs;
}

export function requireOpen(state: StudyState): void {
  if (state === 'draft')
    throw new ServiceError('study-not-open', 'This study has not started yet. Please come back later.');
  if (state === 'paused') {
    throw new ServiceError('study-paused', 'This study is paused. Your votes are saved; please come back later.');
  }
  if (state === 'closed') throw new ServiceError('study-closed', 'This study has ended. Thank you for your interest.');
}

/** When each study's leases were last looked through. */
const swept = new WeakMap<Database, Map<string, number>>();

/**
 * Runs `job`, after taking back what has expired: once a second, and again before nothing is said to be left.
 * @param job null when it found no free seat
 */
async function withFreeSeats<T>(
  db: Database,
  { id, studyId }: Annotator,
  times: LeaseTimes,
  now: number,
  job: (tx: Database) => Promise<T | null>,
): Promise<T | null> {
  const last = swept.get(db)?.get(studyId);
  // The clock may have been set back since.
  if (last === undefined || Math.abs(now - last) >= sweepMs) await sweep(db, studyId, times, now);
  const result = await inTransaction(db, job, id);
  if (result !== null || (await sweep(db, studyId, times, now)) === 0) return result;
  return inTransaction(db, job, id);
}

async function sweep(db: Database, studyId: string, times: LeaseTimes, now: number): Promise<number> {
  if (!swept.has(db)) swept.set(db, new Map());
  swept.get(db)!.set(studyId, now);
  const expired = await inTransaction(db, (tx) => releaseExpired(tx, { studyId, leaseMs: times.leaseMs, now }));
  if (expired > 0) times.onExpired?.(expired);
  return expired;
}

/** Assignments that the page may hold beyond the current one. */
const ahead = 2;
/** Newcomers together hold at most half of the free seats, but may always hold so many. */
const newcomersAlways = 16;

/** One link must not take all seats: whoever has not voted yet holds one, for a while. */
function holdsOneAlone({ population }: Annotator, { isNew }: Standing, { newcomerMs }: LeaseTimes): boolean {
  return newcomerMs !== undefined && population === 'people' && isNew;
}

function leaseOf(annotator: Annotator, standing: Standing, times: LeaseTimes): number {
  return holdsOneAlone(annotator, standing, times) ? Math.min(times.leaseMs, times.newcomerMs!) : times.leaseMs;
}

/** @throws TooManyBegin */
async function requirePlace(db: Database, { studyId, population }: Annotator): Promise<void> {
  const held = await heldByNewcomers(db, studyId);
  // With one more, the free ones and theirs together must be twice as many as theirs.
  if (held < newcomersAlways || (await hasFreeSeats(db, studyId, population, held + 2))) return;
  if (!(await hasFreeSeats(db, studyId, population, 1))) return;
  throw new TooManyBegin();
}

/** How often another seat is tried when somebody was faster. */
const draws = 10;

/**
 * What comes next for somebody: a check that is due, or a seat of the plan. Null when no seat is free, or they have had all that
 * they may have.
 * @throws Conflict when others were faster every time
 */
async function lease(
  db: Database,
  annotator: Annotator,
  { facts, lastPosition }: { facts: StudyFacts; lastPosition: number },
  expiresAt: number,
  now: number,
): Promise<{ assignment: Assignment; filled: string[]; position: number } | null> {
  const check = await comesNext(db, annotator, facts, expiresAt, now);
  if (check === 'nothing') return null;
  if (check !== 'plan') return { assignment: check, filled: [], position: lastPosition };
  const scope = {
    studyId: annotator.studyId,
    annotatorId: annotator.id,
    population: annotator.population,
    limit: window,
    planned: seatsPerPair(facts),
  };
  // What lies further back than the window was answered, or held by others, when this annotator passed it; it is looked
  // at again at the end. So the search does not get slower with every pair.
  const from = Math.max(0, lastPosition - window);
  for (let draw = 0; draw < draws; draw++) {
    let seat = await freeSeat(db, { ...scope, from });
    if (seat === undefined && from > 0) seat = await freeSeat(db, { ...scope, from: 0 });
    if (seat === undefined) {
      // Of an active study more is drawn when somebody finds nothing.
      if (annotator.population === 'people' && (await drawPairs(db, facts)) > 0) continue;
      return null;
    }
    const assignment: Assignment = {
      id: randomUUID(),
      studyId: annotator.studyId,
      pairId: seat.pairId,
      seatId: seat.id,
      annotatorId: annotator.id,
      sideA: seat.sideA,
      state: 'leased',
      voted: false,
      createdAt: now,
      expiresAt,
      reopenedAt: null,
      skippedAt: null,
      kind: 'work',
      surplusAt: null,
      criterion: seat.criterion,
    };
    if (await takeSeat(db, assignment)) return { assignment, filled: seat.filled, position: seat.position };
  }
  throw new Conflict('Other annotators were faster at every seat that was tried.');
}

function imageUrl(assignmentId: string, side: Side): string {
  return `/annotate/images/${assignmentId}/${side}`;
}
