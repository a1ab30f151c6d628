/** @file Studies of three and more models: one link, every two models' pairs mixed, a report for each two and all on one scale. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import { listPairings, listPairs, listPairsWithPrompts } from '../../../db/queries/studies.ts';
import type { ManyModelsReport } from '../../../contract/report.ts';
import { isOfMany } from '../../../evaluator/votes/models.ts';
import { ImageStore } from '../../../evaluator/engine/images/store.ts';
import { analyzeAny } from '../../../evaluator/votes/analyze.ts';
import { bundleStudy } from '../../../server/bundle/bundle.ts';
import { verifyBundle } from '../../../server/bundle/verify.ts';
import { simulate } from '../../../server/simulation/simulate.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { createStudy, type StudyDesign } from '../../../server/study/design.ts';
import { excludeAnnotator } from '../../../server/study/exclusions.ts';
import { exportVotes } from '../../../server/study/exports.ts';
import { changeState } from '../../../server/study/lifecycle.ts';
import { designOf, parseStudyFile, studyFile, yamlOf } from '../../../server/study/study-file.ts';
import { studyReport } from '../../../server/study/study-report.ts';
import { studySummary } from '../../../server/study/summary.ts';
import { castVote } from '../../../server/study/votes.ts';
import { pairOfAssignment } from '../../../db/queries/assignments.ts';
import { serverConfig } from '../../../server/config.ts';
import { freshSqlite, onBothEngines } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { addRenderedModel, openStudyOf } from '../../support/studies.ts';

const models = ['ape', 'bee', 'cat'];
const times = { leaseMs: 60_000, graceMs: 5_000 };

async function reportOfMany(db: Database, name: string): Promise<ManyModelsReport> {
  const report = await studyReport(db, name);
  if (!isOfMany(report)) throw new Error('it is of two models');
  return report;
}

/** Everybody votes until nothing is left; `prefers` says which of a pairing's models. */
async function voteAll(
  db: Database,
  token: string,
  people: string[],
  prefers: (pairing: number, pair: number) => 'a' | 'b',
) {
  for (const participant of people) {
    const person = await joinStudy(db, { token, participant });
    for (
      let given = await nextAssignment(db, person, times);
      given !== null;
      given = await nextAssignment(db, person, times)
    ) {
      const { pair, pairing, sideA } = await pairOfAssignment(db, given.id);
      const other = sideA === 'left' ? ('right' as const) : ('left' as const);
      for (const criterion of given.criteria) {
        const choice = prefers(pairing, pair) === 'a' ? sideA : other;
        await castVote(
          db,
          person,
          { voteId: randomUUID(), assignmentId: given.id, criterion, choice, responseTimeMs: 900 },
          times,
        );
      }
    }
  }
}

