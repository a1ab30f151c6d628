/** @file Studies on the command line: as files, copied, put away, with people left out. Slow: every case starts the program. */
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate';
import { expect, it, vi } from 'vitest';
import type { VoteInput } from '../../contract/annotate.ts';
import { openDatabase } from '../../db/open.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { excludeAnnotator } from '../../server/study/exclusions.ts';
import { castVote } from '../../server/study/votes.ts';
import { visavis } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { readQr } from '../support/qr.ts';
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

it('the link comes as a QR code and as the question of an MTurk HIT', async () => {
  const { folder, db, fixture, run } = await setUp();
  await db.destroy();
  const refused = await run('study', 'invite', 'study', '--mturk');
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('MTurk shows https pages alone')]);
  vi.stubEnv('VISAVIS_PUBLIC_URL', 'https://images.example.org');
  const url = `https://images.example.org/annotate/${fixture.token}`;
  const { stdout } = await run('study', 'invite', 'study', '--mturk', '--frame-height', '700');
  // As MTurk's developer guide shows the data structure.
  expect(stdout).toBe(
    `<?xml version="1.0" encoding="UTF-8"?>
<ExternalQuestion xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2006-07-14/ExternalQuestion.xsd">
  <ExternalURL>${url}</ExternalURL>
  <FrameHeight>700</FrameHeight>
</ExternalQuestion>
`,
  );
  expect(JSON.parse((await run('study', 'invite', 'study', '--mturk', '--json')).stdout)).toEqual({
    ...{ name: 'study', url },
    question: stdout.replace('700', '900'),
  });
  // What would be left out is refused by name.
  for (const [flags, why] of [
    [['--mturk', '--single', '2'], '--mturk has the link for all'],
    [['--single', '2', '--qr', join(folder, 'no.svg')], '--qr has the link for all'],
    [['--frame-height', '700'], '--frame-height goes with --mturk'],
  ] as const) {
    const { code, stderr } = await run('study', 'invite', 'study', ...flags);
    expect([code, stderr]).toEqual([2, expect.stringContaining(why)]);
  }
  const file = join(folder, 'link.svg');
  expect((await run('study', 'invite', 'study', '--qr', file)).stdout).toBe(`${url}\n`);
  vi.unstubAllEnvs();
  expect(await readQr(await readFile(file))).toBe(url);
}, 60_000);

it('MTurk’s file of results comes back with whom to approve', async () => {
  const { folder, db, fixture, run } = await setUp();
  for (const [participant, end] of [
    ['A1', 'finished'],
    ['A2', null],
    ['A3', 'finished'],
    ['A4', 'checks'],
    ['A6', 'finished'],
    ['A7', 'finished'],
  ] as const) {
    const { id } = await joinStudy(db, { token: fixture.token, participant });
    await db.updateTable('annotator').set({ end_reason: end }).where('id', '=', id).execute();
  }
  await excludeAnnotator(db, 'study', 'A7', 'random');
  await db.destroy();
  const results = join(folder, 'results.csv');
  const header = '"HITId","AssignmentId","WorkerId","AssignmentStatus","Answer.ended","Approve","Reject"';
  const rows = [
    '"H","1","A1","Submitted","finished, ""all""","",""',
    '"H","2","A2","Submitted","finished","",""',
    '"H","3","A3","Submitted","","","No."',
    '"H","4","A4","Submitted","checks","",""',
    '"H","5","A5","Submitted","finished","",""',
    '"H","6","A6","Approved","finished","",""',
    // The same people once more.
    '"H","7","A1","Submitted","finished","",""',
    '"H","8","A6","Submitted","finished","",""',
    '"H","9","A7","Submitted","finished","",""',
  ];
  await writeFile(results, `\uFEFF${[header, ...rows].join('\r\n')}\r\n`);
  const out = join(folder, 'reviewed.csv');
  const { code, stdout, stderr } = await run('study', 'mturk-review', 'study', results, '--out', out);
  expect([code, stdout]).toEqual([0, `${out}: 1 to approve, 6 left for you, 2 decided before.\n`]);
  expect(stderr).toContain('A2 has not finished.');
  expect(stderr).toContain('A4 ended by "checks".');
  expect(stderr).toContain('A5 is not known here.');
  expect(stderr).toContain('A1 has another assignment in this file.');
  expect(stderr).toContain('A7 is left out of the results.');
  expect(stderr).toContain('A6 has another assignment in this file.');
  const expected = [header, rows[0]!.replace(/"",""$/, '"x",""'), ...rows.slice(1)];
  expect(await readFile(out, 'utf8')).toBe(`${expected.join('\n')}\n`);
  const { code: refused, stderr: why } = await run('study', 'mturk-review', 'study', join(folder, 'x'), '--out', out);
  expect([refused, why]).toEqual([2, expect.stringContaining('There is no file')]);
}, 60_000);

it('a study is deleted only when it is closed and its name is typed', async () => {
  const { db, run } = await setUp();
  await db.destroy();
  const open = await run('study', 'delete', 'study', '--confirm', 'study');
  expect([open.code, open.stderr]).toEqual([2, expect.stringContaining('is open; close it first')]);
  await run('study', 'close', 'study');
  const other = await run('study', 'delete', 'study', '--confirm', 'studio');
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('Type the study\'s name, "study"')]);
  expect((await run('study', 'delete', 'study', '--confirm', 'study')).stdout).toBe(
    '"study" is deleted, with 0 votes.\n',
  );
  expect((await run('study', 'show', 'study')).stderr).toContain('There is no study named "study"');
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
