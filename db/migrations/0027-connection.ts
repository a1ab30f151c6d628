/** @file Which connection of an annotator is the newest: with several servers, the old one may end after the new one began. */
import type { Kysely, Migration } from 'kysely';

export const connection: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('annotator').addColumn('connection', 'text').execute();
  },
};
