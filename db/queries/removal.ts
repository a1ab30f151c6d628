/** @file A study's end: its rows, in the order in which others refer to them. What it shares with others (prompts, renders, images) stays. */
import type { Database } from '../open.ts';

export async function deleteStudy(db: Database, studyId: string): Promise<void> {
  const votes = db.selectFrom('vote').select('id').where('study_id', '=', studyId);
  const seats = db.selectFrom('seat').select('id').where('study_id', '=', studyId);
  const people = db.selectFrom('annotator').select('id').where('study_id', '=', studyId);
  await db.deleteFrom('retraction').where('vote_id', 'in', votes).execute();
  await db.deleteFrom('slot').where('seat_id', 'in', seats).execute();
  await db.deleteFrom('vote').where('study_id', '=', studyId).execute();
  await db.deleteFrom('problem').where('study_id', '=', studyId).execute();
  await db.deleteFrom('assignment').where('study_id', '=', studyId).execute();
  await db.deleteFrom('seat').where('study_id', '=', studyId).execute();
  await db.deleteFrom('tally').where('study_id', '=', studyId).execute();
  await db.deleteFrom('visit_step').where('annotator_id', 'in', people).execute();
  await db.deleteFrom('take_over').where('annotator_id', 'in', people).execute();
  await db.deleteFrom('exclusion').where('study_id', '=', studyId).execute();
  await db.deleteFrom('submission').where('study_id', '=', studyId).execute();
  await db.deleteFrom('recruitment').where('study_id', '=', studyId).execute();
  await db.deleteFrom('annotator').where('study_id', '=', studyId).execute();
  await db.deleteFrom('pair').where('study_id', '=', studyId).execute();
  await db.deleteFrom('pool').where('study_id', '=', studyId).execute();
  await db.deleteFrom('pairing').where('study_id', '=', studyId).execute();
  await db.deleteFrom('comment').where('study_id', '=', studyId).execute();
  await db.deleteFrom('share').where('study_id', '=', studyId).execute();
  await db.deleteFrom('study').where('id', '=', studyId).execute();
}
