/**
 * @file What one vote costs PostgreSQL, and what that depends on: statements, commits, bytes of its log and of its tables; votes a
 * second in one study and in four at once; and the same beside 90,000 votes of another study. The domain's functions are called
 * as a server calls them, without sockets. docs/scale-out.md computes with these numbers.
 * Run: npx tsx test/bench/scale.ts [--seconds 15]
 */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { sql } from 'kysely';
import pg from 'pg';
import type { VoteInput } from '../../contract/annotate.ts';
import { openDatabase, type Database } from '../../db/open.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { createStudy } from '../../server/study/design.ts';
import { changeState } from '../../server/study/lifecycle.ts';
import { castVote } from '../../server/study/votes.ts';
import { startPostgres } from '../support/postgres.ts';
import { openStudyOf } from '../support/studies.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '15' } } });
const times = { leaseMs: 900_000, graceMs: 60_000, newcomerMs: 60_000 };
const people = 24;

let statements = 0;
const query = pg.Client.prototype.query as (...argv: unknown[]) => unknown;
pg.Client.prototype.query = function (this: pg.Client, ...argv: unknown[]) {
  statements += 1;
  return query.apply(this, argv);
} as typeof pg.Client.prototype.query;

const postgres = (await startPostgres({ durable: true }))!;
try {
  const db = await openDatabase(postgres.url);
  const begun = performance.now();
  const { token: first } = await openStudyOf(db, { pairs: 10_000 });
  const design = {
    ...{ prompts: 'prompts', models: ['aardvark', 'buffalo'], votesPerPair: 3, ties: false },
    ...{ criteria: ['appeal', 'general', 'alignment'], limit: 10_000 },
  };
  const open = async (name: string) => {
    const { study } = await createStudy(db, { ...design, name, seed: 1 } as Parameters<typeof createStudy>[1]);
    await changeState(db, name, 'open');
    return study.inviteToken;
  };
  console.log(`10,000 pairs of one study made in ${((performance.now() - begun) / 1000).toFixed(1)} s`);

  const one = await measure(db, 'one study', [await open('one')]);
  const four = await measure(db, 'four at once', await Promise.all(['a', 'b', 'c', 'd'].map(open)));
  const before = performance.now();
  await fill(db, first);
  console.log(`90,000 votes put beside them in ${((performance.now() - before) / 1000).toFixed(1)} s`);
  const beside = await measure(db, 'one study beside them', [await open('later')]);
  console.log(
    `four studies at once: ${(four.rate / one.rate).toFixed(2)} × the votes a second of one; beside 90,000 votes: ${(beside.rate / one.rate).toFixed(2)} × the rate, ${(beside.log / one.log).toFixed(2)} × the log a vote`,
  );
  await db.destroy();
} finally {
  postgres.remove();
}

async function measure(db: Database, what: string, tokens: readonly string[]) {
  await sql.raw('checkpoint').execute(db);
  const read = async () => {
    const { rows } = await sql<{ log: string; size: string; commits: string }>`
      select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') as log, pg_database_size(current_database()) as size,
             (select xact_commit from pg_stat_database where datname = current_database()) as commits`.execute(db);
    return { log: Number(rows[0]!.log), size: Number(rows[0]!.size), commits: Number(rows[0]!.commits) };
  };
  const [start, asked, cpu] = [await read(), statements, process.cpuUsage()];
  const until = performance.now() + 1000 * Number(values.seconds);
  let votes = 0;
  const answer = async (token: string, i: number) => {
    const person = await joinStudy(db, { token, participant: `${what} ${i}` });
    while (performance.now() < until) {
      const given = await nextAssignment(db, person, times);
      if (given === null) throw new Error('The study is too small.');
      for (const criterion of given.criteria) {
        const vote = { voteId: randomUUID(), assignmentId: given.id, criterion, choice: 'left', responseTimeMs: 900 };
        await castVote(db, person, vote as VoteInput, times);
        votes += 1;
      }
    }
  };
  const each = Array.from({ length: people }, (_, i) => answer(tokens[i % tokens.length]!, i));
  await Promise.all(each);
  // The statistics come a moment later.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const [end, used] = [await read(), process.cpuUsage(cpu)];
  const rate = votes / Number(values.seconds);
  const log = (end.log - start.log) / votes;
  console.log(
    `${what}: ${rate.toFixed(0)} votes/s of ${people} people, ${((statements - asked) / votes).toFixed(1)} statements, ${((end.commits - start.commits) / votes).toFixed(2)} commits, ${(log / 1024).toFixed(2)} KiB of log and ${((end.size - start.size) / votes / 1024).toFixed(2)} KiB of tables a vote, ${((used.user + used.system) / 1000 / votes).toFixed(2)} ms of the server's CPU`,
  );
  return { rate, log };
}

/** Every seat of a study has its votes, written straight into the tables. */
async function fill(pool: Database, token: string): Promise<void> {
  await pool.transaction().execute(async (db) => {
    // The usual limit of a statement is for people who wait.
    await sql.raw('set local statement_timeout = 0').execute(db);
    const { id } = await db
      .selectFrom('study')
      .select('id')
      .where('invite_token', '=', token)
      .executeTakeFirstOrThrow();
    await sql`insert into annotator (id, study_id, population, participant, created_at)
            select 'early' || i, ${id}, 'people', 'early' || i, 1 from generate_series(0, 2999) i`.execute(db);
    await sql`insert into assignment (id, study_id, pair_id, seat_id, annotator_id, side_a, state, voted, created_at, expires_at)
            select 'x' || id, study_id, pair_id, id, 'early' || (3 * (position % 1000) + seat_index), side_a, 'done', 1, 1, 2
            from seat where study_id = ${id}`.execute(db);
    await sql`insert into vote (id, study_id, assignment_id, annotator_id, seat_id, criterion, choice, response_time_ms, counted,
                              remaining, created_at)
            select 'v' || a.id || c.name, a.study_id, a.id, a.annotator_id, a.seat_id, c.name, 'left', 900, 1, '[]', 1
            from assignment a,
                 (select 'appeal' as name union all select 'general' union all select 'alignment') c
            where a.study_id = ${id}`.execute(db);
  });
  await sql.raw('analyze').execute(pool);
}
