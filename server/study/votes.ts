/** @file Casting and undoing votes. Arrow: assignments → votes. Everything here is acknowledged after its commit. */
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import {
  advanceAssignment,
  countSurplusPair,
  findAssignment,
  markReopened,
  renewLease,
  sitsElsewhere,
  standingOf,
  type Annotator,
  type Assignment,
} from '../../db/queries/assignments.ts';
import { isExcluded } from '../../db/queries/exclusions.ts';
import { isWithdrawn } from '../../db/queries/recruitments.ts';
import { pairContent, studyFacts, type StudyFacts } from '../../db/queries/immutable.ts';
import {
  ballotFor,
  countAnswered,
  isRetracted,
  insertVote,
  lastVotedAssignment,
  retractVotes,
  slotsOfSeat,
  type Ballot,
  type Vote,
} from '../../db/queries/votes.ts';
import type { AssignmentView, Point, VoteInput, VoteResult } from '../../contract/annotate.ts';
import type { Criterion } from '../../contract/criteria.ts';
import { ServiceError } from '../errors.ts';
import { criteriaAsked, promptShown, visitFor } from './checks.ts';
import { imagesOf, renewedExpiry, viewOf, visiblePrompt, type LeaseTimes } from './assignments.ts';

/**
 * Counts a vote, or keeps it as surplus when its seat has gone to somebody else meanwhile. The same voteId again gives
 * the same answer and changes nothing.
 * @throws ServiceError not-found, already-voted, tie-not-allowed, vote-id-reused, study-closed, bad-request
 */
export async function castVote(
  db: Database,
  annotator: Annotator,
  input: VoteInput,
  times: LeaseTimes,
  now = Date.now(),
): Promise<VoteResult> {
  return inTransaction(db, (tx) => count(tx, annotator, input, times, now), annotator.id);
}

async function count(
  tx: Database,
  annotator: Annotator,
  input: VoteInput,
  times: LeaseTimes,
  now: number,
): Promise<VoteResult> {
  const ballot = await ballotFor(tx, input);
  // A practice pair is answered as a step of the visit.
  const isTheirs = ballot?.assignment.annotatorId === annotator.id && ballot.assignment.kind !== 'practice';
  if (ballot === undefined || !isTheirs) {
    throw new ServiceError('not-found', 'You have no such assignment.');
  }
  const { assignment, earlier, slots } = ballot;
  if (earlier !== undefined) return repeatedAnswer(tx, earlier, assignment, input);

  if (ballot.studyState === 'closed')
    throw new ServiceError('study-closed', 'This study has ended; this vote came too late.');
  const facts = await studyFacts(tx, assignment.studyId);
  const { position } = await pairContent(tx, assignment.pairId);
  const criteria = criteriaAsked(facts, assignment, position);
  if (!criteria.includes(input.criterion)) {
    throw new ServiceError('bad-request', `This study does not ask about "${input.criterion}".`);
  }
  if (input.choice === 'tie' && !facts.ties) {
    throw new ServiceError('tie-not-allowed', 'This study has no tie; choose left or right.');
  }
  if (input.bothBad === true && (input.choice !== 'tie' || !facts.bothBad)) {
    throw new ServiceError('bad-request', 'bothBad goes with a tie, in a study that asks whether both are bad.');
  }
  if (input.point !== undefined) await requirePlace(tx, annotator, facts, assignment, input.point);
  const slot = slots.get(input.criterion);
  if (slot?.assignmentId === assignment.id) {
    throw new ServiceError('already-voted', 'You have already answered this question for this pair.');
  }
  const holdsSeat = await holds(tx, ballot);
  const counted = holdsSeat && slot === undefined;
  const isOpen = (criterion: Criterion) => !slots.has(criterion) && !(counted && criterion === input.criterion);
  const remaining = holdsSeat ? criteria.filter(isOpen) : [];
  const vote: Vote = {
    id: input.voteId,
    studyId: assignment.studyId,
    assignmentId: assignment.id,
    annotatorId: annotator.id,
    seatId: assignment.seatId,
    criterion: input.criterion,
    choice: input.choice,
    responseTimeMs: input.responseTimeMs,
    counted,
    remaining,
    createdAt: now,
    seen: input.seen === undefined ? null : JSON.stringify(input.seen),
    point: input.point === undefined ? null : JSON.stringify(input.point),
    bothBad: input.bothBad === true,
  };
  await insertVote(tx, vote);
  // Their work, though another's answer counts; once, however often it is answered.
  if (!counted && (await countAnswered(tx, assignment.id)) >= criteria.length)
    await countSurplusPair(tx, assignment, now);
  if (counted) {
    const change = {
      state: remaining.length === 0 ? ('done' as const) : ('leased' as const),
      voted: true,
      expiresAt: renewedExpiry(assignment, times, now),
    };
    const isSame = change.state === assignment.state && assignment.voted && change.expiresAt === assignment.expiresAt;
    if (!isSame) await advanceAssignment(tx, assignment, change);
  }
  return answerOf(tx, vote, assignment);
}

/**
 * Takes back the votes of the annotator's last assignment and opens it again. The votes stay in the log, retracted. As many
 * steps back as the study allows, one by default: asked again before the reopened assignment is answered, it returns the same one.
 * @param since votes cast before, by another browser, are not taken back
 * @param voteId the newest vote that the caller knows of: if it was taken back, this is the same request once more
 * @throws ServiceError nothing-to-undo, study-closed
 */
