/** @file The state of a lease that ran out gets its name. */
import { sql, type Kysely, type Migration } from 'kysely';
import { isPostgres } from '../engine.ts';

/** A lease that ran out is "expired", as everywhere else; the state was called "lost" until here. */
export const expired: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`drop index assignment_person`.execute(db);
    if (isPostgres(db)) {
      await sql`alter table assignment drop constraint assignment_state_check`.execute(db);
      await sql`update assignment set state = 'expired' where state = 'lost'`.execute(db);
      await sql`alter table assignment add constraint assignment_state_check
                check (state in ('leased', 'done', 'expired'))`.execute(db);
    } else await rebuild(db);
    await sql`create unique index assignment_person on assignment (annotator_id, pair_id)
              where state <> 'expired' or voted = 1`.execute(db);
  },
};

/**
 * SQLite cannot change a check: the table is made again. Its children point at it by name; that the rows they point at are
 * gone for a moment is allowed until the transaction ends.
 */
async function rebuild(db: Kysely<unknown>): Promise<void> {
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
    .addColumn('left_image', 'text', (c) => c.notNull().unique())
    .addColumn('right_image', 'text', (c) => c.notNull().unique())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('leased', 'done', 'expired')`))
    .addColumn('voted', 'integer', (c) => c.notNull().check(sql`voted in (0, 1)`))
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('reopened_at', 'bigint')
    .execute();
  await sql`insert into assignment
            select id, study_id, pair_id, seat_id, annotator_id, side_a, left_image, right_image,
                   case state when 'lost' then 'expired' else state end, voted, created_at, expires_at, reopened_at
            from assignment_before`.execute(db);
  await sql`drop table assignment_before`.execute(db);
  await sql`create unique index assignment_seat on assignment (seat_id) where state = 'leased'`.execute(db);
  for (const [name, ...columns] of [
    ['assignment_expiry', 'study_id', 'state', 'expires_at'],
    ['assignment_annotator', 'annotator_id', 'state'],
    ['assignment_newest', 'annotator_id', 'created_at'],
  ] as const)
    await db.schema.createIndex(name).on('assignment').columns(columns).execute();
}
