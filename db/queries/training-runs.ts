/** @file Queries on training runs. */
import type { Database } from '../open.ts';
import type { TrainingRunTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

export interface StoredTrainingRun extends Omit<ObjectOf<TrainingRunTable>, 'settings'> {
  /** The trainer's. */
  settings: object;
}

/** A run that is continued keeps its row. */
export async function putTrainingRun(db: Database, run: StoredTrainingRun): Promise<void> {
  const row = rowOf<TrainingRunTable>({ ...run, settings: JSON.stringify(run.settings) });
  await db
    .insertInto('training_run')
    .values(row)
    .onConflict((c) => c.column('folder').doUpdateSet({ settings: row.settings, updated_at: row.updated_at }))
    .execute();
}

/** Newest first. */
export async function listTrainingRuns(db: Database, limit = 50): Promise<StoredTrainingRun[]> {
  const rows = await db
    .selectFrom('training_run')
    .selectAll()
    .orderBy('updated_at', 'desc')
    .orderBy('folder')
    .limit(limit)
    .execute();
  return rows.map((row) => objectOf(row, { settings: JSON.parse(row.settings) as object }));
}
