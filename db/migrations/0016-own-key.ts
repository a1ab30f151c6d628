/** @file A browser's own secret, bound to the participant before the first answer has arrived. */
import type { Kysely, Migration } from 'kysely';

/**
 * A key that only the server makes is lost when its first message is: the participant has begun, and nobody can show it. A secret
 * that the browser made is known on both sides from the first request on. Its SHA-256 is kept, of the first browser and of each
 * that took over.
 */
export const ownKey: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('annotator').addColumn('secret_hash', 'text').execute();
    await db.schema.alterTable('take_over').addColumn('secret_hash', 'text').execute();
  },
};
