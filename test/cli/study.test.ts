/** @file Studies on the command line: as files, copied, put away, with people left out. Slow: every case starts the program. */
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate';
import { expect, it } from 'vitest';
import type { VoteInput } from '../../contract/annotate.ts';
import { openDatabase } from '../../db/open.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { castVote } from '../../server/study/votes.ts';
import { visavis } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { openStudyOf } from '../support/studies.ts';

async function setUp() {
  const folder = temporaryFolder();
  const db = await openDatabase(join(folder, 'visavis.db'));
  const fixture = await openStudyOf(db, {
    pairs: 6,
    dataFolder: folder,
    criteria: ['general'],
    votesPerPair: 1,
    seed: 5,
  });
  return { folder, db, fixture, run: (...argv: string[]) => visavis(folder, ...argv) };
}

it('a study goes out as a file and comes in again; a copy has the same pairs', async () => {
  const { folder, db, run } = await setUp();
  const { stdout: yaml } = await run('study', 'show', 'study', '--yaml');
  expect(yaml).toMatch(/^name: study\npromptSet: prompts\nmodelA: aardvark\n/);
  const file = join(folder, 'study.yaml');
  await writeFile(file, yaml.replace('name: study', 'name: again'));
  expect((await run('study', 'create', '--from', file)).code).toBe(0);
  expect((await run('study', 'show', 'again', '--yaml')).stdout).toBe(yaml.replace('name: study', 'name: again'));
  const copy = await run('study', 'copy', 'study', 'third', '--json');
  expect(JSON.parse(copy.stdout)).toEqual({
    name: 'third',
    copyOf: 'study',
    state: 'draft',
    pairs: 6,
    samePairs: true,
  });
  const shown = async (name: string) =>
    (
      await db
        .selectFrom('pair as p')
        .innerJoin('study as s', 's.id', 'p.study_id')
        .select('p.render_a_id')
        .where('s.name', '=', name)
        .orderBy('p.position')
        .execute()
    ).map((row) => row.render_a_id);
  expect(await shown('third')).toEqual(await shown('study'));
  // A file under another name says so; what the file says itself cannot be said beside.
  expect((await run('study', 'create', 'fourth', '--from', file)).stderr).toContain('calls the study "again"');
  const clash = await run('study', 'create', '--from', file, '--votes', '5');
  expect([clash.code, clash.stderr]).toEqual([2, expect.stringContaining('--votes does not go with --from') as string]);
  await writeFile(file, `${yaml}colour: red\n`);
  const unknown = await run('study', 'create', '--from', file);
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('"colour"') as string]);
  expect((await run('study', 'create')).stderr).toContain('A study needs a name');
  expect((await run('study', 'create', '--from', join(folder, 'none.yaml'))).stderr).toContain('cannot be read');
  await db.destroy();
}, 60_000);

it('a study is put away only when nobody votes, and out of lists alone', async () => {
  const { db, run } = await setUp();
  const names = async (...argv: string[]) =>
    (JSON.parse((await run('study', 'list', '--json', ...argv)).stdout) as { name: string }[]).map(({ name }) => name);
  expect((await run('study', 'archive', 'study')).stderr).toContain('is open; close it first');
  await run('study', 'close', 'study');
  expect((await run('study', 'archive', 'study')).code).toBe(0);
  expect([await names(), await names('--all')]).toEqual([[], ['study']]);
  expect((await run('report', 'study')).code).toBe(0);
  expect((await run('study', 'open', 'study')).stderr).toContain('is archived');
  expect((await run('study', 'archive', 'study', '--undo')).code).toBe(0);
  expect(await names()).toEqual(['study']);
  await db.destroy();
}, 60_000);

it('somebody is left out with a reason, and the report prints both results', async () => {
  const { db, fixture, run } = await setUp();
  const times = { leaseMs: 60_000, graceMs: 5_000 };
  for (const participant of ['ann', 'bob']) {
    const person = await joinStudy(db, { token: fixture.token, participant });
    for (let i = 0; i < 3; i++) {
      const { id: assignmentId } = (await nextAssignment(db, person, times))!;
      const vote = { voteId: randomUUID(), assignmentId, criterion: 'general', choice: 'left', responseTimeMs: 500 };
      await castVote(db, person, vote as VoteInput, times);
    }
  }
  await db.destroy();
  expect((await run('study', 'exclude', 'study', 'bob')).stderr).toContain('--reason');
  expect((await run('study', 'exclude', 'study', 'bob', '--reason', 'always left')).code).toBe(0);
  const { stdout } = await run('report', 'study');
  expect(stdout).toContain('Left out of everything above');
  expect(stdout).toContain('always left');
  const json = JSON.parse((await run('report', 'study', '--json')).stdout) as {
    annotators: { id: string; excluded: boolean }[];
    withExcluded: { votes: number };
  };
  expect(json.annotators.map(({ id, excluded }) => [id, excluded])).toEqual([
    ['ann', false],
    ['bob', true],
  ]);
  expect(json.withExcluded.votes).toBe(3);
  expect((await run('study', 'include', 'study', 'bob')).code).toBe(0);
  expect((await run('report', 'study')).stdout).not.toContain('Left out');
}, 60_000);

it('links for single people are as many as asked, and no two alike', async () => {
  const { db, fixture, run } = await setUp();
  await db.destroy();
  const { stdout } = await run('study', 'invite', 'study', '--single', '5');
  const rows: { participant: string; url: string }[] = parse(stdout, { columns: true });
  expect(new Set(rows.map(({ participant }) => participant)).size).toBe(5);
  for (const { participant, url } of rows)
    expect(url).toMatch(new RegExp(`/annotate/${fixture.token}\\?participant=${participant}$`));
}, 60_000);

it('a bundle is verified with exit code 0, and one that was changed with 3', async () => {
  const { folder, db, fixture, run } = await setUp();
  const person = await joinStudy(db, { token: fixture.token, participant: 'ann' });
  const { id: assignmentId } = (await nextAssignment(db, person, { leaseMs: 60_000, graceMs: 5_000 }))!;
  const vote = { voteId: randomUUID(), assignmentId, criterion: 'general', choice: 'left', responseTimeMs: 500 };
  await castVote(db, person, vote as VoteInput, { leaseMs: 60_000, graceMs: 5_000 });
  await db.destroy();
  const file = join(folder, 'study.zip');
  expect((await run('bundle', 'study', file, '--images')).code).toBe(0);
  const whole = await run('verify', file, '--json');
  expect([whole.code, JSON.parse(whole.stdout)]).toMatchObject([0, { votes: 1, images: 12, differences: [] }]);
  const files = unzipSync(await readFile(file));
  const votes = strFromU8(files['votes.jsonl']!).replace('"counted"', '"surplus"');
  await writeFile(file, zipSync({ ...files, 'votes.jsonl': strToU8(votes) }));
  const changed = await run('verify', file);
  expect(changed.code).toBe(3);
  expect(changed.stdout).toContain('votes.jsonl is not the file that was bundled');
  expect((await run('verify', join(folder, 'visavis.db'))).code).toBe(2);
}, 60_000);
