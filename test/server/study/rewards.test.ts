/** @file Rewards beside people's votes: what they are worth where prompts without votes are scored. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import { pairOfAssignment } from '../../../db/queries/assignments.ts';
import { insertReward, insertScores } from '../../../db/queries/rewards.ts';
import { listOtherScores } from '../../../db/queries/studies.ts';
import { ImageStore } from '../../../evaluator/engine/images/store.ts';
import { bundleStudy } from '../../../server/bundle/bundle.ts';
import { verifyBundle } from '../../../server/bundle/verify.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { castVote } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { openStudyOf, reportOfTwo } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

/** Every render gets a score: A's more than B's where `favours` says so of the prompt's position. */
async function scoreAll(db: Database, reward: string, favours: (position: number) => boolean): Promise<void> {
  await insertReward(db, {
    id: reward,
    name: reward,
    kind: 'pickscore',
    settings: {},
    networkSha256: 'n',
    createdAt: 1,
  });
  const renders = await db
    .selectFrom('render as r')
    .innerJoin('prompt as q', 'q.id', 'r.prompt_id')
    .innerJoin('model as m', 'm.id', 'r.model_id')
    .select(['r.id', 'q.position', 'm.name'])
    .execute();
  const rows = renders.map(({ id, position, name }) => ({
    renderId: id,
    rewardId: reward,
    networkSha256: 'n',
    value: (name === 'aardvark') === favours(position) ? 2 : 1,
    createdAt: 1,
  }));
  await insertScores(db, rows);
}

onBothEngines('a reward', (fresh) => {
  it('is worth what its scores of other prompts add; a bundle carries them', async () => {
    const { db } = await fresh();
    const design = { pairs: 60, promptSample: 20, votesPerPair: 1, criteria: ['general' as const] };
    const { token, dataFolder } = await openStudyOf(db, design);
    await scoreAll(db, 'pick', (position) => position % 3 > 0);
    const study = await db.selectFrom('study').select('id').executeTakeFirstOrThrow();
    const others = await listOtherScores(db, study.id);
    expect(others).toHaveLength(40);
    expect(others[0]).toMatchObject({ reward: 'pick', pairing: 0 });
    // Of another seed it is no pair.
    const outside = await db
      .selectFrom('render as r')
      .innerJoin('model as m', 'm.id', 'r.model_id')
      .select('r.id')
      .where('m.name', '=', 'aardvark')
      .where('r.prompt_id', 'not in', db.selectFrom('pair').select('prompt_id'))
      .orderBy('r.id')
      .executeTakeFirstOrThrow();
    await db.updateTable('render').set({ seed: 7 }).where('id', '=', outside.id).execute();
    expect(await listOtherScores(db, study.id)).toHaveLength(39);
    await db.updateTable('render').set({ seed: 0 }).where('id', '=', outside.id).execute();
    const before = await reportOfTwo(db, 'study');
    expect(before.rewards[0]!.byCriterion[0]!.predictionPowered).toMatchObject({ value: null, others: 60, n: 0 });

    // People agree with the reward on all but the first pair that they see.
    const positions = new Map(
      (
        await db
          .selectFrom('pair as p')
          .innerJoin('prompt as q', 'q.id', 'p.prompt_id')
          .select(['p.position', 'q.position as prompt'])
          .execute()
      ).map(({ position, prompt }) => [position, prompt]),
    );
    const person = await joinStudy(db, { token, participant: 'ann' });
    let forA = 0;
    let scoredForA = 0;
    for (let seen = 0; seen < 15; seen++) {
      const given = (await nextAssignment(db, person, times))!;
      const { pair, sideA } = await pairOfAssignment(db, given.id);
      const says = positions.get(pair)! % 3 > 0;
      const isForA = says !== (seen === 0);
      forA += Number(isForA);
      scoredForA += Number(says);
      const other = sideA === 'left' ? ('right' as const) : ('left' as const);
      const vote = { voteId: randomUUID(), assignmentId: given.id, criterion: 'general' as const, responseTimeMs: 900 };
      await castVote(db, person, { ...vote, choice: isForA ? sideA : other }, times);
    }
    const report = await reportOfTwo(db, 'study');
    const powered = report.rewards[0]!.byCriterion[0]!.predictionPowered;
    // Five pairs of the study are open, forty prompts are not in it.
    expect(powered).toMatchObject({ n: 15, others: 45 });
    // The reward's share on all sixty is ⅔, of which it scored the labelled ones itself.
    const [mean, scored, rest] = [forA / 15, scoredForA / 15, (40 - scoredForA) / 45];
    expect(powered.value).toBeCloseTo(mean + powered.lambda! * (rest - scored), 10);
    expect(powered.lambda).toBeGreaterThan(0.3);
    expect(powered.worth).toBeGreaterThan(5);
    expect(powered.says).toBe(
      `Its scores of 45 pairs without votes are worth ${Math.round(powered.worth!)} more decided pairs.`,
    );

    const out = join(temporaryFolder(), 'study.zip');
    await bundleStudy(db, new ImageStore(dataFolder), 'study', { out, version: '9.9.9' });
    expect((await verifyBundle(out)).differences).toEqual([]);
  });

  it('adds nothing where it has scored nothing else', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, { pairs: 3, votesPerPair: 1, criteria: ['general'] });
    await scoreAll(db, 'pick', () => true);
    const person = await joinStudy(db, { token, participant: 'ann' });
    for (let given = await nextAssignment(db, person, times); given; given = await nextAssignment(db, person, times))
      await castVote(
        db,
        person,
        { voteId: randomUUID(), assignmentId: given.id, criterion: 'general', choice: 'left', responseTimeMs: 900 },
        times,
      );
    const { says, why, value } = (await reportOfTwo(db, 'study')).rewards[0]!.byCriterion[0]!.predictionPowered;
    expect([value, why]).toEqual([null, 'it has scored no pairs without votes']);
    expect(says).toBe('The reward adds nothing to the votes: it has scored no pairs without votes.');
  });
});
