/** @file A report, annotators' quality and a gallery that were computed before are what computing them anew gives. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Gallery } from '../../../contract/research.ts';
import { connect } from '../../../db/open.ts';
import { insertReward, insertScores } from '../../../db/queries/rewards.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { excludeAnnotator, includeAnnotator } from '../../../server/study/exclusions.ts';
import { galleryOf } from '../../../server/study/gallery.ts';
import { keptWith } from '../../../server/study/kept-results.ts';
import { changeState } from '../../../server/study/lifecycle.ts';
import { studyLive } from '../../../server/study/live.ts';
import { studyQuality } from '../../../server/study/quality.ts';
import { studyReport } from '../../../server/study/study-report.ts';
import { castVote, undoLast } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf } from '../../support/studies.ts';

it('computes once for the same votes and inputs, and again when one of them is another', () => {
  const votes = [{} as never];
  let computed = 0;
  const ask = (of: typeof votes, what: string, from: unknown[]) => keptWith(of, what, from, () => ++computed);
  expect([ask(votes, 'x', ['a', 1]), ask(votes, 'x', ['a', 1])]).toEqual([1, 1]);
  expect([ask(votes, 'x', ['a', 2]), ask(votes, 'x', ['a'])]).toEqual([2, 3]);
  expect([ask(votes, 'y', ['a']), ask([...votes], 'x', ['a']), ask(votes, 'x', ['a'])]).toEqual([4, 5, 3]);
});

onBothEngines('what is kept of a study', (fresh) => {
  it('follows every vote, every exclusion and the study’s state', async () => {
    const { db, location } = await fresh();
    const { token, name } = await openStudyOf(db, { pairs: 4, votesPerPair: 2, criteria: ['general'] });
    const times = { leaseMs: 60_000, graceMs: 5_000 };
    const now = 1_000_000;
    const all = async (of: typeof db) => ({
      report: await studyReport(of, name),
      quality: await studyQuality(of, name),
      quick: await studyQuality(of, name, { isQuick: true }),
      gallery: await galleryOf(of, name),
      live: await studyLive(of, name, now),
    });
    const told: unknown[] = [];
    const look = async () => {
      const kept = await all(db);
      expect(await all(db)).toEqual(kept);
      const another = connect(location);
      expect(kept).toEqual(await all(another));
      await another.destroy();
      told.push(kept);
    };
    const people = [];
    for (const participant of ['ann', 'bob', 'cyd']) people.push(await joinStudy(db, { token, participant }, now));
    await look();
    for (let turn = 0; turn < 6; turn++) {
      const person = people[turn % 3]!;
      const assignment = (await nextAssignment(db, person, times, now + turn))!;
      const vote = { assignmentId: assignment.id, criterion: 'general', responseTimeMs: 900 + turn };
      await castVote(
        db,
        person,
        { voteId: randomUUID(), ...vote, choice: turn % 2 === 0 ? 'left' : 'right' },
        times,
        now + turn,
      );
      await look();
    }
    await undoLast(db, people[0]!, times, now + 10);
    await look();
    await excludeAnnotator(db, name, 'bob', 'for the test');
    await look();
    await includeAnnotator(db, name, 'bob', undefined);
    await look();
    await changeState(db, name, 'closed');
    await look();
    const renders = await db.selectFrom('render').select('id').execute();
    const reward = { id: 'pick', name: 'pick', kind: 'pickscore' as const, networkSha256: 'n', createdAt: 1 };
    await insertReward(db, { ...reward, settings: {} });
    await insertScores(
      db,
      renders.map(({ id }, i) => ({ renderId: id, rewardId: 'pick', networkSha256: 'n', value: i, createdAt: 1 })),
    );
    await look();
    expect((told.at(-1) as { gallery: Gallery }).gallery.pairs[0]!.scores).toHaveLength(1);
    expect(JSON.stringify((told.at(-1) as { report: unknown }).report)).toContain('"reward":"pick"');
    // The first pairs alone have all of theirs.
    const first = (await galleryOf(db, name, 2)).pairs;
    expect(first.map(({ position, scores }) => [position, scores.length])).toEqual([
      [0, 1],
      [1, 1],
    ]);
    // Each step but two, which change neither votes nor who counts of what was before, says something else.
    const reports = told.map((each) => JSON.stringify((each as { report: unknown }).report));
    expect(new Set(reports).size).toBe(told.length - 2);
  });
});
