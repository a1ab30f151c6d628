/** @file Studies of three and more models. */
import { sql, type Kysely, type Migration } from 'kysely';
import { isPostgres } from '../engine.ts';

/**
 * A study compares models two by two: each two are a pairing, and a prompt is a pair in each pairing. What a study compared
 * until here is its one pairing.
 */
export const pairing: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('pairing')
      .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
      .addColumn('position', 'integer', (c) => c.notNull())
      .addColumn('model_a_id', 'text', (c) => c.notNull().references('model.id'))
      .addColumn('model_b_id', 'text', (c) => c.notNull().references('model.id'))
      .addPrimaryKeyConstraint('pairing_pk', ['study_id', 'position'])
      .addUniqueConstraint('pairing_once', ['study_id', 'model_a_id', 'model_b_id'])
      .addCheckConstraint('pairing_two_models', sql`model_a_id <> model_b_id`)
      .execute();
    await sql`insert into pairing select id, 0, model_a_id, model_b_id from study`.execute(db);
    if (isPostgres(db)) {
      await sql`alter table study drop column model_a_id, drop column model_b_id`.execute(db);
      await sql`alter table pair add column pairing integer not null default 0`.execute(db);
      await sql`alter table pair alter column pairing drop default`.execute(db);
      await sql`alter table pair drop constraint pair_once`.execute(db);
      await sql`alter table pair add constraint pair_once unique (study_id, pairing, prompt_id)`.execute(db);
    } else await rebuild(db);
  },
};

/** SQLite can change neither a unique constraint nor drop a column that a check names: both tables are made again, as in 0010. */
async function rebuild(db: Kysely<unknown>): Promise<void> {
  await sql`pragma defer_foreign_keys = on`.execute(db);
  await sql`create table study_before as select * from study`.execute(db);
  await sql`drop table study`.execute(db);
  await db.schema
    .createTable('study')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('prompt_set_id', 'text', (c) => c.notNull().references('prompt_set.id'))
    .addColumn('criteria', 'text', (c) => c.notNull())
    .addColumn('votes_per_pair', 'integer', (c) => c.notNull().check(sql`votes_per_pair > 0`))
    .addColumn('ties', 'integer', (c) => c.notNull().check(sql`ties in (0, 1)`))
    .addColumn('seed', 'bigint', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('draft', 'open', 'paused', 'closed')`))
    .addColumn('invite_token', 'text', (c) => c.notNull().unique())
    .addColumn('simulation_token', 'text', (c) => c.notNull().unique())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('prescreen_id', 'text', (c) => c.references('prescreen.id'))
    .addColumn('prompt_sample', 'integer')
    .addColumn('visit', 'text')
    .addColumn('archived_at', 'bigint')
    .execute();
  await sql`insert into study
            select id, name, prompt_set_id, criteria, votes_per_pair, ties, seed, state, invite_token, simulation_token,
                   created_at, prescreen_id, prompt_sample, visit, archived_at
            from study_before`.execute(db);
  await sql`drop table study_before`.execute(db);
  await sql`create table pair_before as select * from pair`.execute(db);
  await sql`drop table pair`.execute(db);
  await db.schema
    .createTable('pair')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
    .addColumn('prompt_id', 'text', (c) => c.notNull().references('prompt.id'))
    .addColumn('render_a_id', 'text', (c) => c.notNull().references('render.id'))
    .addColumn('render_b_id', 'text', (c) => c.notNull().references('render.id'))
    .addColumn('position', 'integer', (c) => c.notNull())
    .addColumn('weight', 'double precision')
    .addColumn('pairing', 'integer', (c) => c.notNull())
    .addUniqueConstraint('pair_once', ['study_id', 'pairing', 'prompt_id'])
    .execute();
  await sql`insert into pair
            select id, study_id, prompt_id, render_a_id, render_b_id, position, weight, 0 from pair_before`.execute(db);
  await sql`drop table pair_before`.execute(db);
}
