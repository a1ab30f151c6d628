/** @file Links to a study's report for people without an account. */
import type { Kysely, Migration } from 'kysely';

/** The key itself is kept nowhere; the id names the link in lists and in the log. */
export const share: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('share')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('key_sha256', 'text', (c) => c.notNull().unique())
      .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
      .addColumn('label', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('expires_at', 'bigint', (c) => c.notNull())
      .addColumn('revoked_at', 'bigint')
      .execute();
  },
};
