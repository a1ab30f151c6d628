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

/** Those that the platform has, and whose end it has not told. */
export async function openRecruitments(db: Database): Promise<RecruitmentRow[]> {
  const rows = await db
    .selectFrom('recruitment')
    .selectAll()
    .where('remote_id', 'is not', null)
    .where('status', 'not in', ['UNPUBLISHED', 'COMPLETED'])
    .execute();
  return rows.map(recruitmentOf);
}

const recruitmentOf = (row: RecruitmentTable): RecruitmentRow =>
  objectOf(row, {
    settings: JSON.parse(row.settings) as unknown,
    codes: JSON.parse(row.codes) as Record<string, string>,
  });

/** @returns false when there is one already that the platform knows */
export async function insertRecruitment(db: Database, recruitment: RecruitmentRow): Promise<boolean> {
  const { settings, codes, ...rest } = recruitment;
  const row = rowOf<RecruitmentTable>({ ...rest, settings: JSON.stringify(settings), codes: JSON.stringify(codes) });
  const { study_id: _id, ...again } = row;
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('recruitment')
    .values(row)
    .onConflict((c) => c.column('study_id').doUpdateSet(again).where('recruitment.remote_id', 'is', null))
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

type RecruitmentChange = Partial<
  Pick<RecruitmentRow, 'remoteId' | 'status' | 'places' | 'placesTaken' | 'problem' | 'lookedAt'>
>;

export async function changeRecruitment(db: Database, studyId: string, change: RecruitmentChange): Promise<void> {
  await db.updateTable('recruitment').set(rowOf<RecruitmentTable>(change)).where('study_id', '=', studyId).execute();
}

/** Takes away one that never got to the platform. */
export async function dropRecruitment(db: Database, studyId: string): Promise<void> {
  await db.deleteFrom('recruitment').where('study_id', '=', studyId).where('remote_id', 'is', null).execute();
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

/**
 * Somebody opened the study's page with this submission. One that is somebody's stays theirs.
 * @returns it, if it is theirs
 */
export async function linkSubmission(
  db: Database,
  { id, studyId, annotatorId, now }: { id: string; studyId: string; annotatorId: string; now: number },
): Promise<Submission | undefined> {
  const fresh: Submission = {
    id,
    studyId,
    annotatorId,
    status: null,
    code: null,
    bonusTold: 0,
    bonusAsked: 0,
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
  const row = await db
    .selectFrom('submission')
    .selectAll()
    .where('id', '=', id)
    .where('annotator_id', '=', annotatorId)
    .executeTakeFirst();
  return row && objectOf(row);
}

type Told = Pick<Submission, 'id' | 'studyId' | 'annotatorId' | 'status' | 'code' | 'bonusTold' | 'startedAt'>;

/** What the platform tells of one; whoever it says it is, it is. */
export async function tellSubmission(db: Database, told: Told, now: number): Promise<void> {
  const { id: _id, study_id: _study, ...news } = rowOf<SubmissionTable>(told);
  const fresh = rowOf<SubmissionTable>({
    ...told,
    bonusAsked: 0,
    returnAskedAt: null,
    createdAt: told.startedAt ?? now,
  });
  await db
    .insertInto('submission')
    .values(fresh)
    .onConflict((c) => c.column('id').doUpdateSet(news).whereRef('submission.study_id', '=', 'excluded.study_id'))
    .execute();
}

export async function changeSubmission(
  db: Database,
  { id, studyId }: Pick<Submission, 'id' | 'studyId'>,
  change: Partial<Pick<Submission, 'bonusAsked' | 'returnAskedAt'>>,
): Promise<void> {
  await db
    .updateTable('submission')
    .set(rowOf<SubmissionTable>(change))
    .where('id', '=', id)
    .where('study_id', '=', studyId)
    .execute();
}

/** The ids by which the platform knows the study's people → ours. */
export async function annotatorsByParticipant(db: Database, studyId: string): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom('annotator')
    .select(['id', 'participant'])
    .where('study_id', '=', studyId)
    .where('population', '=', 'people')
    .execute();
  return new Map(rows.map(({ id, participant }) => [participant, id]));
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

export async function isWithdrawn(db: Database, annotatorId: string): Promise<boolean> {
  const row = await db.selectFrom('annotator').select('withdrawn_at').where('id', '=', annotatorId).executeTakeFirst();
  return row !== undefined && row.withdrawn_at !== null;
}

/** The codes for whoever has a submission; undefined for others. */
export async function codesFor(db: Database, annotatorId: string): Promise<Record<string, string> | undefined> {
  const row = await db
    .selectFrom('submission as u')
    .innerJoin('recruitment as r', 'r.study_id', 'u.study_id')
    .select('r.codes')
    .where('u.annotator_id', '=', annotatorId)
    .executeTakeFirst();
  return row && (JSON.parse(row.codes) as Record<string, string>);
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
