/** @file Training runs. */
import type { Migration } from 'kysely';

export const trainingRun: Migration = {
  async up(db) {
    await db.schema
      .createTable('training_run')
      .addColumn('folder', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('settings', 'text', (c) => c.notNull())
      .addColumn('updated_at', 'bigint', (c) => c.notNull())
      .execute();
  },
};
