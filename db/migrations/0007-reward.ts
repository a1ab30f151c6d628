/** @file Rewards and scores. */
import type { Migration } from 'kysely';

export const reward: Migration = {
  async up(db) {
    await db.schema
      .createTable('reward')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull().unique())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('settings', 'text', (c) => c.notNull())
      .addColumn('network_sha256', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('score')
      .addColumn('render_id', 'text', (c) => c.notNull().references('render.id'))
      .addColumn('reward_id', 'text', (c) => c.notNull().references('reward.id'))
      .addColumn('network_sha256', 'text', (c) => c.notNull())
      .addColumn('value', 'double precision', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('score_pk', ['render_id', 'reward_id', 'network_sha256'])
      .execute();
  },
};
