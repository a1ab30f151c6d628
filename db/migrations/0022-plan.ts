/** @file What a study set out to show. */
import type { Kysely, Migration } from 'kysely';

/** The plan as JSON with the preset that it follows, and the SHA-256 of all that was decided; never changed once a study is made. */
export const plan: Migration = {
  async up(db: Kysely<unknown>) {
    for (const column of ['plan', 'plan_sha256', 'preset'])
      await db.schema.alterTable('study').addColumn(column, 'text').execute();
    // A gallery asks for pairs by their place.
    await db.schema.createIndex('pair_place').on('pair').columns(['study_id', 'position']).execute();
  },
};
