/** @file A study of a prescreen's two best models, and of the prompts on which rewards disagree. */
import { describe, expect, it } from 'vitest';
import type { CandidateResult, PrescreenResult } from '../../../contract/prescreen.ts';
import type { Database } from '../../../db/open.ts';
import { findModel } from '../../../db/queries/models.ts';
import { findPromptSet } from '../../../db/queries/prompts.ts';
import { listRenders } from '../../../db/queries/renders.ts';
import { insertReward, insertScores } from '../../../db/queries/rewards.ts';
import { listPairsWithPrompts } from '../../../db/queries/studies.ts';
import { ImageStore } from '../../../evaluator/engine/images/store.ts';
import { recordResult, submitPrescreen } from '../../../server/prescreens/prescreens.ts';
import { bestTwo, studyFromScreen } from '../../../server/study/best-two.ts';
import { freshSqlite } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { addRenderedModel, importNumberedPrompts } from '../../support/studies.ts';

/** Medians by reward: the baseline's, then the candidates'. */
function resultOf(
  medians: Record<string, { base: number | null; candidates: Record<string, number | null> }>,
): PrescreenResult {
  const estimate = (value: number | null) => ({ value, low: null, high: null });
  return {
    ...{ promptSet: 'prompts', prompts: 8, baseline: 'base', seed: 0, requirements: [], passed: true, problems: [] },
    rewards: Object.entries(medians).map(([reward, { base, candidates }]) => ({
      ...{ reward, kind: 'pickscore', best: null, equalTime: null },
      candidates: Object.entries(candidates).map(
        ([model, median]) =>
          ({ model, checkpoint: null, median: estimate(median), baselineMedian: estimate(base) }) as CandidateResult,
      ),
    })),
  };
}

describe('the best two', () => {
  it('have the lowest mean rank over the rewards, the baseline among them', () => {
    // r: x 4, y 3, base 2; q: y 9, base 8, x 1. Ranks x 0 + 2, y 1 + 0, base 2 + 1.
    const result = resultOf({ r: { base: 2, candidates: { x: 4, y: 3 } }, q: { base: 8, candidates: { x: 1, y: 9 } } });
    expect(bestTwo(result)).toEqual({ a: 'y', b: 'x' });
    expect(bestTwo(resultOf({ r: { base: 5, candidates: { x: 4, y: 3 } } }))).toEqual({ a: 'base', b: 'x' });
  });
  it('of equal ranks the first reward’s median decides', () => {
    // x and y change places between the rewards; base is last in both.
    const result = resultOf({ r: { base: 0, candidates: { x: 4, y: 3 } }, q: { base: 0, candidates: { x: 1, y: 2 } } });
    expect(bestTwo(result)).toEqual({ a: 'x', b: 'y' });
  });
  it('a model without a median is behind everybody', () => {
    expect(bestTwo(resultOf({ r: { base: -9, candidates: { x: null, y: -50 } } }))).toEqual({ a: 'base', b: 'y' });
    expect(bestTwo(resultOf({ r: { base: null, candidates: { x: 1, y: 2 } } }))).toEqual({ a: 'y', b: 'x' });
  });
});

const request = {
  prompts: 'prompts',
  baseline: 'base',
  candidates: ['x'],
  checkpoints: [],
  rewards: ['r', 'q'],
  require: [],
  seed: 0,
};
const wanted = {
  name: 'study',
  votesPerPair: 3,
  criteria: ['general' as const],
  ties: false,
  seed: 0,
  disagreement: 1,
};

/** Scores of both models on 8 prompts by two rewards that disagree on prompts 0 and 1, and tie on 2. */
async function setUp(): Promise<Database> {
  const { db } = await freshSqlite();
  const images = new ImageStore(temporaryFolder());
  await importNumberedPrompts(db, 8);
  await addRenderedModel(db, images, { name: 'base', prompts: 'prompts', colour: [9, 9, 9], seedsOf: () => [0, 1] });
  await addRenderedModel(db, images, { name: 'x', prompts: 'prompts', colour: [99, 9, 9], seedsOf: () => [0, 1] });
  const set = (await findPromptSet(db, 'prompts'))!;
  for (const [name, sign] of [
    ['r', 1],
    ['q', -1],
  ] as const) {
    await insertReward(db, { id: name, name, kind: 'pickscore', settings: {}, networkSha256: 'n', createdAt: 1 });
    for (const model of ['base', 'x']) {
      const renders = await listRenders(db, { promptSetId: set.id, modelId: (await findModel(db, model))!.id });
      await insertScores(
        db,
        renders.map(({ id, position, seed }) => {
          // With another seed everything is turned: it must not count.
          const gap = position === 2 ? 0 : position < 2 ? sign : 1;
          const value = 5 + (model === 'x' ? gap * (seed === 0 ? 1 : -1) : 0);
          return { renderId: id, rewardId: name, networkSha256: 'n', value, createdAt: 1 };
        }),
      );
    }
  }
  return db;
}
const result = resultOf({ r: { base: 0, candidates: { x: 1 } }, q: { base: 0, candidates: { x: 1 } } });

describe('a study from a prescreen', () => {
  it('compares its two best models, remembers it, and "last" is the newest that is done', async () => {
    const db = await setUp();
    await recordResult(db, request, { ...result, seed: 7 }, 1);
    const id = await recordResult(db, request, result, 2);
    await submitPrescreen(db, request, { now: 3 });
    const { study, a, b, pairs, missing } = await studyFromScreen(db, 'last', wanted);
    expect([a, b, pairs, missing]).toEqual(['x', 'base', 8, []]);
    expect(study.prescreenId).toBe(id);
    expect((await listPairsWithPrompts(db, study.id)).every(({ weight }) => weight === null)).toBe(true);
    expect((await studyFromScreen(db, id, { ...wanted, name: 'other' })).study.prescreenId).toBe(id);
  });

  it('takes prompts on which the rewards disagree more often, with weights', async () => {
    const db = await setUp();
    await recordResult(db, request, result);
    const { study } = await studyFromScreen(db, 'last', { ...wanted, promptSample: 4, disagreement: 3 });
    const pairs = await listPairsWithPrompts(db, study.id);
    // 2 disagreeing of 8, factor 3: 4/(3·2 + 6)·3·2 = 2 of them; 2 of the other 6.
    const disagreeing = pairs.filter(({ prompt }) => ['prompt 0', 'prompt 1'].includes(prompt));
    expect(disagreeing.map(({ weight }) => weight)).toEqual([1, 1]);
    expect(pairs.filter((pair) => !disagreeing.includes(pair)).map(({ weight }) => weight)).toEqual([3, 3]);
  });

  it('is refused without a result, without a sample to weigh, and without a prescreen', async () => {
    const db = await setUp();
    await expect(studyFromScreen(db, 'last', wanted)).rejects.toMatchObject({
      code: 'not-found',
      message: 'There is no finished prescreen yet (visavis prescreen).',
    });
    await expect(studyFromScreen(db, 'nobody', wanted)).rejects.toMatchObject({ code: 'not-found' });
    const { prescreen } = await submitPrescreen(db, request);
    await expect(studyFromScreen(db, prescreen.id, wanted)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('is queued; a study needs its result'),
    });
    await recordResult(db, request, result);
    await expect(studyFromScreen(db, 'last', { ...wanted, disagreement: 2 })).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('needs a prompt sample'),
    });
  });
});