export async function undoLast(
  db: Database,
  annotator: Annotator,
  times: LeaseTimes,
  now = Date.now(),
  { since = 0, voteId }: { since?: number; voteId?: string | undefined } = {},
): Promise<AssignmentView> {
  return inTransaction(db, (tx) => reopenLast(tx, annotator, times, { now, since, voteId }), annotator.id);
}

async function reopenLast(
  tx: Database,
  annotator: Annotator,
  times: LeaseTimes,
  { now, since, voteId }: { now: number; since: number; voteId: string | undefined },
): Promise<AssignmentView> {
  const standing = await standingOf(tx, annotator.id);
  if (standing.studyState === 'closed')
    throw new ServiceError('study-closed', 'This study has ended; votes can no longer be changed.');
  const facts = await studyFacts(tx, annotator.studyId);
  const depth = visitFor(annotator, facts)?.undo ?? 1;
  const nothing = new ServiceError('nothing-to-undo', 'There is no vote to take back.');
  if (depth === 0 || standing.endReason !== null) throw nothing;
  // Others may have been asked in their place.
  if (await isExcluded(tx, annotator.id)) throw nothing;
  const [current] = standing.held;
  const currentHasVotes = current !== undefined && (await votesOf(tx, current)).length > 0;
  const expiresAt = now + times.leaseMs;
  const isOpenAgain = current !== undefined && current.reopenedAt !== null && !currentHasVotes;
  const isSameAgain = voteId !== undefined && current !== undefined && (await isRetracted(tx, voteId));
  if (isSameAgain || (isOpenAgain && (await takenBack(tx, standing.held)) >= depth)) {
    await renewLease(tx, current.id, expiresAt);
    return viewOf(tx, facts, { ...current, expiresAt }, { annotator, done: standing.done });
  }
  const assignment = currentHasVotes ? current : await lastVoted(tx, annotator.id, standing.lastVoted);
  if (assignment === undefined) throw nothing;
  const votes = await votesOf(tx, assignment);
  if (votes.some(({ createdAt }) => createdAt < since))
    throw new ServiceError('nothing-to-undo', 'These answers were given in another browser; they stay.');
  await retractVotes(tx, assignment.seatId, votes, now);
  await advanceAssignment(tx, assignment, { state: 'leased', voted: assignment.voted, expiresAt });
  await markReopened(tx, assignment.id, now);
  const done = standing.done - (assignment.state === 'done' ? 1 : 0);
  return viewOf(tx, facts, { ...assignment, expiresAt }, { annotator, done });
}

/** How many pairs were taken back one after the other, and wait for their answers. */
async function takenBack(tx: Database, held: readonly Assignment[]): Promise<number> {
  let count = 0;
  for (const assignment of held) {
    if (assignment.reopenedAt === null || (await votesOf(tx, assignment)).length > 0) break;
    count++;
  }
  return count;
}

/** @param id of the assignment of their newest vote, which may have expired since */
async function lastVoted(db: Database, annotatorId: string, id: string | null): Promise<Assignment | undefined> {
  const newest = id === null ? undefined : await findAssignment(db, id);
  if (newest !== undefined && newest.state !== 'expired' && (await votesOf(db, newest)).length > 0) return newest;
  const other = await lastVotedAssignment(db, annotatorId);
  return other === undefined ? undefined : findAssignment(db, other);
}

/**
 * An expired seat that nobody has taken since is still theirs: a lease that ran out alone discards no work. Not so when they
 * have another place at this pair by now: a pair's votes are by different people.
 */
async function holds(db: Database, { assignment, seatState }: Ballot): Promise<boolean> {
  if (assignment.state === 'leased') return true;
  if (assignment.skippedAt !== null) return false;
  // Whoever has left takes nothing back: others are asked, who can be paid.
  if (await isWithdrawn(db, assignment.annotatorId)) return false;
  return assignment.state === 'expired' && seatState === 'free' && !(await sitsElsewhere(db, assignment));
}

/** @throws ServiceError bad-request for a place that was not asked for, or that is not on the image */
async function requirePlace(
  tx: Database,
  annotator: Annotator,
  facts: StudyFacts,
  assignment: Assignment,
  { side, x, y }: Point,
): Promise<void> {
  if (visitFor(annotator, facts)?.pointAt !== true)
    throw new ServiceError('bad-request', 'This study does not ask where the answer was decided (point).');
  const { width, height } = imagesOf(assignment, await pairContent(tx, assignment.pairId))[side];
  if (x > width || y > height)
    throw new ServiceError('bad-request', `point: the ${side} image has ${width} × ${height} pixels.`);
}

/** The votes that count and were cast on this assignment, not on one before it at the same seat. */
async function votesOf(db: Database, { id, seatId }: Assignment) {
  return (await slotsOfSeat(db, seatId)).filter((slot) => slot.assignmentId === id);
}

async function repeatedAnswer(
  db: Database,
  earlier: Vote,
  assignment: Assignment,
  input: VoteInput,
): Promise<VoteResult> {
  const same =
    earlier.assignmentId === assignment.id &&
    earlier.criterion === input.criterion &&
    earlier.choice === input.choice &&
    earlier.bothBad === (input.bothBad === true);
  if (!same) throw new ServiceError('vote-id-reused', 'This voteId belongs to another vote; every vote needs its own.');
  return answerOf(db, earlier, assignment);
}

async function answerOf(db: Database, vote: Vote, assignment: Assignment): Promise<VoteResult> {
  const { remaining } = vote;
  const facts = await studyFacts(db, assignment.studyId);
  const prompt = promptShown(facts, assignment, await pairContent(db, assignment.pairId));
  return { counted: vote.counted, remaining, prompt: visiblePrompt(facts, remaining, prompt) };
}
