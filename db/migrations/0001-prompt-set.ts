/** @file Prompt sets and their prompts. */
import type { Migration } from 'kysely';

export const promptSet: Migration = {
  async up(db) {
    await db.schema
      .createTable('prompt_set')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull().unique())
      .addColumn('source_sha256', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('prompt')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('prompt_set_id', 'text', (c) => c.notNull().references('prompt_set.id'))
      .addColumn('position', 'integer', (c) => c.notNull())
      .addColumn('text', 'text', (c) => c.notNull())
      .addColumn('category', 'text')
      .addColumn('challenge', 'text')
      .addColumn('note', 'text')
      .addUniqueConstraint('prompt_once', ['prompt_set_id', 'position'])
      .execute();
  },
};
