import type { Insertable, Selectable } from 'kysely';
import type { Database } from '../open.ts';
import type { TrainingRunTable } from '../tables.ts';

/** A run that is continued keeps its row. */
export async function putTrainingRun(db: Database, run: Insertable<TrainingRunTable>): Promise<void> {
  await db
    .insertInto('training_run')
    .values(run)
    .onConflict((c) => c.column('folder').doUpdateSet({ settings: run.settings, updated_at: run.updated_at }))
    .execute();
}

/** Newest first. */
export function listTrainingRuns(db: Database, limit = 50): Promise<Selectable<TrainingRunTable>[]> {
  return db
    .selectFrom('training_run')
    .selectAll()
    .orderBy('updated_at', 'desc')
    .orderBy('folder')
    .limit(limit)
    .execute();
}
