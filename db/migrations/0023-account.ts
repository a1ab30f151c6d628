/** @file Accounts of researchers, links that sign one of them in, and sessions that were ended one by one. */
import { sql, type Kysely, type Migration } from 'kysely';

/**
 * Sessions and tokens stay signed. `generation` is in what an account's sessions and tokens sign: a higher one ends them all. A
 * link without an account is an owner's, as all were until here.
 */
export const account: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('account')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull().unique())
      .addColumn('role', 'text', (c) => c.notNull().check(sql`role in ('owner', 'researcher', 'viewer')`))
      .addColumn('password_hash', 'text')
      .addColumn('openid_subject', 'text', (c) => c.unique())
      .addColumn('generation', 'integer', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('disabled_at', 'bigint')
      .execute();
    await db.schema
      .createTable('ended_session')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('expires_at', 'bigint', (c) => c.notNull())
      .execute();
    await sql`alter table login_link add column account_id text references account (id)`.execute(db);
    await sql`alter table token add column account_id text references account (id)`.execute(db);
  },
};
