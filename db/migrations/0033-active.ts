/** @file Studies that choose which pairs are asked while people vote. */
import type { Kysely, Migration } from 'kysely';

export const active: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('study').addColumn('active', 'text').execute();
    await db.schema.alterTable('study').addColumn('active_odds', 'text').execute();
    await db.schema
      .alterTable('study')
      .addColumn('active_drawn', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
    await db.schema.alterTable('pair').addColumn('draw_weight', 'double precision').execute();
    await db.schema
      .createTable('pool')
      .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
      .addColumn('pairing', 'integer', (c) => c.notNull())
      .addColumn('place', 'integer', (c) => c.notNull())
      .addColumn('prompt_id', 'text', (c) => c.notNull().references('prompt.id'))
      .addColumn('render_a_id', 'text', (c) => c.notNull().references('render.id'))
      .addColumn('render_b_id', 'text', (c) => c.notNull().references('render.id'))
      .addPrimaryKeyConstraint('pool_key', ['study_id', 'pairing', 'place'])
      .execute();
  },
};
