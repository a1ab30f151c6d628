/** @file Seats beyond the plan's: others are asked about the pairs of people who are left out. */
import type { Kysely, Migration } from 'kysely';

export const extraSeats: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable('study')
      .addColumn('extra_seats', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
  },
};
