/** @file How often somebody's counted votes have changed, so that whoever keeps them in memory can tell what to read again. */
import { sql, type Kysely, type Migration } from 'kysely';
import { isPostgres } from '../engine.ts';
import { count, replaced, type Dialect, type Rule } from './0017-visit.ts';

/** It only grows, in the statement that moves `votes` already: a vote costs nothing more. */
export const voteChanges: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable('annotator')
      .addColumn('vote_changes', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
    for (const statement of replaced(rules, isPostgres(db) ? 'postgres' : 'sqlite'))
      await sql.raw(statement).execute(db);
  },
};

/** As in 0017, and the change is counted. */
function rules(dialect: Dialect): Rule[] {
  return [
    {
      name: 'slot_filled',
      event: 'after insert on slot',
      when: '',
      body: `${count('+', 'new', dialect)}
  update annotator set votes = votes + 1, vote_changes = vote_changes + 1,
    last_assignment_id = (select assignment_id from vote where id = new.vote_id)
  where id = (select annotator_id from vote where id = new.vote_id);`,
    },
    {
      name: 'slot_emptied',
      event: 'after delete on slot',
      when: '',
      body: `${count('-', 'old', dialect)}
  update annotator set votes = votes - 1, vote_changes = vote_changes + 1
  where id = (select annotator_id from vote where id = old.vote_id);`,
    },
  ];
}
