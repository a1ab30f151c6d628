/**
 * @file Leasing seats to annotators. Arrow: pairs → assignments. A seat is held by one annotator for a time; when the
 * lease runs out it is free again, and what was voted until then stays.
 */
import { randomInt, randomUUID } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import {
  assignmentContent,
  countDone,
  ensureAnnotator,
  freeSeats,
  heldAssignments,
  lastPosition,
  lockStudy,
  releaseExpired,
  renewLease,
  renewLeases,
  revivableAssignment,
  setAssignmentState,
  shortenLeases,
  takeSeat,
  type Annotator,
  type Assignment,
} from '../../db/queries/assignments.ts';
import { countPairs, findStudyByToken, studyById, type Study } from '../../db/queries/studies.ts';
import { slotsOfSeat } from '../../db/queries/votes.ts';
import type { AssignmentView, Preload } from '../../contract/annotate.ts';
import { criterionTexts, type Criterion } from '../../contract/criteria.ts';
import { ServiceError } from '../errors.ts';
import { freshToken } from './design.ts';

/** How long a seat is held, in milliseconds. */
export interface LeaseTimes {
  /** From the last sign of life on an assignment. */
  leaseMs: number;
  /** After the annotator's connection ended. */
  graceMs: number;
}

/** Candidates among which an annotator's next pair is drawn: near the front, so that pairs complete early. */
const window = 16;

/**
 * The annotator behind an invite token.
 * @throws ServiceError bad-token
 */
export async function joinStudy(
  db: Database,
  { token, participant }: { token: string; participant: string },
  now = Date.now(),
): Promise<Annotator> {
  const study = await findStudyByToken(db, token);
  if (study === undefined) {
    throw new ServiceError('bad-token', 'This link is not valid. Please check that you copied the whole address.');
  }
  return ensureAnnotator(db, {
    id: randomUUID(),
    studyId: study.id,
    population: study.inviteToken === token ? 'people' : 'simulated',
    participant,
    createdAt: now,
  });
}

/**
 * The assignment to answer now; the same one until it is answered. Null when nothing is left for this annotator.
 * @throws ServiceError study-not-open, study-paused, study-closed
 */
export async function nextAssignment(
  db: Database,
  annotator: Annotator,
  times: LeaseTimes,
  now = Date.now(),
): Promise<AssignmentView | null> {
  return db.transaction().execute(async (tx) => {
    await lockStudy(tx, annotator.studyId);
    const study = await openStudy(tx, annotator);
    const assignment =
      (await heldAssignments(tx, annotator.id))[0] ??
      (await revive(tx, annotator, now + times.leaseMs)) ??
      (await lease(tx, study, annotator, times, now));
    if (assignment === undefined) return null;
    await renewLease(tx, assignment.id, now + times.leaseMs);
    return viewOf(tx, study, { ...assignment, expiresAt: now + times.leaseMs });
  });
}

/** Holds one assignment beyond the current one, and names its images so that the page can fetch them early. */
export async function preloadAssignment(
  db: Database,
  annotator: Annotator,
  times: LeaseTimes,
  now = Date.now(),
): Promise<Preload> {
  return db.transaction().execute(async (tx) => {
    await lockStudy(tx, annotator.studyId);
    const study = await openStudy(tx, annotator);
    const held = await heldAssignments(tx, annotator.id);
    if (held.length === 0) return { urls: [] };
    const following = held[1] ?? (await lease(tx, study, annotator, times, now));
    if (following === undefined) return { urls: [] };
    return { urls: [imageUrl(following.leftImage), imageUrl(following.rightImage)] };
  });
}

/** The annotator's connection ended: what they hold goes back soon unless they return. */
export async function releaseSoon(
  db: Database,
  annotator: Annotator,
  times: LeaseTimes,
  now = Date.now(),
): Promise<void> {
  await shortenLeases(db, annotator.id, now + times.graceMs);
}

