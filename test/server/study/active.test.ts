/** @file A study that draws its pairs while people vote: exactly as many as it says, each with its chance; on both engines. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ManyModelsReport } from '../../../contract/report.ts';
import type { Database } from '../../../db/open.ts';
import { studyFacts } from '../../../db/queries/immutable.ts';
import { lockDraws, setOdds } from '../../../db/queries/pool.ts';
import { listPairsWithPrompts } from '../../../db/queries/studies.ts';
import { inTransaction } from '../../../db/transactions.ts';
import { ImageStore } from '../../../evaluator/engine/images/store.ts';
import { bradleyTerry } from '../../../evaluator/statistics/bradley-terry.ts';
import { analyzeAny } from '../../../evaluator/votes/analyze.ts';
import { bundleStudy } from '../../../server/bundle/bundle.ts';
import { verifyBundle } from '../../../server/bundle/verify.ts';
import { chancesOf, drawPairs, renewOdds } from '../../../server/study/active.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { createStudy } from '../../../server/study/design.ts';
import { exportVotes } from '../../../server/study/exports.ts';
import { removeStudy } from '../../../server/study/removal.ts';
import { changeState } from '../../../server/study/lifecycle.ts';
import { parseStudyFile, studyFile, yamlOf } from '../../../server/study/study-file.ts';
import { studyReport } from '../../../server/study/study-report.ts';
import { studySummary } from '../../../server/study/summary.ts';
import { castVote } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { openStudyOf } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };
const models = ['ape', 'bee', 'cat'];

describe('the chance of each comparison', () => {
  it('is even by the random share, and by the odds for the rest; none where all were drawn', () => {
    const counts = [
      { drawn: 0, all: 9 },
      { drawn: 3, all: 9 },
      { drawn: 9, all: 9 },
    ];
    // .2/2 + .8·(3/4) and .2/2 + .8·(1/4).
    const chances = chancesOf(counts, [3, 1, 96], 0.2);
    expect(chances[0]).toBeCloseTo(0.7, 12);
    expect(chances[1]).toBeCloseTo(0.3, 12);
    expect(chances[2]).toBe(0);
    expect(chancesOf(counts, null, 0.2)).toEqual([0.5, 0.5, 0]);
    expect(chancesOf(counts, [0, 0, 1], 0.2)).toEqual([0.5, 0.5, 0]);
    expect(chancesOf(counts.slice(0, 2), [1, 0], 1)).toEqual([0.5, 0.5]);
  });
});

onBothEngines('an active study', (fresh) => {
  const setUp = async (db: Database, pairs = 12, random = 0.25) =>
    openStudyOf(db, { pairs: 10, models, criteria: ['general'], votesPerPair: 2, active: { pairs, random } });
  async function workThrough(db: Database, token: string, participant: string) {
    const person = await joinStudy(db, { token, participant });
    for (let count = 0; ; count++) {
      const assignment = await nextAssignment(db, person, times);
      if (assignment === null) return count;
      expect(assignment.total).toBe(12);
      const vote = { voteId: randomUUID(), assignmentId: assignment.id, criterion: 'general', responseTimeMs: 900 };
      await castVote(db, person, { ...vote, choice: count % 3 === 0 ? 'right' : 'left' }, times);
    }
  }
  const drawn = async (db: Database) => {
    const { id } = await db.selectFrom('study').select('id').where('name', '=', 'study').executeTakeFirstOrThrow();
    return { id, pairs: await listPairsWithPrompts(db, id) };
  };

  it('draws when somebody finds nothing, as many as it says, with k seats each and sides in turn', async () => {
    const { db } = await fresh();
    const { token } = await setUp(db);
    expect((await drawn(db)).pairs).toEqual([]);
    expect(await studySummary(db, 'study')).toMatchObject({ pairs: 12, votesNeeded: 24 });
    const ann = await joinStudy(db, { token, participant: 'ann' });
    await nextAssignment(db, ann, times);
    expect((await drawn(db)).pairs).toHaveLength(8);
    expect(await workThrough(db, token, 'ann')).toBe(12);
    expect((await drawn(db)).pairs.map(({ position }) => position)).toEqual([...Array(12).keys()]);
    expect(await workThrough(db, token, 'bob')).toBe(12);
    expect(await workThrough(db, token, 'cay')).toBe(0);
    expect(await studySummary(db, 'study')).toMatchObject({ votes: 24, votesNeeded: 24 });
    const { pairs } = await drawn(db);
    // Of a comparison no prompt comes twice.
    expect(new Set(pairs.map(({ pairing, promptId }) => `${pairing} ${promptId}`)).size).toBe(12);
    const sides = await db.selectFrom('seat').select(['pair_id', 'side_a']).execute();
    for (const { id } of pairs)
      expect(
        sides
          .filter((seat) => seat.pair_id === id)
          .map((seat) => seat.side_a)
          .sort(),
      ).toEqual(['left', 'right']);
    // Even draws so far: nobody computed odds.
    expect(pairs.every(({ drawWeight }) => drawWeight === 1)).toBe(true);
  });

  it('follows the odds, and weights say by how much', async () => {
    const { db } = await fresh();
    await setUp(db, 12, 0.1);
    const { id } = await drawn(db);
    await setOdds(db, id, [1, 0, 0]);
    const facts = await studyFacts(db, id);
    expect(await inTransaction(db, (tx) => drawPairs(tx, facts, 5))).toBe(5);
    const { pairs } = await drawn(db);
    // .1/3 + .9 for the first, .1/3 for the others; 1/3 were even.
    for (const { pairing, drawWeight } of pairs)
      expect(drawWeight).toBeCloseTo(1 / 3 / (pairing === 0 ? 0.1 / 3 + 0.9 : 0.1 / 3), 9);
    expect(pairs.filter(({ pairing }) => pairing === 0).length).toBeGreaterThanOrEqual(3);
    // The end is the end, whoever asks for more.
    expect(await inTransaction(db, (tx) => drawPairs(tx, facts, 50))).toBe(7);
    expect(await inTransaction(db, (tx) => drawPairs(tx, facts, 1))).toBe(0);
    expect((await lockDraws(db, id)).drawn).toBe(12);
  });

  it('draws many at once never more than it has, in whichever order they come', async () => {
    const { db } = await fresh();
    await setUp(db, 12);
    const { id } = await drawn(db);
    const facts = await studyFacts(db, id);
    const counts = await Promise.all(
      Array.from({ length: 10 }, () => inTransaction(db, (tx) => drawPairs(tx, facts, 2))),
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(12);
    expect((await drawn(db)).pairs.map(({ position }) => position)).toEqual([...Array(12).keys()]);
  });

  it('who draws at the same moment gets what is left', async () => {
    const { db } = await fresh();
    await setUp(db, 12);
    const facts = await studyFacts(db, (await drawn(db)).id);
    const counts = await Promise.all([8, 8, 8].map((count) => inTransaction(db, (tx) => drawPairs(tx, facts, count))));
    expect(counts.sort((x, y) => y - x)).toEqual([8, 4, 0]);
  });

  it('renews its odds from the votes, weights its ratings, and the export and the bundle say the same', async () => {
    const { db } = await fresh();
    const { token, dataFolder } = await setUp(db, 12);
    const { id } = await drawn(db);
    const ann = await joinStudy(db, { token, participant: 'ann' });
    const first = (await nextAssignment(db, ann, times))!;
    const vote = { voteId: randomUUID(), assignmentId: first.id, criterion: 'general', responseTimeMs: 900 };
    await castVote(db, ann, { ...vote, choice: 'left' }, times);
    await renewOdds(db);
    const { odds } = await lockDraws(db, id);
    expect(odds!.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    await workThrough(db, token, 'ann');
    await workThrough(db, token, 'bob');
    const { pairs } = await drawn(db);
    expect(pairs.some(({ drawWeight }) => drawWeight !== 1)).toBe(true);

    const report = (await studyReport(db, 'study')) as ManyModelsReport;
    expect(report.drawn).toBe(true);
    // The same ratings from the votes and the weights, with the fit alone.
    const rows = await db
      .selectFrom('vote as v')
      .innerJoin('assignment as x', 'x.id', 'v.assignment_id')
      .innerJoin('pair as p', 'p.id', 'x.pair_id')
      .select(['v.choice', 'x.side_a', 'p.pairing', 'p.draw_weight'])
      .execute();
    const compared = [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const;
    const battles = rows.map(({ choice, side_a, pairing: at, draw_weight }) => {
      const [a, b] = compared[at]!;
      const [left, right] = side_a === 'left' ? [a, b] : [b, a];
      return { left, right, winner: choice as 'left' | 'right', count: Number(draw_weight) };
    });
    const { ratings } = bradleyTerry(3, battles, { side: true, ties: 'half' });
    expect(report.ratings.map(({ rating }) => rating)).toEqual(
      ratings!.map(({ value }) => expect.closeTo(value, 9) as number),
    );

    const out = join(temporaryFolder(), 'votes.csv');
    const { content } = await exportVotes(db, 'study', { format: 'votes-csv', out, dataFolder });
    await writeFile(out, content);
    const again = (await analyzeAny(out)) as ManyModelsReport;
    expect(again.drawn).toBe(true);
    // In the order in which a file names the models.
    const byModel = ({ ratings: all }: ManyModelsReport) => [...all].sort((x, y) => (x.model < y.model ? -1 : 1));
    expect(byModel(again)).toEqual(byModel(report));
    const bundle = join(temporaryFolder(), 'study.zip');
    await bundleStudy(db, new ImageStore(dataFolder), 'study', { out: bundle, version: '1' });
    expect(await verifyBundle(bundle)).toMatchObject({ differences: [] });

    await changeState(db, 'study', 'closed');
    await removeStudy(db, 'study', 'study');
    expect(await db.selectFrom('pool').selectAll().execute()).toEqual([]);
  });

  it('is a part of the file, and refused where it cannot be', async () => {
    const { db } = await fresh();
    await setUp(db);
    const yaml = yamlOf(await studyFile(db, 'study'));
    expect(yaml).toContain('active:\n  pairs: 12\n  random: 0.25\n');
    expect(yamlOf(parseStudyFile(yaml, 'x'))).toBe(yaml);
    const design = { prompts: 'prompts', models, votesPerPair: 1, criteria: ['general'], ties: false, seed: 0 };
    const active = { pairs: 31, random: 0.25 };
    await expect(createStudy(db, { ...design, name: 'much', active })).rejects.toThrow(
      'there are 30 pairs to draw from',
    );
    await expect(
      createStudy(db, { ...design, name: 'two', models: ['ape', 'bee'], active: { pairs: 3, random: 0.25 } }),
    ).rejects.toThrow('three and more');
  });
});
