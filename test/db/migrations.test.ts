import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Migrator, sql } from 'kysely';
import { expect, it } from 'vitest';
import { rehearse } from '../../db/backup.ts';
import { isPostgres } from '../../db/engine.ts';
import { migrations } from '../../db/migrate.ts';
import { connect, openDatabase } from '../../db/open.ts';
import { recount } from '../../server/study/recount.ts';
import { projectRoot } from '../support/folders.ts';
import { onBothEngines } from '../support/databases.ts';
import { dumpSchema } from '../support/schema.ts';

it('migrations › schema.sql is what the migrations make', async () => {
  expect(readFileSync(join(projectRoot, 'db', 'schema.sql'), 'utf8')).toBe(await dumpSchema());
});

/** One pair, k = 3; one person finished, one lost the lease after a vote and then another seat without one. */
const earlierStudy = [
  `insert into prompt_set (id, name, source_sha256, created_at) values ('s', 's', 'x', 1)`,
  `insert into prompt (id, prompt_set_id, position, text) values ('p', 's', 0, 'a cat')`,
  `insert into model (id, name, kind, settings, created_at) values
     ('a', 'a', 'imported', '{}', 1), ('b', 'b', 'imported', '{}', 1)`,
  `insert into render (id, model_id, prompt_id, seed, image_sha256, width, height, provenance, created_at) values
     ('ra', 'a', 'p', 0, 'h', 8, 8, '{}', 1), ('rb', 'b', 'p', 0, 'h', 8, 8, '{}', 1)`,
  `insert into study (id, name, prompt_set_id, model_a_id, model_b_id, criteria, votes_per_pair, ties, seed, state,
     invite_token, simulation_token, created_at)
   values ('t', 't', 's', 'a', 'b', '["general"]', 3, 0, 0, 'open', 'i', 'j', 1)`,
  `insert into pair (id, study_id, prompt_id, render_a_id, render_b_id, position) values ('q', 't', 'p', 'ra', 'rb', 0)`,
  ...[1, 2, 3].map(
    (n) => `insert into seat (id, study_id, pair_id, population, seat_index, position, side_a, state)
            values ('e${n}', 't', 'q', 'people', ${n}, 0, 'left', '${n === 1 ? 'done' : 'free'}')`,
  ),
  `insert into annotator (id, study_id, population, participant, created_at) values
     ('n1', 't', 'people', 'one', 1), ('n2', 't', 'people', 'two', 1)`,
  ...[
    ['x1', 'e1', 'n1', 'done', 1],
    ['x2', 'e2', 'n2', 'lost', 1],
    ['x3', 'e3', 'n2', 'lost', 0],
  ].map(
    ([id, seat, annotator, state, voted]) =>
      `insert into assignment (id, study_id, pair_id, seat_id, annotator_id, side_a, left_image, right_image, state,
         voted, created_at, expires_at)
       values ('${id}', 't', 'q', '${seat}', '${annotator}', 'left', 'l${id}', 'r${id}', '${state}', ${voted}, 1, 2)`,
  ),
  ...['1', '2'].map(
    (n) => `insert into vote (id, study_id, assignment_id, annotator_id, seat_id, criterion, choice, response_time_ms,
              counted, remaining, created_at)
            values ('v${n}', 't', 'x${n}', 'n${n}', 'e${n}', 'general', 'left', 5, 1, '[]', 1)`,
  ),
];

