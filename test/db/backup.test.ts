/** @file A backup is whole, private and usable, or not there. */
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { copyDatabase } from '../../db/backup.ts';
import { openDatabase } from '../../db/open.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { castVote } from '../../server/study/votes.ts';
import { studySummary } from '../../server/study/summary.ts';
import { freshSqlite } from '../support/databases.ts';
import { temporaryFolder } from '../support/folders.ts';
import { openStudyOf } from '../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 1000 };

it('a backup under load holds every vote acknowledged before it, and voting goes on in it elsewhere', async () => {
  const { db } = await freshSqlite();
  const { token } = await openStudyOf(db, { pairs: 30, votesPerPair: 1, criteria: ['general'] });
  const ann = await joinStudy(db, { token, participant: 'ann' });
  let acknowledged = 0;
  const voteOnce = async () => {
    const assignment = (await nextAssignment(db, ann, times))!;
    const vote = {
      voteId: crypto.randomUUID(),
      assignmentId: assignment.id,
      criterion: 'general' as const,
      choice: 'left' as const,
      responseTimeMs: 1,
    };
    await castVote(db, ann, vote, times);
    acknowledged += 1;
  };
  for (let i = 0; i < 10; i++) await voteOnce();
  const file = join(temporaryFolder(), 'copy.db');
  const before = acknowledged;
  const writing = (async () => {
    for (let i = 0; i < 10; i++) await voteOnce();
  })();
  await copyDatabase(db, file);
  await writing;
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(existsSync(`${file}.part`)).toBe(false);
  const restored = await openDatabase(file);
  const { votes } = await studySummary(restored, 'study');
  expect(votes).toBeGreaterThanOrEqual(before);
  const bob = await joinStudy(restored, { token, participant: 'bob' });
  expect(await nextAssignment(restored, bob, times)).not.toBeNull();
  await restored.destroy();
});

it('what a killed backup left is no backup, and is replaced; an existing one is not', async () => {
  const { db } = await freshSqlite();
  const file = join(temporaryFolder(), 'copy.db');
  writeFileSync(`${file}.part`, 'half');
  await copyDatabase(db, file);
  expect(existsSync(`${file}.part`)).toBe(false);
  await expect(copyDatabase(db, file)).rejects.toThrow('exists already; a backup overwrites nothing');
});

it('where it cannot be written nothing is left', async () => {
  const { db } = await freshSqlite();
  const file = join(temporaryFolder(), 'none', 'copy.db');
  await expect(copyDatabase(db, file)).rejects.toThrow(`Cannot write ${file}`);
  mkdirSync(join(file, '..'));
  expect(existsSync(file)).toBe(false);
});
