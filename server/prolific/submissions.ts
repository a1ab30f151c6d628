/**
 * @file What Prolific says of the people of a study, taken over: whoever gave the work back, ran out of time or was rejected holds no
 * seat any more. Arrow: submission → assignment. What it says is the truth, however often and in whatever order it is read; who has
 * a place is worked out anew each time, so that a look that broke off is made good by the next.
 */
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import { findAnnotator, type Annotator } from '../../db/queries/assignments.ts';
import {
  annotatorsByParticipant,
  findRecruitment,
  isApproved,
  linkSubmission,
  releaseWithdrawn,
  setUnknown,
  setWithdrawn,
  submissionsOf,
  submissionsOfPerson,
  submissionsWithPeople,
  tellSubmission,
  type BonusSeen,
} from '../../db/queries/recruitments.ts';
import { groupBy } from '../../evaluator/statistics/group-by.ts';
import type { SubmissionView } from '../../contract/prolific.ts';
import type { RemoteSubmission } from './client.ts';

/** Statuses with which somebody has no place any more. */
const withdrawn = new Set(['RETURNED', 'TIMED-OUT', 'REJECTED']);
/** Statuses with which the reward is paid, or a person has decided that it is not. */
const settled = new Set(['APPROVED', 'PARTIALLY APPROVED', 'REJECTED', 'SCREENED OUT']);
export const awaitsReview = 'AWAITING REVIEW';
/** Ours, for what Prolific does not know: a test participant's, or made up. It gives no place and takes none. */
const unknown = 'UNKNOWN';
/** Submissions that share a transaction. */
const batch = 100;
/** Of those that a page gets to see. */
const mostShown = 2000;

/** Somebody opened a study's page from Prolific. Where nobody is recruited for, nothing is kept. */
export async function arrive(db: Database, annotator: Annotator, submission: string, now = Date.now()): Promise<void> {
  const { id: annotatorId, studyId } = annotator;
  // Whoever comes again is known: nothing is written at each connection.
  if ((await submissionsOfPerson(db, annotatorId)).some(({ id }) => id === submission)) return;
  const recruitment = await findRecruitment(db, studyId);
  if (recruitment === undefined) return;
  const { remoteId: remoteStudy } = recruitment;
  await inTransaction(
    db,
    async (tx) => {
      await linkSubmission(tx, { id: submission, studyId, annotatorId, remoteStudy, now });
      // They may have opened it when they had left already.
      await setWithdrawn(tx, annotatorId, hasPlace(await submissionsOfPerson(tx, annotatorId)) ? null : now);
    },
    annotatorId,
  );
}

/**
 * Writes what is new of all submissions of a study, and gives the seats back of those who have left.
 * @param remote all that Prolific has of it
 * @param askedAt when it was asked: what came here since may be missing there
 */
export async function takeOver(
  db: Database,
  {
    studyId,
    remoteStudy,
    remote,
    askedAt,
  }: { studyId: string; remoteStudy: string; remote: readonly RemoteSubmission[]; askedAt: number },
): Promise<void> {
  const known = new Map((await submissionsOf(db, studyId)).map((submission) => [submission.id, submission]));
  const people = await annotatorsByParticipant(db, studyId);
  const news: { told: Parameters<typeof tellSubmission>[1]; participant: string }[] = [];
  for (const each of remote) {
    const before = known.get(each.id);
    const told = {
      id: each.id,
      studyId,
      remoteStudy,
      annotatorId: people.get(each.participant_id)?.id ?? null,
      status: each.status,
      code: each.study_code ?? null,
      bonusTold: centsOf(each.bonus_payments ?? []),
      startedAt: timeOf(each.started_at),
    };
    const isNews =
      before === undefined || (Object.keys(told) as (keyof typeof told)[]).some((key) => told[key] !== before[key]);
    if (isNews) news.push({ told, participant: each.participant_id });
  }
  for (let i = 0; i < news.length; i += batch)
    await inTransaction(db, async (tx) => {
      for (const { told, participant } of news.slice(i, i + batch)) {
        // Somebody may have arrived since the people were read.
        const annotatorId =
          told.annotatorId ?? (await findAnnotator(tx, { studyId, population: 'people', participant }))?.id ?? null;
        await tellSubmission(tx, { ...told, annotatorId }, askedAt);
      }
    });
  const there = new Set(remote.map(({ id }) => id));
  const lost = [...known.values()].filter(
    ({ id, status, createdAt }) => status === null && createdAt < askedAt && !there.has(id),
  );
  if (lost.length > 0)
    await inTransaction(db, (tx) =>
      setUnknown(
        tx,
        studyId,
        lost.map(({ id }) => id),
      ),
    );
  await settlePlaces(db, studyId, askedAt);
}