onBothEngines('a study of three models', (fresh) => {
  it('shows every two of them on every prompt, mixed, each pairing’s sides balanced', async () => {
    const { db } = await fresh();
    await openStudyOf(db, { pairs: 12, models, criteria: ['general'] });
    const study = await db.selectFrom('study').select('id').executeTakeFirstOrThrow();
    const names = (await listPairings(db, study.id)).map(({ modelA, modelB }) => [modelA, modelB]);
    expect(names).toEqual([
      ['ape', 'bee'],
      ['ape', 'cat'],
      ['bee', 'cat'],
    ]);
    const pairs = await listPairs(db, study.id);
    expect(pairs.map(({ position }) => position)).toEqual([...Array(36).keys()]);
    const rows = await db
      .selectFrom('pair as p')
      .innerJoin('render as a', 'a.id', 'p.render_a_id')
      .innerJoin('render as b', 'b.id', 'p.render_b_id')
      .innerJoin('model as m', 'm.id', 'a.model_id')
      .innerJoin('model as n', 'n.id', 'b.model_id')
      .select(['p.pairing', 'p.prompt_id', 'm.name as a', 'n.name as b'])
      .orderBy('p.position')
      .execute();
    for (const row of rows) expect([row.a, row.b]).toEqual(names[row.pairing]);
    for (const pairing of [0, 1, 2])
      expect(new Set(rows.filter((row) => row.pairing === pairing).map((row) => row.prompt_id)).size).toBe(12);
    // Mixed: a third of the order has all of them.
    expect(new Set(rows.slice(0, 12).map(({ pairing }) => pairing)).size).toBe(3);
    const seats = await db
      .selectFrom('seat as s')
      .innerJoin('pair as p', 'p.id', 's.pair_id')
      .select(['p.pairing', 's.side_a'])
      .execute();
    for (const pairing of [0, 1, 2]) {
      const own = seats.filter((seat) => seat.pairing === pairing);
      expect(own.filter(({ side_a }) => side_a === 'left')).toHaveLength(own.length / 2);
    }
  });

  it('is reported on two by two and on one scale, with and without who is left out; file, votes and bundle agree', async () => {
    const { db } = await fresh();
    const { token, dataFolder } = await openStudyOf(db, { pairs: 10, models, votesPerPair: 1, criteria: ['general'] });
    // ape beats bee on all but the first two pairs that are asked, bee beats cat, and cat beats ape: a circle.
    const asked = [0, 0, 0];
    await voteAll(db, token, ['ann'], (pairing) => {
      const isAmongFirst = ++asked[pairing]! <= 2;
      return (pairing === 1) === isAmongFirst ? 'a' : 'b';
    });
    const report = await reportOfMany(db, 'study');
    expect(report).not.toHaveProperty('modelA');
    expect(report).not.toHaveProperty('criteria');
    expect(report.models).toEqual(models);
    // By hand: 8 of 10 each.
    expect(
      report.pairings.map(({ modelA, modelB, criteria }) => [modelA, modelB, criteria[0]!.wins, criteria[0]!.losses]),
    ).toEqual([
      ['ape', 'bee', 8, 2],
      ['ape', 'cat', 2, 8],
      ['bee', 'cat', 8, 2],
    ]);
    expect(report.matrix).toEqual([
      {
        criterion: 'general',
        winRates: [
          [null, 0.8, 0.2],
          [expect.closeTo(0.2, 12), null, 0.8],
          [0.8, expect.closeTo(0.2, 12), null],
        ],
      },
    ]);
    expect(report.cycles).toEqual([{ criterion: 'general', models: ['ape', 'bee', 'cat'] }]);
    // A circle has no order: all are as strong.
    for (const { rating } of report.ratings) expect(rating).toBeCloseTo(0, 6);
    expect(report.annotators.map(({ id, votes }) => [id, votes])).toEqual([['ann', 30]]);
    expect(await studySummary(db, 'study')).toMatchObject({ models, pairs: 30, votesNeeded: 30, votes: 30 });
    expect(await studySummary(db, 'study')).not.toHaveProperty('modelA');

    for (const [format, name] of [
      ['votes-csv', 'v.csv'],
      ['votes-parquet', 'v.parquet'],
      ['arena', 'v.jsonl'],
      ['pick-a-pic', 'v.csv'],
    ] as const) {
      const out = join(temporaryFolder(), name);
      await writeFile(out, (await exportVotes(db, 'study', { format, out, dataFolder })).content);
      const read = await analyzeAny(out);
      if (!isOfMany(read)) throw new Error(`${format} is of two models`);
      for (const { modelA, modelB, criteria } of report.pairings)
        expect(
          read.pairings.find((each) => each.modelA === modelA && each.modelB === modelB)?.criteria,
          format,
        ).toEqual(criteria);
      for (const own of report.ratings) {
        const { rating, low } = read.ratings.find(({ model }) => model === own.model)!;
        expect([rating, low]).toEqual([own.rating, own.low]);
      }
    }
    const out = join(temporaryFolder(), 'study.zip');
    await bundleStudy(db, new ImageStore(dataFolder), 'study', { out, version: '9.9.9' });
    expect((await verifyBundle(out)).differences).toEqual([]);

    await excludeAnnotator(db, 'study', 'ann', 'asleep');
    const without = await reportOfMany(db, 'study');
    expect(without.pairings[0]!.criteria[0]).toMatchObject({ decided: 0, incomplete: 10 });
    expect(without.withExcluded).toMatchObject({ annotators: 1, votes: 30 });
    expect(without.withExcluded!.pairings[0]!.criteria[0]).toMatchObject({ wins: 8, losses: 2 });
    expect(without.annotators).toMatchObject([{ id: 'ann', excluded: true, excludedBecause: 'asleep' }]);
  });

  it('or each against one; the file says which', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, { pairs: 4, models, against: 'bee', votesPerPair: 1 });
    const { id } = await db.selectFrom('study').select('id').executeTakeFirstOrThrow();
    expect((await listPairings(db, id)).map(({ modelA, modelB }) => [modelA, modelB])).toEqual([
      ['ape', 'bee'],
      ['cat', 'bee'],
    ]);
    await voteAll(db, token, ['ann'], () => 'a');
    const report = await reportOfMany(db, 'study');
    expect(report.models).toEqual(['ape', 'cat', 'bee']);
    expect(report.matrix[0]!.winRates).toEqual([
      [null, null, 1],
      [null, null, 1],
      [0, 0, null],
    ]);
    const text = yamlOf(await studyFile(db, 'study'));
    expect(text).toContain('models:\n  - ape\n  - cat\n  - bee\nagainst: bee\n');
    expect(text).not.toContain('modelA');
    const again = await createStudy(db, { ...designOf(parseStudyFile(text, 'study.yaml')), name: 'again' });
    expect(again.pairings.map(({ modelA, modelB, pairs }) => [modelA, modelB, pairs])).toEqual([
      ['ape', 'bee', 4],
      ['cat', 'bee', 4],
    ]);
    const order = async (study: string) =>
      (await listPairsWithPrompts(db, study)).map(({ prompt, pairing }) => `${pairing} ${prompt}`);
    expect(await order(again.study.id)).toEqual(await order(id));
    for (const [change, message] of [
      ['modelA: ape\n', 'models: stands instead of modelA and modelB'],
      ['against: dog\n', 'against: is none of the models'],
    ] as const)
      expect(() => parseStudyFile(`name: x\npromptSet: y\nmodels: [ape, bee, cat]\n${change}`, 'f.yaml')).toThrow(
        message,
      );
    expect(() => parseStudyFile('name: x\npromptSet: y\nmodelA: ape\n', 'f.yaml')).toThrow(
      'modelB: is needed, or models',
    );
  });
});

