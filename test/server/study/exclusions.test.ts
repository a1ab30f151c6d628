/** @file Who is left out: both results, taken back to the bit, and a log that names nobody. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import type { VoteInput } from '../../../contract/annotate.ts';
import { analyze } from '../../../evaluator/votes/analyze.ts';
import { readAudit } from '../../../server/access/audit.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { excludeAnnotator, includeAnnotator } from '../../../server/study/exclusions.ts';
import { galleryOf, votesOnPair } from '../../../server/study/gallery.ts';
import { exportVotes } from '../../../server/study/exports.ts';
import { castVote } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { openStudyOf, reportOfTwo } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

onBothEngines('exclusions', (fresh) => {
  /** Four pairs of one vote each: ann gives two to A, bob two to B. */
  async function setUp() {
    const { db } = await fresh();
    const { token, dataFolder } = await openStudyOf(db, { pairs: 4, criteria: ['general'], votesPerPair: 1 });
    for (const [name, image] of [
      ['ann', 'a'],
      ['bob', 'b'],
    ] as const) {
      const person = await joinStudy(db, { token, participant: name });
      for (let i = 0; i < 2; i++) {
        const { id: assignmentId } = (await nextAssignment(db, person, times))!;
        const sideA = await sideOf(db, assignmentId);
        const choice = (image === 'a') === (sideA === 'left') ? 'left' : 'right';
        const vote = { voteId: randomUUID(), assignmentId, criterion: 'general', choice, responseTimeMs: 500 };
        await castVote(db, person, vote as VoteInput, times);
      }
    }
    return { db, dataFolder };
  }
  const sideOf = async (db: Database, id: string) =>
    (await db.selectFrom('assignment').select('side_a').where('id', '=', id).executeTakeFirstOrThrow()).side_a;

  it('leave votes out of every number, show both results, and can be taken back to the bit', async () => {
    const { db, dataFolder } = await setUp();
    const before = await reportOfTwo(db, 'study');
    expect(before.criteria[0]).toMatchObject({ wins: 2, losses: 2, incomplete: 0, winRate: { value: 0.5, n: 4 } });
    expect(before.withExcluded).toBeUndefined();

    await excludeAnnotator(db, 'study', 'bob', ' answered in his sleep ');
    const without = await reportOfTwo(db, 'study');
    expect(without.criteria[0]).toMatchObject({ wins: 2, losses: 0, incomplete: 2, winRate: { value: 1, n: 2 } });
    expect(without.withExcluded).toMatchObject({ annotators: 1, votes: 2 });
    expect(without.withExcluded!.criteria).toEqual(before.criteria);
    expect(without.annotators).toEqual([
      before.annotators[0],
      { ...before.annotators[1], excluded: true, excludedBecause: 'answered in his sleep' },
    ]);

    // The pairs are shown without them too; what they voted is told apart.
    const decisions = (await galleryOf(db, 'study')).pairs.map(({ criteria: [row] }) => row!.decision);
    expect(decisions.filter((decision) => decision === 'incomplete')).toHaveLength(2);
    const all = await Promise.all([0, 1, 2, 3].map((pair) => votesOnPair(db, 'study', pair)));
    expect(all.flatMap(({ votes }) => votes.map(({ annotator, status }) => `${annotator} ${status}`)).sort()).toEqual([
      'ann counted',
      'ann counted',
      'bob excluded',
      'bob excluded',
    ]);
    const out = join(temporaryFolder(), 'votes.csv');
    const exported = await exportVotes(db, 'study', { format: 'votes-csv', out, dataFolder });
    await writeFile(out, exported.content);
    expect((await analyze(out)).criteria).toEqual(without.criteria);

    await includeAnnotator(db, 'study', 'bob', undefined);
    expect(await reportOfTwo(db, 'study')).toEqual(before);
    await excludeAnnotator(db, 'study', 'bob', 'after all');
    const { entries, brokenAt } = await readAudit(db);
    expect(brokenAt).toBeNull();
    expect(entries.map(({ action }) => action).slice(-3)).toEqual(['study exclude', 'study include', 'study exclude']);
    expect(JSON.stringify(entries)).not.toContain('bob');
  });

  it('are refused twice, without a reason, and of nobody', async () => {
    const { db } = await setUp();
    await expect(includeAnnotator(db, 'study', 'ann', undefined)).rejects.toMatchObject({ code: 'conflict' });
    await expect(excludeAnnotator(db, 'study', 'ann', '  ')).rejects.toMatchObject({ code: 'bad-request' });
    await expect(excludeAnnotator(db, 'study', 'cay', 'x')).rejects.toMatchObject({ code: 'not-found' });
    await expect(excludeAnnotator(db, 'nowhere', 'ann', 'x')).rejects.toMatchObject({ code: 'not-found' });
    await excludeAnnotator(db, 'study', 'ann', 'x');
    await expect(excludeAnnotator(db, 'study', 'ann', 'x')).rejects.toMatchObject({ code: 'conflict' });
    expect(await db.selectFrom('exclusion').select('reason').execute()).toEqual([{ reason: 'x' }]);
  });
});
