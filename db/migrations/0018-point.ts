/** @file The place on an image that decided a vote. */
import type { Kysely, Migration } from 'kysely';

/** JSON of the contract's Point; null when none was asked for or told. */
export const point: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('vote').addColumn('point', 'text').execute();
  },
};
