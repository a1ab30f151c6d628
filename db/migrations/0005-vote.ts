/** @file Annotators, assignments, votes, retractions, slots. */
import { sql, type Migration } from 'kysely';

/** Votes and retractions are only ever inserted. `slot.vote_id` points at the vote that counts now. */
export const vote: Migration = {
  async up(db) {
    await db.schema
      .createTable('annotator')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
      .addColumn('population', 'text', (c) => c.notNull().check(sql`population in ('people', 'simulated')`))
      .addColumn('participant', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addUniqueConstraint('annotator_once', ['study_id', 'population', 'participant'])
      .execute();
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
      .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('leased', 'done', 'lost')`))
      .addColumn('voted', 'integer', (c) => c.notNull().check(sql`voted in (0, 1)`))
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('expires_at', 'bigint', (c) => c.notNull())
      .addColumn('reopened_at', 'bigint')
      .execute();
    // One holder a seat at a time; k different people a pair, also when a lost assignment already has votes.
    await sql`create unique index assignment_seat on assignment (seat_id) where state = 'leased'`.execute(db);
    await sql`create unique index assignment_person on assignment (annotator_id, pair_id)
              where state <> 'lost' or voted = 1`.execute(db);
    await db.schema
      .createIndex('assignment_expiry')
      .on('assignment')
      .columns(['study_id', 'state', 'expires_at'])
      .execute();
    await db.schema.createIndex('assignment_annotator').on('assignment').columns(['annotator_id', 'state']).execute();
    await db.schema.createIndex('assignment_newest').on('assignment').columns(['annotator_id', 'created_at']).execute();
    await db.schema
      .createTable('vote')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('study_id', 'text', (c) => c.notNull().references('study.id'))
      .addColumn('assignment_id', 'text', (c) => c.notNull().references('assignment.id'))
      .addColumn('annotator_id', 'text', (c) => c.notNull().references('annotator.id'))
      .addColumn('seat_id', 'text', (c) => c.notNull().references('seat.id'))
      .addColumn('criterion', 'text', (c) => c.notNull())
      .addColumn('choice', 'text', (c) => c.notNull().check(sql`choice in ('left', 'right', 'tie')`))
      .addColumn('response_time_ms', 'bigint', (c) => c.notNull())
      .addColumn('counted', 'integer', (c) => c.notNull().check(sql`counted in (0, 1)`))
      .addColumn('remaining', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('vote_study').on('vote').columns(['study_id', 'created_at']).execute();
    await db.schema.createIndex('vote_assignment').on('vote').columns(['assignment_id']).execute();
    await db.schema
      .createTable('retraction')
      .addColumn('vote_id', 'text', (c) => c.primaryKey().references('vote.id'))
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('slot')
      .addColumn('seat_id', 'text', (c) => c.notNull().references('seat.id'))
      .addColumn('criterion', 'text', (c) => c.notNull())
      .addColumn('vote_id', 'text', (c) => c.unique().references('vote.id'))
      .addPrimaryKeyConstraint('slot_pk', ['seat_id', 'criterion'])
      .execute();
  },
};
