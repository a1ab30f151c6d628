/** @file What follows from votes and assignments is kept by the database while they are written, instead of being counted. */
import { sql, type Kysely, type Migration } from 'kysely';
import { isPostgres } from '../engine.ts';

/**
 * A slot is a row from the moment its vote counts until it is taken back; an empty one is none. So a study of 50,000 pairs
 * starts without 450,000 rows that say nothing, and a second vote for a slot still breaks on its primary key.
 *
 * Slots follow from votes, seats' states from assignments, the tally and the annotators' progress from both. Triggers keep
 * them, in the transaction that changes what they follow from: nobody can forget them. On PostgreSQL sixteen shards keep
 * voters from waiting for one another's row; a tally is the sum over them.
 *
 * Every index costs each vote a page that is written somewhere else; the ones below hold what is open alone, or grow at
 * their end. An image's id is its assignment's and its side.
 */
export const tally: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`create table slot_before as select * from slot where vote_id is not null`.execute(db);
    await sql`drop table slot`.execute(db);
    for (const column of ['votes', 'done', 'last_position'])
      await db.schema
        .alterTable('annotator')
        .addColumn(column, 'integer', (c) => c.notNull().defaultTo(0))
        .execute();
    // Not a reference: SQLite could not drop the table that it points to.
    await db.schema.alterTable('annotator').addColumn('last_assignment_id', 'text').execute();
    await dropImageColumns(db);
    // SQLite keeps such a table in the order of its primary key, without a second copy of it.
    const slot = db.schema
      .createTable('slot')
      .addColumn('seat_id', 'text', (c) => c.notNull().references('seat.id'))
      .addColumn('criterion', 'text', (c) => c.notNull())
      .addColumn('vote_id', 'text', (c) => c.notNull().references('vote.id'))
      .addPrimaryKeyConstraint('slot_pk', ['seat_id', 'criterion']);
    await (isPostgres(db) ? slot : slot.modifyEnd(sql`without rowid`)).execute();
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
    await db.schema.dropIndex('vote_assignment').execute();
    await db.schema.dropIndex('vote_study').execute();
    // One holder a seat, or one who finished it.
    await sql`create unique index assignment_seat on assignment (seat_id) where state <> 'expired'`.execute(db);
    await sql`create index assignment_open on assignment (annotator_id) where state <> 'done'`.execute(db);
    await sql`create index assignment_expiry on assignment (study_id, expires_at) where state = 'leased'`.execute(db);
    for (const trigger of isPostgres(db) ? postgresTriggers : sqliteTriggers) await sql.raw(trigger).execute(db);
    await sql`
      update annotator set
        done = (select count(*) from assignment x where x.annotator_id = annotator.id and x.state = 'done'),
        last_position = coalesce((select max(p.position) from assignment x join pair p on p.id = x.pair_id
                                  where x.annotator_id = annotator.id), 0)`.execute(db);
    // Through the trigger, which counts them; in the order in which they were cast, so that the last one is the last.
    await sql`insert into slot select b.seat_id, b.criterion, b.vote_id
              from slot_before b join vote v on v.id = b.vote_id order by v.created_at`.execute(db);
    await sql`drop table slot_before`.execute(db);
  },
};

