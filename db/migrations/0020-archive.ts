/** @file Studies that lists no longer show. */
import type { Kysely, Migration } from 'kysely';

/** Nothing of an archived study changes; it is only out of the way. */
export const archive: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('study').addColumn('archived_at', 'bigint').execute();
  },
};
