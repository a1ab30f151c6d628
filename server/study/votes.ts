/** @file Casting and undoing votes. Arrow: assignments → votes. Everything here is acknowledged after its commit. */
import type { Database } from '../../db/open.ts';
import {
  assignmentContent,
  findAssignment,
  heldAssignments,
  lockStudy,
  renewLease,
  seatState,
  setAssignmentState,
  sitsElsewhere,
  type Annotator,
  type Assignment,
} from '../../db/queries/assignments.ts';
import { studyById } from '../../db/queries/studies.ts';
import {
  findVote,
  insertVote,
  lastVotedAssignment,
  retractVotes,
  slotsOfSeat,
  type Vote,
} from '../../db/queries/votes.ts';
import type { AssignmentView, VoteInput, VoteResult } from '../../contract/annotate.ts';
import type { Criterion } from '../../contract/criteria.ts';
import { ServiceError } from '../errors.ts';
import { criteriaOf, viewOf, visiblePrompt, type LeaseTimes } from './assignments.ts';

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
  return db.transaction().execute(async (tx) => {
    await lockStudy(tx, annotator.studyId);
    const assignment = await findAssignment(tx, input.assignmentId);
    if (assignment === undefined || assignment.annotatorId !== annotator.id) {
      throw new ServiceError('not-found', 'You have no such assignment.');
    }
    const earlier = await findVote(tx, input.voteId);
    if (earlier !== undefined) return repeatedAnswer(tx, earlier, annotator, input);

    const study = await studyById(tx, assignment.studyId);
    if (study.state === 'closed')
      throw new ServiceError('study-closed', 'This study has ended; this vote came too late.');
    if (!criteriaOf(study).includes(input.criterion)) {
      throw new ServiceError('bad-request', `This study does not ask about "${input.criterion}".`);
    }
    if (input.choice === 'tie' && !study.ties) {
      throw new ServiceError('tie-not-allowed', 'This study has no tie; choose left or right.');
    }
    const seat = await seatState(tx, assignment.seatId);
    const slots = await slotsOfSeat(tx, assignment.seatId);
    const slot = slots.find((other) => other.criterion === input.criterion);
    if (slot?.assignmentId === assignment.id) {
      throw new ServiceError('already-voted', 'You have already answered this question for this pair.');
    }
    // An expired seat that nobody has taken since is still theirs: a lease that ran out alone discards no work.
    // Not so when they have another place at this pair by now: a pair's votes are by different people.
    const canReturn = async () => seat === 'free' && !(await sitsElsewhere(tx, assignment));
    const holdsSeat = assignment.state === 'leased' || (assignment.state === 'expired' && (await canReturn()));
    const counted = holdsSeat && slot?.voteId === null;
    const open = slots.filter((other) => other.voteId === null && !(counted && other.criterion === input.criterion));
    const remaining = holdsSeat
      ? criteriaOf(study).filter((criterion) => open.some((other) => other.criterion === criterion))
      : [];
    const vote: Vote = {
      id: input.voteId,
      studyId: study.id,
      assignmentId: assignment.id,
      annotatorId: annotator.id,
      seatId: assignment.seatId,
      criterion: input.criterion,
      choice: input.choice,
      responseTimeMs: input.responseTimeMs,
      counted,
      remaining,
      createdAt: now,
    };
    await insertVote(tx, vote);
    if (counted) await keepOrFinish(tx, assignment, remaining, now + times.leaseMs);
    return answerOf(tx, vote);
  });
}

/**
 * Takes back the votes of the annotator's last assignment and opens it again. The votes stay in the log, retracted. One
 * step back only: asked again before the reopened assignment is answered, it returns the same one.
 * @throws ServiceError nothing-to-undo, study-closed
 */
export async function undoLast(
  db: Database,
  annotator: Annotator,
  times: LeaseTimes,
  now = Date.now(),
): Promise<AssignmentView> {
  return db.transaction().execute(async (tx) => {
    await lockStudy(tx, annotator.studyId);
    const study = await studyById(tx, annotator.studyId);
    if (study.state === 'closed')
      throw new ServiceError('study-closed', 'This study has ended; votes can no longer be changed.');
    const nothing = new ServiceError('nothing-to-undo', 'There is no vote to take back.');
    const current = (await heldAssignments(tx, annotator.id))[0];
    const currentHasVotes = current !== undefined && (await hasVotes(tx, current));
    if (current !== undefined && current.reopenedAt !== null && !currentHasVotes) {
      await renewLease(tx, current.id, now + times.leaseMs);
      return viewOf(tx, study, { ...current, expiresAt: now + times.leaseMs });
    }
    const id = currentHasVotes ? current.id : await lastVotedAssignment(tx, annotator.id);
    const assignment = id === undefined ? undefined : await findAssignment(tx, id);
    if (assignment === undefined) throw nothing;
    const expiresAt = now + times.leaseMs;
    await retractVotes(tx, assignment, now);
    await setAssignmentState(tx, assignment, { state: 'leased', expiresAt, reopenedAt: now });
    return viewOf(tx, study, { ...assignment, expiresAt: expiresAt });
  });
}

async function keepOrFinish(
  db: Database,
  assignment: Assignment,
  remaining: Criterion[],
  expiresAt: number,
): Promise<void> {
  if (remaining.length === 0) await setAssignmentState(db, assignment, { state: 'done', expiresAt });
  else if (assignment.state === 'expired') await setAssignmentState(db, assignment, { state: 'leased', expiresAt });
  else await renewLease(db, assignment.id, expiresAt);
}

async function hasVotes(db: Database, assignment: Assignment): Promise<boolean> {
  const slots = await slotsOfSeat(db, assignment.seatId);
  return slots.some((slot) => slot.assignmentId === assignment.id);
}

async function repeatedAnswer(
  db: Database,
  earlier: Vote,
  annotator: Annotator,
  input: VoteInput,
): Promise<VoteResult> {
  const same =
    earlier.annotatorId === annotator.id &&
    earlier.assignmentId === input.assignmentId &&
    earlier.criterion === input.criterion &&
    earlier.choice === input.choice;
  if (!same) throw new ServiceError('vote-id-reused', 'This voteId belongs to another vote; every vote needs its own.');
  return answerOf(db, earlier);
}

async function answerOf(db: Database, vote: Vote): Promise<VoteResult> {
  const remaining = vote.remaining as Criterion[];
  const { prompt } = await assignmentContent(db, vote.assignmentId);
  return { counted: vote.counted, remaining, prompt: visiblePrompt(remaining, prompt) };
}
