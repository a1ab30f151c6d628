/** @file Progress that is kept while votes are cast, instead of being counted whenever somebody looks. */
import { sql, type Kysely, type Migration } from 'kysely';
import { isPostgres } from '../engine.ts';

/**
 * A slot is a row from the moment its vote counts until it is taken back; an empty one is none. So a study of 50,000 pairs
 * starts without 450,000 rows that say nothing, and a second vote for a slot still breaks on its primary key.
 *
 * The tally, the annotators' counted votes and their finished pairs follow from slots and assignments. Triggers keep them,
 * in the transaction that changes what they follow from: whoever changes a slot cannot forget them. On PostgreSQL sixteen
 * shards keep voters from waiting for one another's row; a tally is the sum over them.
 */
export const tally: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`create table slot_before as select * from slot where vote_id is not null`.execute(db);
    await sql`drop table slot`.execute(db);
    await db.schema
      .createTable('slot')
      .addColumn('seat_id', 'text', (c) => c.notNull().references('seat.id'))
      .addColumn('criterion', 'text', (c) => c.notNull())
      .addColumn('vote_id', 'text', (c) => c.notNull().unique().references('vote.id'))
      .addPrimaryKeyConstraint('slot_pk', ['seat_id', 'criterion'])
      .execute();
    await db.schema
      .createTable('tally')
      .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
      .addColumn('population', 'text', (c) => c.notNull().check(sql`population in ('people', 'simulated')`))
      .addColumn('criterion', 'text', (c) => c.notNull())
      .addColumn('shard', 'integer', (c) => c.notNull())
      .addColumn('a', 'integer', (c) => c.notNull())
      .addColumn('b', 'integer', (c) => c.notNull())
      .addColumn('tie', 'integer', (c) => c.notNull())
      .addPrimaryKeyConstraint('tally_pk', ['study_id', 'population', 'criterion', 'shard'])
      .execute();
    for (const column of ['votes', 'done'])
      await db.schema
        .alterTable('annotator')
        .addColumn(column, 'integer', (c) => c.notNull().defaultTo(0))
        .execute();
    // Undo looks for somebody's newest vote; nothing looks for the votes of an assignment.
    await db.schema.dropIndex('vote_assignment').execute();
    await db.schema.createIndex('vote_annotator').on('vote').columns(['annotator_id', 'created_at']).execute();
    for (const trigger of isPostgres(db) ? postgresTriggers : sqliteTriggers) await sql.raw(trigger).execute(db);
    await sql`update annotator set done =
              (select count(*) from assignment where annotator_id = annotator.id and state = 'done')`.execute(db);
    // Through the triggers, which count them.
    await sql`insert into slot select seat_id, criterion, vote_id from slot_before`.execute(db);
    await sql`drop table slot_before`.execute(db);
  },
};

/** @param sign of the change; @param slot the row: new or old; @param int a comparison as 0 or 1 */
function count(sign: '+' | '-', slot: 'new' | 'old', shard: string, int: (comparison: string) => string): string {
  return `
  insert into tally (study_id, population, criterion, shard, a, b, tie)
    select v.study_id, n.population, v.criterion, ${shard}, ${sign}${int('v.choice = x.side_a')},
           ${sign}${int("v.choice <> x.side_a and v.choice <> 'tie'")}, ${sign}${int("v.choice = 'tie'")}
    from vote v join assignment x on x.id = v.assignment_id join annotator n on n.id = v.annotator_id
    where v.id = ${slot}.vote_id
    on conflict (study_id, population, criterion, shard)
    do update set a = tally.a + excluded.a, b = tally.b + excluded.b, tie = tally.tie + excluded.tie;
  update annotator set votes = votes ${sign} 1 where id = (select annotator_id from vote where id = ${slot}.vote_id);`;
}

const sqliteCount = (sign: '+' | '-', slot: 'new' | 'old') => count(sign, slot, '0', (comparison) => `(${comparison})`);
const sqliteTriggers = [
  `create trigger slot_filled after insert on slot begin ${sqliteCount('+', 'new')}\nend`,
  `create trigger slot_emptied after delete on slot begin ${sqliteCount('-', 'old')}\nend`,
  `create trigger assignment_finished after update of state on assignment
   when (new.state = 'done') <> (old.state = 'done') begin
  update annotator set done = done + (new.state = 'done') - (old.state = 'done') where id = new.annotator_id;
end`,
];

const postgresCount = (sign: '+' | '-', slot: 'new' | 'old') =>
  count(sign, slot, 'pg_backend_pid() % 16', (comparison) => `(${comparison})::int`);
const postgresTriggers = [
  `create function slot_filled() returns trigger language plpgsql as $$ begin
     ${postgresCount('+', 'new')} return null; end $$`,
  `create function slot_emptied() returns trigger language plpgsql as $$ begin
     ${postgresCount('-', 'old')} return null; end $$`,
  `create function assignment_finished() returns trigger language plpgsql as $$ begin
     update annotator set done = done + (new.state = 'done')::int - (old.state = 'done')::int
     where id = new.annotator_id; return null; end $$`,
  'create trigger slot_filled after insert on slot for each row execute function slot_filled()',
  'create trigger slot_emptied after delete on slot for each row execute function slot_emptied()',
  `create trigger assignment_finished after update of state on assignment for each row
   when ((new.state = 'done') <> (old.state = 'done')) execute function assignment_finished()`,
];
