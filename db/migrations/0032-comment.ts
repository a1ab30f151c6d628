/** @file What researchers say to each other of a study and its pairs; when a study was closed, from when retention counts. */
import type { Kysely, Migration } from 'kysely';

export const comment: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('comment')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
      .addColumn('pair', 'integer')
      .addColumn('author', 'text', (c) => c.notNull())
      .addColumn('text', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('comment_study').on('comment').columns(['study_id', 'created_at']).execute();
    await db.schema.alterTable('study').addColumn('closed_at', 'bigint').execute();
  },
};
