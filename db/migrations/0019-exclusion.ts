/** @file People whose votes are left out of the results, with the reason; taken back, the row ends and stays. */
import { sql, type Kysely, type Migration } from 'kysely';

export const exclusion: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('exclusion')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
      .addColumn('annotator_id', 'text', (c) => c.notNull().references('annotator.id'))
      .addColumn('reason', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('ended_at', 'bigint')
      .addColumn('ended_reason', 'text')
      .execute();
    // One at a time a person.
    await sql`create unique index exclusion_now on exclusion (annotator_id) where ended_at is null`.execute(db);
    await sql`create index exclusion_study on exclusion (study_id)`.execute(db);
  },
};
