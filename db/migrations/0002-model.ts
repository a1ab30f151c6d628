/** @file Models. */
import { sql, type Migration } from 'kysely';

export const model: Migration = {
  async up(db) {
    await db.schema
      .createTable('model')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull().unique())
      .addColumn('kind', 'text', (c) => c.notNull().check(sql`kind in ('pipeline', 'imported')`))
      .addColumn('settings', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .execute();
  },
};
