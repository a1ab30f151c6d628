/** @file What an image looks like from afar, kept with its render, so that pairs can be sorted by how much they differ. */
import type { Kysely, Migration } from 'kysely';

export const thumbnail: Migration = {
  async up(db: Kysely<unknown>) {
    // Null for what was rendered before: nobody opens those images for it.
    await db.schema.alterTable('render').addColumn('thumbnail', 'text').execute();
  },
};
