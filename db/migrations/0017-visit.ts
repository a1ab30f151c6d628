/** @file What surrounds the voting: the steps of a visit, and checks among the pairs. */
import { sql, type Kysely, type Migration } from 'kysely';
import { isPostgres } from '../engine.ts';

/**
 * A study's visit is JSON, fixed with the study. What a person did at each step is a row of `visit_step`, only inserted; why
 * somebody's visit ended is kept with them.
 *
 * A check (gold, repeat, practice) is an assignment whose seat lies outside the plan, at position -1: so leases, undo, images and
 * reports of problems hold for it unchanged, while everything that counts looks at positions from 0 on. Pairs that only serve as
 * checks lie at negative positions too, the first one at -1.
 */
export const visit: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('study').addColumn('prompt_sample', 'integer').execute();
    await db.schema.alterTable('study').addColumn('visit', 'text').execute();
    await db.schema
      .alterTable('annotator')
      .addColumn('end_reason', 'text', (c) =>
        c.check(sql`end_reason in ('finished', 'full', 'no-consent', 'device', 'checks')`),
      )
      .execute();
    await db.schema
      .alterTable('assignment')
      .addColumn('kind', 'text', (c) =>
        c
          .notNull()
          .defaultTo('work')
          .check(sql`kind in ('work', 'gold', 'repeat', 'practice')`),
      )
      .execute();
    // When its last question was answered though its seat had gone to somebody else: work that is done all the same, once.
    await db.schema.alterTable('assignment').addColumn('surplus_at', 'bigint').execute();
    await sql`update assignment set surplus_at = s.at from (
                select v.assignment_id, min(v.created_at) as at from vote v join study t on t.id = v.study_id
                where v.counted = 0 and t.criteria like '%"' || v.criterion || '"]'
                group by v.assignment_id) s
              where s.assignment_id = assignment.id`.execute(db);
    await sql`drop index assignment_person`.execute(db);
    // The same pair comes again as a repeat.
    await sql`create unique index assignment_person on assignment (annotator_id, pair_id, kind)
              where state <> 'expired' or voted = 1`.execute(db);
    await db.schema
      .createTable('visit_step')
      .addColumn('annotator_id', 'text', (c) => c.notNull().references('annotator.id'))
      .addColumn('position', 'integer', (c) => c.notNull())
      .addColumn('step', 'text', (c) => c.notNull())
      .addColumn('answer', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('visit_step_pk', ['annotator_id', 'position'])
      .execute();
    for (const statement of isPostgres(db) ? postgres : sqlite) await sql.raw(statement).execute(db);
  },
};

interface Dialect {
  shard: string;
  /** A comparison as 0 or 1. */
  int(comparison: string): string;
}

/** As in 0012, but for seats outside the plan: they are in no tally, and do not move the search for the next pair. */
function rules({ shard, int }: Dialect) {
  const count = (sign: '+' | '-', row: 'new' | 'old') => `
  insert into tally (study_id, population, criterion, shard, a, b, tie)
    select v.study_id, s.population, v.criterion, ${shard}, ${sign}${int('v.choice = x.side_a')},
           ${sign}${int("v.choice <> x.side_a and v.choice <> 'tie'")}, ${sign}${int("v.choice = 'tie'")}
    from vote v join assignment x on x.id = v.assignment_id join seat s on s.id = v.seat_id
    where v.id = ${row}.vote_id and s.position >= 0
    on conflict (study_id, population, criterion, shard)
    do update set a = tally.a + excluded.a, b = tally.b + excluded.b, tie = tally.tie + excluded.tie;`;
  return [
    {
      name: 'slot_filled',
      event: 'after insert on slot',
      when: '',
      body: `${count('+', 'new')}
  update annotator set votes = votes + 1,
    last_assignment_id = (select assignment_id from vote where id = new.vote_id)
  where id = (select annotator_id from vote where id = new.vote_id);`,
    },
    {
      name: 'slot_emptied',
      event: 'after delete on slot',
      when: '',
      body: `${count('-', 'old')}
  update annotator set votes = votes - 1 where id = (select annotator_id from vote where id = old.vote_id);`,
    },
    {
      name: 'assignment_made',
      event: 'after insert on assignment',
      when: "new.state <> 'expired'",
      body: `update seat set state = new.state where id = new.seat_id;
  update annotator set done = done + ${int("new.state = 'done'")},
    last_position = case when new.kind = 'work' then (select position from pair where id = new.pair_id)
                         else last_position end
  where id = new.annotator_id;`,
    },
  ];
}

const sqlite = rules({ shard: '0', int: (comparison) => `(${comparison})` }).flatMap(({ name, event, when, body }) => [
  `drop trigger ${name}`,
  `create trigger ${name} ${event}${when === '' ? '' : ` when ${when}`} begin\n  ${body}\nend`,
]);

const postgres = rules({ shard: 'pg_backend_pid() % 16', int: (comparison) => `(${comparison})::int` }).map(
  ({ name, body }) =>
    `create or replace function ${name}() returns trigger language plpgsql as $$ begin\n  ${body}\n  return null; end $$`,
);
