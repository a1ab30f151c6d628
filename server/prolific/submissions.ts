/**
 * @file What Prolific says of the people of a study, taken over: whoever gave the work back, ran out of time or was rejected holds no
 * seat any more. Arrow: submission → assignment. What it says is the truth, however often and in whatever order it is read.
 */
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import type { Annotator } from '../../db/queries/assignments.ts';
import {
  annotatorsByParticipant,
  findRecruitment,
  linkSubmission,
  setWithdrawn,
  submissionsOf,
  submissionsWithPeople,
  tellSubmission,
} from '../../db/queries/recruitments.ts';
import type { SubmissionView } from '../../contract/prolific.ts';
import type { RemoteSubmission } from './client.ts';

/** Statuses with which somebody has no place any more. */
const withdrawn = new Set(['RETURNED', 'TIMED-OUT', 'REJECTED']);
/** Statuses with which the reward is paid, or a person has decided that it is not. */
const settled = new Set(['APPROVED', 'PARTIALLY APPROVED', 'REJECTED', 'SCREENED OUT']);
export const awaitsReview = 'AWAITING REVIEW';

/** Somebody opened a study's page from Prolific. Where nobody is recruited for, nothing is kept. */
export async function arrive(db: Database, annotator: Annotator, submission: string, now = Date.now()): Promise<void> {
  const { id: annotatorId, studyId } = annotator;
  if ((await findRecruitment(db, studyId)) === undefined) return;
  await inTransaction(
    db,
    async (tx) => {
      const theirs = await linkSubmission(tx, { id: submission, studyId, annotatorId, now });
      // They opened it when they had left already.
      if (theirs !== undefined && isWithdrawn(theirs)) await setWithdrawn(tx, annotatorId, now);
    },
    annotatorId,
  );
}

/** Writes what is new of all submissions of a study, and gives the seats back of those who have left. */
export async function takeOver(
  db: Database,
  studyId: string,
  remote: readonly RemoteSubmission[],
  now = Date.now(),
): Promise<void> {
  const known = new Map((await submissionsOf(db, studyId)).map((submission) => [submission.id, submission]));
  const annotators = await annotatorsByParticipant(db, studyId);
  const changed = new Set<string>();
  for (const each of remote) {
    const before = known.get(each.id);
    const told = {
      id: each.id,
      studyId,
      annotatorId: annotators.get(each.participant_id) ?? null,
      status: each.status,
      code: each.study_code ?? null,
      bonusTold: centsOf(each.bonus_payments ?? []),
      startedAt: timeOf(each.started_at),
    };
    const isNews =
      before === undefined || (Object.keys(told) as (keyof typeof told)[]).some((key) => told[key] !== before[key]);
    if (!isNews) continue;
    await inTransaction(db, (tx) => tellSubmission(tx, told, now));
    for (const id of [told.annotatorId, before?.annotatorId]) if (id) changed.add(id);
  }
  if (changed.size === 0) return;
  const after = await submissionsOf(db, studyId);
  for (const id of changed) {
    const theirs = after.filter(({ annotatorId }) => annotatorId === id);
    const hasPlace = theirs.length === 0 || !theirs.every(isWithdrawn);
    await inTransaction(db, (tx) => setWithdrawn(tx, id, hasPlace ? null : now), id);
  }
}

/** Everybody with how it went here and there. @param reward cents */
export async function submissionViews(db: Database, studyId: string, reward: number): Promise<SubmissionView[]> {
  const rows = await submissionsWithPeople(db, studyId);
  return rows.map((row) => {
    const bonus = Math.max(row.bonusTold, row.bonusAsked);
    const isLost = isWithdrawn(row) && !settled.has(row.status!);
    return {
      id: row.id,
      annotator: row.participant,
      status: row.status ?? 'ACTIVE',
      ended: row.endReason,
      votes: row.votes ?? 0,
      excluded: row.exclusionId !== null,
      owed: isLost && row.endReason === 'finished' ? Math.max(0, reward - bonus) : 0,
      bonus,
      returnAsked: row.returnAskedAt !== null,
    };
  });
}

/** Whether a bulk approval takes it: they finished here, which counts whatever code they gave there. */
export function isApprovable({ status, ended, excluded }: SubmissionView): boolean {
  return status === awaitsReview && ended === 'finished' && !excluded;
}

function isWithdrawn({ status }: { status: string | null }): boolean {
  return status !== null && withdrawn.has(status);
}

function centsOf(payments: readonly unknown[]): number {
  return payments.reduce<number>((sum, payment) => sum + (typeof payment === 'number' ? payment : 0), 0);
}

function timeOf(text: string | null | undefined): number | null {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? null : time;
}
