/** @file Who is behind a participant's id, and how often something was tried. */
import { sql, type Kysely, type Migration } from 'kysely';

/**
 * A participant's id stands in links and exports; whoever connects first gets a key, and others say that they take over. Limits
 * are rows, so that all processes of one database count together.
 */
export const participant: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('annotator').addColumn('keyed_at', 'bigint').execute();
    await db.schema
      .createTable('take_over')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('annotator_id', 'text', (c) => c.notNull().references('annotator.id'))
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .execute();
    await sql`create index take_over_annotator on take_over (annotator_id)`.execute(db);
    await db.schema
      .createTable('tries')
      .addColumn('what', 'text', (c) => c.primaryKey())
      .addColumn('count', 'integer', (c) => c.notNull())
      .addColumn('ends_at', 'bigint', (c) => c.notNull())
      .execute();
  },
};
