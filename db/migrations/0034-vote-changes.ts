/** @file How often somebody's counted votes have changed, so that whoever keeps them in memory can tell what to read again. */
import { sql, type Kysely, type Migration } from 'kysely';
import { isPostgres } from '../engine.ts';

/** It only grows, in the statement that moves `votes` already: a vote costs nothing more. */
export const voteChanges: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable('annotator')
      .addColumn('vote_changes', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
    for (const statement of isPostgres(db) ? postgres : sqlite) await sql.raw(statement).execute(db);
  },
};

/** A comparison as 0 or 1, and the tally's shard, are written otherwise on each engine. */
interface Dialect {
  shard: string;
  int(comparison: string): string;
}

/** As in 0017, and the change is counted. */
function rules({ shard, int }: Dialect) {
  const rule = (name: string, event: string, sign: '+' | '-', row: 'new' | 'old', more: string) => ({
    name,
    event,
    body: `
  insert into tally (study_id, population, criterion, shard, a, b, tie)
    select v.study_id, s.population, v.criterion, ${shard}, ${sign}${int('v.choice = x.side_a')},
           ${sign}${int("v.choice <> x.side_a and v.choice <> 'tie'")}, ${sign}${int("v.choice = 'tie'")}
    from vote v join assignment x on x.id = v.assignment_id join seat s on s.id = v.seat_id
    where v.id = ${row}.vote_id and s.position >= 0
    on conflict (study_id, population, criterion, shard)
    do update set a = tally.a + excluded.a, b = tally.b + excluded.b, tie = tally.tie + excluded.tie;
  update annotator set votes = votes ${sign} 1, vote_changes = vote_changes + 1${more}
  where id = (select annotator_id from vote where id = ${row}.vote_id);`,
  });
  const last = ',\n    last_assignment_id = (select assignment_id from vote where id = new.vote_id)';
  return [
    rule('slot_filled', 'after insert on slot', '+', 'new', last),
    rule('slot_emptied', 'after delete on slot', '-', 'old', ''),
  ];
}

const sqlite = rules({ shard: '0', int: (comparison) => `(${comparison})` }).flatMap(({ name, event, body }) => [
  `drop trigger ${name}`,
  `create trigger ${name} ${event} begin\n  ${body}\nend`,
]);

const postgres = rules({ shard: 'pg_backend_pid() % 16', int: (comparison) => `(${comparison})::int` }).map(
  ({ name, body }) =>
    `create or replace function ${name}() returns trigger language plpgsql as $$ begin\n  ${body}\n  return null; end $$`,
);
