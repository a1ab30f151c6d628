/** @file A study's own questions; a tie because neither would do; questions that are split over annotators. */
import { sql, type Kysely, type Migration } from 'kysely';

export const questions: Migration = {
  async up(db: Kysely<unknown>) {
    const flag = (table: 'study' | 'vote', column: 'split' | 'both_bad') =>
      db.schema
        .alterTable(table)
        .addColumn(column, 'integer', (c) =>
          c
            .notNull()
            .defaultTo(0)
            .check(sql`${sql.ref(column)} in (0, 1)`),
        )
        .execute();
    await db.schema.alterTable('study').addColumn('own_criteria', 'text').execute();
    await flag('study', 'both_bad');
    await flag('study', 'split');
    await flag('vote', 'both_bad');
    await db.schema.alterTable('seat').addColumn('criterion', 'text').execute();
    await db.schema.alterTable('assignment').addColumn('criterion', 'text').execute();
  },
};