it('a prompt that one model lacks is a pair of the others, but in no sample', async () => {
  const { db } = await freshSqlite();
  await openStudyOf(db, { pairs: 6, models: ['ape', 'bee'] });
  const images = new ImageStore(temporaryFolder());
  await addRenderedModel(db, images, {
    name: 'cat',
    prompts: 'prompts',
    colour: [30, 200, 30],
    seedsOf: (position) => (position < 2 ? [] : [0]),
  });
  const design: StudyDesign = {
    name: 'all',
    prompts: 'prompts',
    models,
    votesPerPair: 1,
    criteria: ['general'],
    ties: false,
    seed: 0,
  };
  const all = await createStudy(db, design);
  expect(all.pairings.map(({ pairs }) => pairs)).toEqual([6, 4, 4]);
  expect(all.missing).toEqual([
    { prompt: 'prompt 0', models: ['cat'] },
    { prompt: 'prompt 1', models: ['cat'] },
  ]);
  const sample = await createStudy(db, { ...design, name: 'sample', promptSample: 3 });
  expect(sample.pairings.map(({ pairs }) => pairs)).toEqual([3, 3, 3]);
  const rows = await listPairsWithPrompts(db, sample.study.id);
  expect(new Set(rows.map(({ prompt }) => prompt)).size).toBe(3);
  await expect(createStudy(db, { ...design, name: 'none', models: ['ape', 'dog', 'bee'] })).rejects.toThrow(
    'no model named "dog"',
  );
});

it('simulated annotators prefer each pairing’s model A at the rate that was asked', async () => {
  const { db } = await freshSqlite();
  const { dataFolder } = await openStudyOf(db, { pairs: 100, models, criteria: ['general'] });
  const { votes } = await simulate(db, {
    study: 'study',
    annotators: 12,
    winRate: 0.646,
    seed: 3,
    config: serverConfig({ data: dataFolder }),
  });
  expect(votes).toBe(900);
  const report = await reportOfMany(db, 'study');
  expect(report.simulated).toBe(true);
  for (const { criteria } of report.pairings) {
    // Binomial noise of the majorities about a rate that is met evenly: a standard error of 4 points at most.
    expect(criteria[0]!.winRate.value).toBeGreaterThan(0.646 - 0.1);
    expect(criteria[0]!.winRate.value).toBeLessThan(0.646 + 0.1);
  }
  // Each pairing has draws of its own.
  expect(new Set(report.pairings.map(({ criteria }) => criteria[0]!.wins)).size).toBeGreaterThan(1);
  const [ape, bee, cat] = report.ratings.map(({ rating }) => rating!);
  expect([ape! > bee!, bee! > cat!]).toEqual([true, true]);
  await changeState(db, 'study', 'closed');
});
