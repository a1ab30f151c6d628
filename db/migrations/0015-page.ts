/** @file What an annotator's page tells beside votes: pairs set aside, problems, and what was seen. */
import { sql, type Kysely, type Migration } from 'kysely';

/**
 * Somebody who skips a pair gives their seat back and does not get the pair again; what was wrong with it is a row of its own, so
 * that a pair can have several. What a vote's eyes saw is JSON: it is read for exports and slices alone.
 */
export const page: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('assignment').addColumn('skipped_at', 'bigint').execute();
    await db.schema.alterTable('vote').addColumn('seen', 'text').execute();
    await db.schema
      .createTable('problem')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
      .addColumn('assignment_id', 'text', (c) => c.notNull().references('assignment.id'))
      .addColumn('reason', 'text', (c) =>
        c.notNull().check(sql`reason in ('skipped', 'blurry', 'offensive', 'broken', 'text', 'missing')`),
      )
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .execute();
    await sql`create index problem_study on problem (study_id)`.execute(db);
  },
};
