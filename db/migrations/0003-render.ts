/** @file Renders, and the last failure where there is none. */
import type { Migration } from 'kysely';

export const render: Migration = {
  async up(db) {
    await db.schema
      .createTable('render')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('model_id', 'text', (c) => c.notNull().references('model.id'))
      .addColumn('prompt_id', 'text', (c) => c.notNull().references('prompt.id'))
      .addColumn('seed', 'bigint', (c) => c.notNull())
      .addColumn('image_sha256', 'text', (c) => c.notNull())
      .addColumn('width', 'integer', (c) => c.notNull())
      .addColumn('height', 'integer', (c) => c.notNull())
      .addColumn('provenance', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addUniqueConstraint('render_once', ['model_id', 'prompt_id', 'seed'])
      .execute();
    await db.schema
      .createTable('render_failure')
      .addColumn('model_id', 'text', (c) => c.notNull().references('model.id'))
      .addColumn('prompt_id', 'text', (c) => c.notNull().references('prompt.id'))
      .addColumn('seed', 'bigint', (c) => c.notNull())
      .addColumn('message', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('render_failure_pk', ['model_id', 'prompt_id', 'seed'])
      .execute();
  },
};
