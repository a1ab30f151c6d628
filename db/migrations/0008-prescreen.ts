/** @file Checkpoints and prescreens; a pair's weight. */
import { sql, type Migration } from 'kysely';

export const prescreen: Migration = {
  async up(db) {
    await db.schema
      .createTable('checkpoint')
      .addColumn('model_id', 'text', (c) => c.primaryKey().references('model.id'))
      .addColumn('run', 'text', (c) => c.notNull())
      .addColumn('step', 'integer', (c) => c.notNull())
      .addColumn('device_seconds', 'double precision')
      .execute();
    await db.schema
      .createTable('prescreen')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('request', 'text', (c) => c.notNull())
      .addColumn('idempotency_key', 'text', (c) => c.unique())
      .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('queued', 'running', 'done', 'failed')`))
      .addColumn('progress', 'text')
      .addColumn('result', 'text')
      .addColumn('error', 'text')
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('updated_at', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema
      .alterTable('study')
      .addColumn('prescreen_id', 'text', (c) => c.references('prescreen.id'))
      .execute();
    await db.schema.alterTable('pair').addColumn('weight', 'double precision').execute();
  },
};
