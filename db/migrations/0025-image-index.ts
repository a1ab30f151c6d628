/** @file Renders by their image. */
import { sql, type Kysely, type Migration } from 'kysely';

/** A score is taken over by renders of the same bytes: found without reading every render. */
export const imageIndex: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`create index render_image on render (image_sha256)`.execute(db);
  },
};
