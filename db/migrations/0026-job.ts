/** @file Jobs of the queue, and the slices that workers take of them. */
import { sql, type Kysely, type Migration } from 'kysely';

export const job: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('job')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('kind', 'text', (c) =>
        c.notNull().check(sql`kind in ('render', 'score', 'prescreen', 'train', 'report')`),
      )
      .addColumn('title', 'text', (c) => c.notNull())
      .addColumn('request', 'text', (c) => c.notNull())
      .addColumn('request_sha256', 'text', (c) => c.notNull())
      .addColumn('rate_key', 'text', (c) => c.notNull())
      .addColumn('device_kind', 'text')
      .addColumn('store', 'text', (c) => c.notNull())
      .addColumn('memory_bytes', 'bigint', (c) => c.notNull())
      .addColumn('priority', 'integer', (c) => c.notNull())
      .addColumn('state', 'text', (c) =>
        c.notNull().check(sql`state in ('waiting', 'running', 'done', 'failed', 'cancelled')`),
      )
      .addColumn('error', 'text')
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('updated_at', 'bigint', (c) => c.notNull())
      .execute();
    // The same work is in the queue once.
    await sql`create unique index job_open on job (request_sha256) where state in ('waiting', 'running')`.execute(db);
    await db.schema
      .createTable('slice')
      .addColumn('job_id', 'text', (c) => c.notNull().references('job.id'))
      .addColumn('position', 'integer', (c) => c.notNull())
      .addColumn('part', 'text', (c) => c.notNull())
      .addColumn('items', 'integer', (c) => c.notNull())
      .addColumn('done', 'integer', (c) => c.notNull())
      .addColumn('state', 'text', (c) =>
        c.notNull().check(sql`state in ('waiting', 'running', 'done', 'failed', 'cancelled')`),
      )
      .addColumn('worker', 'text')
      .addColumn('result', 'text')
      .addColumn('error', 'text')
      .addColumn('started_at', 'bigint')
      .addColumn('heard_at', 'bigint')
      .addColumn('ended_at', 'bigint')
      .addPrimaryKeyConstraint('slice_key', ['job_id', 'position'])
      .execute();
    await sql`create index slice_open on slice (state) where state in ('waiting', 'running')`.execute(db);
  },
};