/** Who has a place follows from all that is known, for everybody. */
async function settlePlaces(db: Database, studyId: string, now: number): Promise<void> {
  const theirs = groupBy(await submissionsOf(db, studyId), ({ annotatorId }) => annotatorId ?? '');
  for (const { id, withdrawnAt } of (await annotatorsByParticipant(db, studyId)).values()) {
    const isIn = hasPlace(theirs.get(id) ?? []);
    if (isIn === (withdrawnAt === null)) continue;
    await inTransaction(db, (tx) => setWithdrawn(tx, id, isIn ? null : now), id);
  }
  // A lease that was taken while somebody left.
  await inTransaction(db, (tx) => releaseWithdrawn(tx, studyId));
}

/** Whoever did not come from Prolific has a place too. */
function hasPlace(submissions: readonly { status: string | null }[]): boolean {
  const known = submissions.filter(({ status }) => status !== unknown);
  return known.length === 0 || !known.every(isWithdrawn);
}

export interface People {
  /** Whoever awaits something first, then the newest; at most `mostShown`. */
  submissions: SubmissionView[];
  counts: Record<string, number>;
  /** Finished, await review, are not left out and were not paid otherwise. */
  approvable: string[];
  /** Finished and lost their place: what they are owed by what is known of their bonuses. */
  owed: { seen: BonusSeen; cents: number }[];
}

/** Everybody with how it went here and there. @param reward cents */
export async function peopleOf(
  db: Database,
  {
    studyId,
    remoteStudy,
    reward,
    all = false,
  }: { studyId: string; remoteStudy: string | null; reward: number; all?: boolean },
): Promise<People> {
  const everything = await submissionsWithPeople(db, studyId);
  // Of an earlier recruiting it counts alone that somebody was paid.
  const rows = everything.filter((row) => row.status !== unknown && row.remoteStudy === remoteStudy);
  // Somebody is paid once, whatever number of submissions they had.
  const paid = new Set<string>();
  const paidFor = new Set<string>();
  for (const { annotatorId, status, bonusTold, bonusAsked } of everything) {
    if (annotatorId === null || status === unknown) continue;
    if (isApproved({ status }) || Math.max(bonusTold, bonusAsked) >= reward) paid.add(annotatorId);
    if (!isWithdrawn({ status }) || paid.has(annotatorId)) paidFor.add(annotatorId);
  }
  const views = rows.map((row): SubmissionView => {
    const bonus = Math.max(row.bonusTold, row.bonusAsked);
    const ended = row.endReason ?? (row.finished === 1 ? 'finished' : null);
    const [isExcluded, returnAsked] = [row.exclusionId !== null, row.returnAskedAt !== null];
    const isLost = isWithdrawn(row) && !settled.has(row.status!);
    const isOwed =
      isLost &&
      ended === 'finished' &&
      !isExcluded &&
      !returnAsked &&
      (row.annotatorId === null || !paidFor.has(row.annotatorId));
    // The next of their submissions is owed nothing more.
    if (isOwed && row.annotatorId !== null) paidFor.add(row.annotatorId);
    return {
      id: row.id,
      annotator: row.participant,
      status: row.status ?? 'ACTIVE',
      ended,
      votes: row.votes ?? 0,
      excluded: isExcluded,
      owed: isOwed ? Math.max(0, reward - bonus) : 0,
      bonus,
      // What Prolific tells of is paid.
      unsure: Math.min(row.bonusUnsure, Math.max(0, row.bonusAsked - row.bonusTold)),
      returnAsked,
    };
  });
  const counts: Record<string, number> = {};
  for (const { status } of views) counts[status] = (counts[status] ?? 0) + 1;
  const waits = ({ owed, unsure, status }: SubmissionView) => owed > 0 || unsure > 0 || status === awaitsReview;
  const ordered = [...views.filter(waits), ...views.filter((view) => !waits(view))];
  return {
    submissions: all ? ordered : ordered.slice(0, mostShown),
    counts,
    approvable: views
      .filter((view, i) => isApprovable(view) && !paid.has(rows[i]!.annotatorId ?? ''))
      .map(({ id }) => id),
    owed: views.flatMap(({ owed }, i) => {
      const { id, bonusTold, bonusAsked } = rows[i]!;
      return owed > 0 ? [{ seen: { id, studyId, bonusTold, bonusAsked }, cents: owed }] : [];
    }),
  };
}

/** Whether a bulk approval takes it: they finished here, which counts whatever code they gave there. */
function isApprovable({ status, ended, excluded }: SubmissionView): boolean {
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