onBothEngines('migrations', (fresh, empty) => {
  it('a database that is opened twice is migrated once', async () => {
    const { location } = await fresh();
    const again = await openDatabase(location);
    const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(again);
    await again.destroy();
    expect(rows).toHaveLength(35);
  });

  it('a database from a newer version is refused and left alone', async () => {
    const { db, location } = await fresh();
    await sql`insert into kysely_migration (name, timestamp) values ('9999-future', '2099')`.execute(db);
    await expect(openDatabase(location)).rejects.toThrow('newer visavis (it has 9999-future)');
  });

  it('a study of an earlier version keeps its assignments and votes; lost leases are called expired', async () => {
    const location = await empty();
    const old = connect(location);
    const { error } = await new Migrator({
      db: old,
      provider: { getMigrations: () => Promise.resolve(migrations) },
    }).migrateTo('0009-training-run');
    expect(error).toBeUndefined();
    for (const statement of earlierStudy) await sql.raw(statement).execute(old);
    await sql`insert into slot (seat_id, criterion, vote_id) values ('e1', 'general', 'v1'), ('e2', 'general', 'v2'),
              ('e3', 'general', null)`.execute(old);
    await old.destroy();
    if (!location.startsWith('postgres')) {
      expect((await rehearse(location)).migrations).toEqual([
        '0010-expired',
        '0011-lost-workers',
        '0012-tally',
        '0013-participant',
        '0014-access',
        '0015-page',
        '0016-own-key',
        '0017-visit',
        '0018-point',
        '0019-exclusion',
        '0020-archive',
        '0021-pairing',
        '0022-plan',
        '0023-account',
        '0024-share',
        '0025-image-index',
        '0026-job',
        '0027-connection',
        '0028-recruitment',
        '0029-extra-seats',
        '0030-questions',
        '0031-draft',
        '0032-comment',
        '0033-active',
        '0034-vote-changes',
        '0035-thumbnail',
      ]);
      expect(existsSync(`${location}.rehearsal`)).toBe(false);
    }
    const notes: string[] = [];
    const db = await openDatabase(location, (note) => notes.push(note));
    try {
      const copy = `${location}.before-0010-expired`;
      expect(notes).toEqual([
        isPostgres(db)
          ? 'The database is PostgreSQL and is migrated (0010-expired) without a backup: pg_dump makes one.'
          : `The database is migrated (0010-expired); a backup from before is at ${copy}.`,
      ]);
      if (!isPostgres(db)) {
        expect(statSync(copy).mode & 0o777).toBe(0o600);
        const before = connect(copy);
        const { rows } = await sql<{ state: string }>`select state from assignment where state = 'lost'`.execute(
          before,
        );
        await before.destroy();
        expect(rows).toHaveLength(2);
      }
      const states = await sql<{ id: string; state: string; voted: number }>`
        select id, state, voted from assignment order by id`.execute(db);
      expect(states.rows).toEqual([
        { id: 'x1', state: 'done', voted: 1 },
        { id: 'x2', state: 'expired', voted: 1 },
        { id: 'x3', state: 'expired', voted: 0 },
      ]);
      const votes = await sql<{ id: string; assignment_id: string }>`
        select id, assignment_id from vote order by id`.execute(db);
      expect(votes.rows).toEqual([
        { id: 'v1', assignment_id: 'x1' },
        { id: 'v2', assignment_id: 'x2' },
      ]);
      if (!isPostgres(db)) expect((await sql`pragma foreign_key_check`.execute(db)).rows).toEqual([]);
      await expect(sql`update assignment set state = 'lost' where id = 'x1'`.execute(db)).rejects.toThrow(/check/i);
      await expect(sql`update vote set assignment_id = 'nobody' where id = 'v1'`.execute(db)).rejects.toThrow(
        /foreign key/i,
      );
      expect((await sql`select * from pairing`.execute(db)).rows).toEqual([
        { study_id: 't', position: 0, model_a_id: 'a', model_b_id: 'b' },
      ]);
      expect((await sql`select id, study_id, pairing from pair`.execute(db)).rows).toEqual([
        { id: 'q', study_id: 't', pairing: 0 },
      ]);
      // A prompt is a pair once in each pairing.
      const again = (pairing: number) =>
        sql`insert into pair (id, study_id, prompt_id, render_a_id, render_b_id, position, pairing)
            values (${`again${pairing}`}, 't', 'p', 'ra', 'rb', 1, ${pairing})`.execute(db);
      await expect(again(0)).rejects.toThrow(/unique/i);
      await again(1);
      // What was counted before is in the tally; the empty slot is no row.
      expect(await recount(db, 't')).toEqual({ votes: 2, corrected: [] });
      expect((await sql`select * from slot`.execute(db)).rows).toHaveLength(2);
      // One person has one place at a pair: x2 has a vote, x3 has none and is expired.
      await expect(sql`update assignment set voted = 1 where id = 'x3'`.execute(db)).rejects.toThrow(/unique/i);
    } finally {
      await db.destroy();
    }
  });
});
