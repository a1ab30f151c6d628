/** @file Queries on people from a crowd platform: what was asked of it, who came, and what it has told. */
import type { Database } from '../open.ts';
import type { ProlificWorkspaceTable, RecruitmentTable, SubmissionTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

export interface RecruitmentRow extends Omit<ObjectOf<RecruitmentTable>, 'settings' | 'codes'> {
  settings: unknown;
  /** The code for each way in which a visit ends. */
  codes: Record<string, string>;
}
export type Submission = ObjectOf<SubmissionTable>;
export type ProlificWorkspace = ObjectOf<ProlificWorkspaceTable>;

export async function findRecruitment(db: Database, studyId: string): Promise<RecruitmentRow | undefined> {
  const row = await db.selectFrom('recruitment').selectAll().where('study_id', '=', studyId).executeTakeFirst();
  return row && recruitmentOf(row);
}

/** How long after its end a study is still asked about now and then: people are paid late. */
const stragglersMs = 60 * 24 * 3600 * 1000;
const stragglersEveryMs = 3600 * 1000;

/** Those that the platform is to be asked about now: all that it has, those that are over once an hour. */
export async function openRecruitments(db: Database, now = Date.now()): Promise<RecruitmentRow[]> {
  const rows = await db
    .selectFrom('recruitment')
    .selectAll()
    .where('remote_id', 'is not', null)
    .where((e) =>
      e.or([
        e('status', '<>', 'COMPLETED'),
        e.and([e('looked_at', '<', now - stragglersEveryMs), e('created_at', '>', now - stragglersMs)]),
      ]),
    )
    .execute();
  return rows.map(recruitmentOf);
}

const recruitmentOf = (row: RecruitmentTable): RecruitmentRow =>
  objectOf(row, {
    settings: JSON.parse(row.settings) as unknown,
    codes: JSON.parse(row.codes) as Record<string, string>,
  });

/** @param forgotten one that never got to the platform and was begun before then makes room @returns false when there is one */
export async function insertRecruitment(
  db: Database,
  recruitment: RecruitmentRow,
  forgotten: number,
): Promise<boolean> {
  const { settings, codes, ...rest } = recruitment;
  const row = rowOf<RecruitmentTable>({ ...rest, settings: JSON.stringify(settings), codes: JSON.stringify(codes) });
  await db
    .deleteFrom('recruitment')
    .where('study_id', '=', recruitment.studyId)
    .where('remote_id', 'is', null)
    .where('created_at', '<', forgotten)
    .execute();
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('recruitment')
    .values(row)
    .onConflict((c) => c.column('study_id').doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** The platform has the one with these codes. @returns false when it is no longer there */
export async function confirmRecruitment(
  db: Database,
  { studyId, codes }: Pick<RecruitmentRow, 'studyId' | 'codes'>,
  { remoteId, status, now }: { remoteId: string; status: string; now: number },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('recruitment')
    .set({ remote_id: remoteId, status, looked_at: now })
    .where('study_id', '=', studyId)
    .where('codes', '=', JSON.stringify(codes))
    .where('remote_id', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

type RecruitmentChange = Partial<Pick<RecruitmentRow, 'status' | 'places' | 'placesTaken' | 'problem' | 'lookedAt'>>;

export async function changeRecruitment(db: Database, studyId: string, change: RecruitmentChange): Promise<void> {
  await db.updateTable('recruitment').set(rowOf<RecruitmentTable>(change)).where('study_id', '=', studyId).execute();
}

/** Takes one away, which the platform may still have. */
export async function dropRecruitment(
  db: Database,
  { studyId, codes }: Pick<RecruitmentRow, 'studyId' | 'codes'>,
): Promise<void> {
  await db
    .deleteFrom('recruitment')
    .where('study_id', '=', studyId)
    .where('codes', '=', JSON.stringify(codes))
    .execute();
}

export async function submissionsOf(db: Database, studyId: string): Promise<Submission[]> {
  const rows = await db.selectFrom('submission').selectAll().where('study_id', '=', studyId).execute();
  return rows.map((row) => objectOf(row));
}

/** Whose they are with how it went here, newest first. */
export async function submissionsWithPeople(db: Database, studyId: string) {
  const rows = await db
    .selectFrom('submission as u')
    .leftJoin('annotator as n', 'n.id', 'u.annotator_id')
    .leftJoin('exclusion as x', (join) => join.onRef('x.annotator_id', '=', 'n.id').on('x.ended_at', 'is', null))
    .selectAll('u')
    .select(['n.participant', 'n.end_reason', 'n.votes', 'x.id as exclusion_id'])
    .where('u.study_id', '=', studyId)
    .orderBy('u.created_at', 'desc')
    .orderBy('u.id')
    .execute();
  return rows.map((row) => objectOf(row));
}

const noPay = { bonusTold: 0, bonusAsked: 0, bonusAskedAt: null, bonusUnsure: 0, finished: 0 };

/** Somebody opened the study's page with this submission. One that is somebody's stays theirs. */
export async function linkSubmission(
  db: Database,
  {
    id,
    studyId,
    annotatorId,
    remoteStudy,
    now,
  }: { id: string; studyId: string; annotatorId: string; remoteStudy: string | null; now: number },
): Promise<void> {
  const fresh: Submission = {
    id,
    studyId,
    annotatorId,
    remoteStudy,
    status: null,
    code: null,
    ...noPay,
    returnAskedAt: null,
    startedAt: null,
    createdAt: now,
  };
  await db
    .insertInto('submission')
    .values(rowOf<SubmissionTable>(fresh))
    .onConflict((c) =>
      c
        .column('id')
        .doUpdateSet({ annotator_id: annotatorId })
        .where('submission.annotator_id', 'is', null)
        .where('submission.study_id', '=', studyId),
    )
    .execute();
}

type Told = Pick<
  Submission,
  'id' | 'studyId' | 'remoteStudy' | 'annotatorId' | 'status' | 'code' | 'bonusTold' | 'startedAt'
>;

/** What the platform tells of one; whoever it says it is, it is. */
export async function tellSubmission(db: Database, told: Told, now: number): Promise<void> {
  const { id: _id, study_id: _study, ...news } = rowOf<SubmissionTable>(told);
  const fresh = rowOf<SubmissionTable>({
    ...noPay,
    ...told,
    returnAskedAt: null,
    createdAt: told.startedAt ?? now,
  });
  await db
    .insertInto('submission')
    .values(fresh)
    .onConflict((c) => c.column('id').doUpdateSet(news).whereRef('submission.study_id', '=', 'excluded.study_id'))
    .execute();
}

export async function setReturnAsked(
  db: Database,
  { id, studyId, now }: Pick<Submission, 'id' | 'studyId'> & { now: number },
): Promise<void> {
  await db
    .updateTable('submission')
    .set({ return_asked_at: now })
    .where('id', '=', id)
    .where('study_id', '=', studyId)
    .execute();
}

/** The platform does not know these. */
export async function setUnknown(db: Database, studyId: string, ids: readonly string[]): Promise<void> {
  await db
    .updateTable('submission')
    .set({ status: 'UNKNOWN' })
    .where('study_id', '=', studyId)
    .where('id', 'in', ids)
    .where('status', 'is', null)
    .execute();
}

/** What was known of somebody's bonuses when it was decided what to pay. */
export type BonusSeen = Pick<Submission, 'id' | 'studyId' | 'bonusTold' | 'bonusAsked'>;

/**
 * Is about to be paid so much: from now on it counts as asked for, and as unsure until an answer comes.
 * @returns false when somebody else has asked for a payment since `seen` was read
 */
export async function askBonus(db: Database, seen: BonusSeen, cents: number, now: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('submission')
    .set((e) => ({
      bonus_asked: Math.max(seen.bonusTold, seen.bonusAsked) + cents,
      bonus_asked_at: now,
      bonus_unsure: e('bonus_unsure', '+', cents),
    }))
    .where('id', '=', seen.id)
    .where('study_id', '=', seen.studyId)
    .where('bonus_asked', '=', seen.bonusAsked)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** An answer came: it was paid, or it was not. */
export async function settleBonus(
  db: Database,
  { id, studyId }: Pick<Submission, 'id' | 'studyId'>,
  cents: number,
  isPaid: boolean,
): Promise<void> {
  await db
    .updateTable('submission')
    .set((e) => ({
      bonus_unsure: e('bonus_unsure', '-', cents),
      ...(isPaid ? {} : { bonus_asked: e('bonus_asked', '-', cents) }),
    }))
    .where('id', '=', id)
    .where('study_id', '=', studyId)
    .where('bonus_unsure', '>=', cents)
    .execute();
}

/** The ids by which the platform knows the study's people → ours, and since when they have left. */
export async function annotatorsByParticipant(
  db: Database,
  studyId: string,
): Promise<Map<string, { id: string; withdrawnAt: number | null }>> {
  const rows = await db
    .selectFrom('annotator')
    .select(['id', 'participant', 'withdrawn_at'])
    .where('study_id', '=', studyId)
    .where('population', '=', 'people')
    .execute();
  return new Map(rows.map(({ id, participant, withdrawn_at }) => [participant, { id, withdrawnAt: withdrawn_at }]));
}

export async function submissionsOfPerson(db: Database, annotatorId: string): Promise<Submission[]> {
  const rows = await db.selectFrom('submission').selectAll().where('annotator_id', '=', annotatorId).execute();
  return rows.map((row) => objectOf(row));
}

/** Says since when the platform has taken the work from somebody, or that they have it again. Their open leases end with it. */
export async function setWithdrawn(db: Database, annotatorId: string, at: number | null): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('annotator')
    .set({ withdrawn_at: at })
    .where('id', '=', annotatorId)
    .where('withdrawn_at', at === null ? 'is not' : 'is', null)
    .executeTakeFirst();
  if (at === null || numUpdatedRows === 0n) return;
  await db
    .updateTable('assignment')
    .set({ state: 'expired' })
    .where('annotator_id', '=', annotatorId)
    .where('state', '=', 'leased')
    .execute();
}

/** Ends whatever leases people hold who have left. */
export async function releaseWithdrawn(db: Database, studyId: string): Promise<void> {
  await db
    .updateTable('assignment')
    .set({ state: 'expired' })
    .where('state', '=', 'leased')
    .where('annotator_id', 'in', (e) =>
      e.selectFrom('annotator').select('id').where('study_id', '=', studyId).where('withdrawn_at', 'is not', null),
    )
    .execute();
}

export async function isWithdrawn(db: Database, annotatorId: string): Promise<boolean> {
  const row = await db.selectFrom('annotator').select('withdrawn_at').where('id', '=', annotatorId).executeTakeFirst();
  return row !== undefined && row.withdrawn_at !== null;
}

/** Whether the platform has paid the reward. */
export function isApproved({ status }: { status: string | null }): boolean {
  return status === 'APPROVED' || status === 'PARTIALLY APPROVED';
}

/** The codes for whoever has a submission, and whether they were paid beside it already; undefined for others. */
export async function codesFor(
  db: Database,
  annotatorId: string,
): Promise<{ codes: Record<string, string>; isPaid: boolean } | undefined> {
  const rows = await db
    .selectFrom('submission as u')
    .innerJoin('recruitment as r', 'r.study_id', 'u.study_id')
    .select(['r.codes', 'r.reward', 'u.status', 'u.bonus_told', 'u.bonus_asked'])
    .where('u.annotator_id', '=', annotatorId)
    .execute();
  const [first] = rows;
  if (first === undefined) return undefined;
  const isPaid = rows.some(
    ({ status, reward, bonus_told, bonus_asked }) =>
      isApproved({ status }) || Math.max(bonus_told, bonus_asked) >= reward,
  );
  return { codes: JSON.parse(first.codes) as Record<string, string>, isPaid };
}

/** Seats of the plan that are not done: somebody may still be needed. */
export async function hasOpenSeats(db: Database, studyId: string): Promise<boolean> {
  const row = await db
    .selectFrom('seat')
    .select('id')
    .where('study_id', '=', studyId)
    .where('population', '=', 'people')
    .where('state', 'in', ['free', 'leased'])
    .where('position', '>=', 0)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export async function prolificWorkspaces(db: Database): Promise<ProlificWorkspace[]> {
  const rows = await db.selectFrom('prolific_workspace').selectAll().execute();
  return rows.map((row) => objectOf(row));
}

export async function putProlificWorkspace(db: Database, workspace: ProlificWorkspace): Promise<void> {
  const row = rowOf<ProlificWorkspaceTable>(workspace);
  const { id: _id, ...again } = row;
  await db
    .insertInto('prolific_workspace')
    .values(row)
    .onConflict((c) => c.column('id').doUpdateSet(again))
    .execute();
}

/** True for the first call with an id. @param forget those of before are forgotten */
export async function isNewEvent(db: Database, id: string, now: number, forget: number): Promise<boolean> {
  await db.deleteFrom('prolific_event').where('created_at', '<', forget).execute();
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('prolific_event')
    .values({ id, created_at: now })
    .onConflict((c) => c.column('id').doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}
