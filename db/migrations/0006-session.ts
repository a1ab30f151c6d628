/** @file Login links and the server's secret. */
import type { Migration } from 'kysely';

export const session: Migration = {
  async up(db) {
    await db.schema
      .createTable('login_link')
      .addColumn('key_sha256', 'text', (c) => c.primaryKey())
      .addColumn('expires_at', 'bigint', (c) => c.notNull())
      .addColumn('used_at', 'bigint')
      .execute();
    await db.schema
      .createTable('server_secret')
      .addColumn('name', 'text', (c) => c.primaryKey())
      .addColumn('value', 'text', (c) => c.notNull())
      .execute();
  },
};
