/** @file Studies, pairs and seats. */
import { sql, type Migration } from 'kysely';

/**
 * A pair has k seats for each population. A seat has one slot for each criterion, and a slot holds one vote at most:
 * over-filling a pair is impossible by its primary key, not by a check in code.
 */
export const study: Migration = {
  async up(db) {
    await db.schema
      .createTable('study')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull().unique())
      .addColumn('prompt_set_id', 'text', (c) => c.notNull().references('prompt_set.id'))
      .addColumn('model_a_id', 'text', (c) => c.notNull().references('model.id'))
      .addColumn('model_b_id', 'text', (c) => c.notNull().references('model.id'))
      .addColumn('criteria', 'text', (c) => c.notNull())
      .addColumn('votes_per_pair', 'integer', (c) => c.notNull().check(sql`votes_per_pair > 0`))
      .addColumn('ties', 'integer', (c) => c.notNull().check(sql`ties in (0, 1)`))
      .addColumn('seed', 'bigint', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('draft', 'open', 'paused', 'closed')`))
      .addColumn('invite_token', 'text', (c) => c.notNull().unique())
      .addColumn('simulation_token', 'text', (c) => c.notNull().unique())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addCheckConstraint('study_two_models', sql`model_a_id <> model_b_id`)
      .execute();
    await db.schema
      .createTable('pair')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
      .addColumn('prompt_id', 'text', (c) => c.notNull().references('prompt.id'))
      .addColumn('render_a_id', 'text', (c) => c.notNull().references('render.id'))
      .addColumn('render_b_id', 'text', (c) => c.notNull().references('render.id'))
      .addColumn('position', 'integer', (c) => c.notNull())
      .addUniqueConstraint('pair_once', ['study_id', 'prompt_id'])
      .execute();
    await db.schema
      .createTable('seat')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
      .addColumn('pair_id', 'text', (c) => c.notNull().references('pair.id'))
      .addColumn('population', 'text', (c) => c.notNull().check(sql`population in ('people', 'simulated')`))
      .addColumn('seat_index', 'integer', (c) => c.notNull())
      .addColumn('position', 'integer', (c) => c.notNull())
      .addColumn('side_a', 'text', (c) => c.notNull().check(sql`side_a in ('left', 'right')`))
      .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('free', 'leased', 'done')`))
      .addUniqueConstraint('seat_once', ['pair_id', 'population', 'seat_index'])
      .execute();
    await db.schema
      .createIndex('seat_next')
      .on('seat')
      .columns(['study_id', 'population', 'state', 'position', 'seat_index'])
      .execute();
  },
};
