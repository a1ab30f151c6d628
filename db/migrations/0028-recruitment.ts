/** @file People from a crowd platform: what was asked of it for a study, and what it says of each who came. */
import { sql, type Kysely, type Migration } from 'kysely';

export const recruitment: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('recruitment')
      .addColumn('study_id', 'text', (c) => c.primaryKey().references('study.id'))
      .addColumn('remote_id', 'text', (c) => c.unique())
      .addColumn('settings', 'text', (c) => c.notNull())
      .addColumn('codes', 'text', (c) => c.notNull())
      .addColumn('reward', 'integer', (c) => c.notNull())
      .addColumn('places', 'integer', (c) => c.notNull())
      .addColumn('places_taken', 'integer', (c) => c.notNull())
      .addColumn('status', 'text', (c) => c.notNull())
      .addColumn('problem', 'text')
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('looked_at', 'bigint')
      .execute();
    await db.schema
      .createTable('submission')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
      .addColumn('annotator_id', 'text', (c) => c.references('annotator.id'))
      .addColumn('status', 'text')
      .addColumn('code', 'text')
      .addColumn('bonus_told', 'integer', (c) => c.notNull())
      .addColumn('bonus_asked', 'integer', (c) => c.notNull())
      .addColumn('bonus_unsure', 'integer', (c) => c.notNull())
      .addColumn('finished', 'integer', (c) => c.notNull().check(sql`finished in (0, 1)`))
      .addColumn('bonus_asked_at', 'bigint')
      .addColumn('remote_study', 'text')
      .addColumn('return_asked_at', 'bigint')
      .addColumn('started_at', 'bigint')
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .execute();
    await sql`create index submission_study on submission (study_id)`.execute(db);
    await sql`create index submission_annotator on submission (annotator_id)`.execute(db);
    await db.schema
      .createTable('prolific_workspace')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('secret', 'text', (c) => c.notNull())
      .addColumn('target', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('prolific_event')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema.alterTable('annotator').addColumn('withdrawn_at', 'bigint').execute();
  },
};