/** The annotator is back before their leases ran out. */
export async function holdAgain(
  db: Database,
  annotator: Annotator,
  times: LeaseTimes,
  now = Date.now(),
): Promise<void> {
  await renewLeases(db, annotator.id, now + times.leaseMs);
}

/** What the annotator's page needs of an assignment, and nothing that tells a model. */
export async function viewOf(db: Database, study: Study, assignment: Assignment): Promise<AssignmentView> {
  const content = await assignmentContent(db, assignment.id);
  const criteria = await remainingCriteria(db, study, assignment.seatId);
  const a = { width: content.widthA, height: content.heightA };
  const b = { width: content.widthB, height: content.heightB };
  const [left, right] = assignment.sideA === 'left' ? [a, b] : [b, a];
  return {
    id: assignment.id,
    criteria,
    prompt: visiblePrompt(criteria, content.prompt),
    left: { url: imageUrl(assignment.leftImage), ...left },
    right: { url: imageUrl(assignment.rightImage), ...right },
    ties: study.ties,
    expiresAt: assignment.expiresAt,
    done: await countDone(db, assignment.annotatorId),
    total: await countPairs(db, study.id),
  };
}

export function visiblePrompt(remaining: readonly Criterion[], prompt: string): string | null {
  const asked = remaining[0];
  return asked !== undefined && criterionTexts[asked].hidesPrompt ? null : prompt;
}

export async function remainingCriteria(db: Database, study: Study, seatId: string): Promise<Criterion[]> {
  const slots = await slotsOfSeat(db, seatId);
  const open = new Set(slots.filter((slot) => slot.voteId === null).map((slot) => slot.criterion));
  return criteriaOf(study).filter((criterion) => open.has(criterion));
}

export function criteriaOf(study: Study): Criterion[] {
  return study.criteria as Criterion[];
}

async function openStudy(db: Database, annotator: Annotator): Promise<Study> {
  const study = await studyById(db, annotator.studyId);
  if (study.state === 'draft')
    throw new ServiceError('study-not-open', 'This study has not started yet. Please come back later.');
  if (study.state === 'paused') {
    throw new ServiceError('study-paused', 'This study is paused. Your votes are saved; please come back later.');
  }
  if (study.state === 'closed')
    throw new ServiceError('study-closed', 'This study has ended. Thank you for your interest.');
  return study;
}

async function revive(db: Database, annotator: Annotator, expiresAt: number): Promise<Assignment | undefined> {
  const expired = await revivableAssignment(db, annotator.id);
  if (expired !== undefined) await setAssignmentState(db, expired, { state: 'leased', expiresAt });
  return expired;
}

async function lease(
  db: Database,
  study: Study,
  annotator: Annotator,
  times: LeaseTimes,
  now: number,
): Promise<Assignment | undefined> {
  await releaseExpired(db, study.id, now);
  const scope = { studyId: study.id, annotatorId: annotator.id, population: annotator.population, limit: window };
  // What lies further back than the window was answered, or held by others, when this annotator passed it; it is looked
  // at again at the end. So the search does not get slower with every pair.
  const from = Math.max(0, (await lastPosition(db, annotator.id)) - window);
  let candidates = await freeSeats(db, { ...scope, from });
  if (candidates.length === 0 && from > 0) candidates = await freeSeats(db, { ...scope, from: 0 });
  if (candidates.length === 0) return undefined;
  const seat = candidates[randomInt(candidates.length)]!;
  const assignment: Assignment = {
    id: randomUUID(),
    studyId: study.id,
    pairId: seat.pairId,
    seatId: seat.id,
    annotatorId: annotator.id,
    sideA: seat.sideA,
    leftImage: freshToken(),
    rightImage: freshToken(),
    state: 'leased',
    voted: false,
    createdAt: now,
    expiresAt: now + times.leaseMs,
    reopenedAt: null,
  };
  await takeSeat(db, assignment);
  return assignment;
}

function imageUrl(imageId: string): string {
  return `/annotate/images/${imageId}`;
}
