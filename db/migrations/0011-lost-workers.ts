/** @file How many workers a prescreen has lost. */
import type { Migration } from 'kysely';

/** Counted, so that a request that kills its worker is given up instead of taken again for ever. */
export const lostWorkers: Migration = {
  async up(db) {
    await db.schema
      .alterTable('prescreen')
      .addColumn('lost_workers', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
  },
};