/** SQLite cannot drop a unique column: the table is made again, as in 0010. Its indices are made anew. */
async function dropImageColumns(db: Kysely<unknown>): Promise<void> {
  if (isPostgres(db)) {
    for (const index of ['assignment_seat', 'assignment_expiry', 'assignment_annotator', 'assignment_newest'])
      await db.schema.dropIndex(index).execute();
    await sql`alter table assignment drop column left_image, drop column right_image`.execute(db);
    return;
  }
  await sql`pragma defer_foreign_keys = on`.execute(db);
  await sql`create table assignment_before as select * from assignment`.execute(db);
  await sql`drop table assignment`.execute(db);
  await db.schema
    .createTable('assignment')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
    .addColumn('pair_id', 'text', (c) => c.notNull().references('pair.id'))
    .addColumn('seat_id', 'text', (c) => c.notNull().references('seat.id'))
    .addColumn('annotator_id', 'text', (c) => c.notNull().references('annotator.id'))
    .addColumn('side_a', 'text', (c) => c.notNull().check(sql`side_a in ('left', 'right')`))
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('leased', 'done', 'expired')`))
    .addColumn('voted', 'integer', (c) => c.notNull().check(sql`voted in (0, 1)`))
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('reopened_at', 'bigint')
    .execute();
  await sql`insert into assignment
            select id, study_id, pair_id, seat_id, annotator_id, side_a, state, voted, created_at, expires_at, reopened_at
            from assignment_before`.execute(db);
  await sql`drop table assignment_before`.execute(db);
  await sql`create unique index assignment_person on assignment (annotator_id, pair_id)
            where state <> 'expired' or voted = 1`.execute(db);
}

interface Dialect {
  shard: string;
  /** A comparison as 0 or 1. */
  int(comparison: string): string;
}

/** @param row of the slot: new or old */
function count(sign: '+' | '-', row: 'new' | 'old', { shard, int }: Dialect): string {
  return `
  insert into tally (study_id, population, criterion, shard, a, b, tie)
    select v.study_id, n.population, v.criterion, ${shard}, ${sign}${int('v.choice = x.side_a')},
           ${sign}${int("v.choice <> x.side_a and v.choice <> 'tie'")}, ${sign}${int("v.choice = 'tie'")}
    from vote v join assignment x on x.id = v.assignment_id join annotator n on n.id = v.annotator_id
    where v.id = ${row}.vote_id
    on conflict (study_id, population, criterion, shard)
    do update set a = tally.a + excluded.a, b = tally.b + excluded.b, tie = tally.tie + excluded.tie;`;
}

/** Each rule: when it applies, to which row, and what it does. */
function rules(dialect: Dialect): { name: string; event: string; when?: string; body: string }[] {
  const { int } = dialect;
  return [
    {
      name: 'vote_counted',
      event: 'after insert on vote',
      when: 'new.counted = 1',
      body: 'insert into slot (seat_id, criterion, vote_id) values (new.seat_id, new.criterion, new.id);',
    },
    {
      name: 'slot_filled',
      event: 'after insert on slot',
      body: `${count('+', 'new', dialect)}
  update annotator set votes = votes + 1,
    last_assignment_id = (select assignment_id from vote where id = new.vote_id)
  where id = (select annotator_id from vote where id = new.vote_id);`,
    },
    {
      name: 'slot_emptied',
      event: 'after delete on slot',
      body: `${count('-', 'old', dialect)}
  update annotator set votes = votes - 1 where id = (select annotator_id from vote where id = old.vote_id);`,
    },
    {
      name: 'assignment_made',
      event: 'after insert on assignment',
      when: "new.state <> 'expired'",
      body: `update seat set state = new.state where id = new.seat_id;
  update annotator set done = done + ${int("new.state = 'done'")},
    last_position = (select position from pair where id = new.pair_id) where id = new.annotator_id;`,
    },
    {
      name: 'assignment_moved',
      event: 'after update of state on assignment',
      when: 'new.state <> old.state',
      body: `update seat set state = case new.state when 'expired' then 'free' else new.state end where id = new.seat_id;
  update annotator set done = done + ${int("new.state = 'done'")} - ${int("old.state = 'done'")}
  where id = new.annotator_id and (new.state = 'done' or old.state = 'done');`,
    },
  ];
}

const sqliteTriggers = rules({ shard: '0', int: (comparison) => `(${comparison})` }).map(
  ({ name, event, when, body }) =>
    `create trigger ${name} ${event}${when === undefined ? '' : ` when ${when}`} begin\n  ${body}\nend`,
);

const postgresTriggers = rules({
  shard: 'pg_backend_pid() % 16',
  int: (comparison) => `(${comparison})::int`,
}).flatMap(({ name, event, when, body }) => [
  `create function ${name}() returns trigger language plpgsql as $$ begin\n  ${body}\n  return null; end $$`,
  `create trigger ${name} ${event} for each row ${when === undefined ? '' : `when (${when})`} execute function ${name}()`,
]);
