/** @file A study's design: which renders make a pair, which sides seats have, which prompts a sample takes. */
import { describe, expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import { listPairs, listPairsWithPrompts, type Study } from '../../../db/queries/studies.ts';
import { findPromptSet, listPrompts } from '../../../db/queries/prompts.ts';
import { ImageStore } from '../../../evaluator/engine/images/store.ts';
import { createStudy, ensureSimulatedSeats, freshToken, type StudyDesign } from '../../../server/study/design.ts';
import { freshSqlite } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { addRenderedModel, importNumberedPrompts, type RenderedModel } from '../../support/studies.ts';

const base: StudyDesign = {
  name: 'study',
  prompts: 'prompts',
  models: ['one', 'two'],
  votesPerPair: 3,
  criteria: ['general'],
  ties: false,
  seed: 0,
};

async function setUp(pairs: number, one: Partial<RenderedModel> = {}, two: Partial<RenderedModel> = {}) {
  const { db } = await freshSqlite();
  const images = new ImageStore(temporaryFolder());
  await importNumberedPrompts(db, pairs);
  await addRenderedModel(db, images, { name: 'one', prompts: 'prompts', colour: [200, 0, 0], ...one });
  await addRenderedModel(db, images, { name: 'two', prompts: 'prompts', colour: [0, 0, 200], ...two });
  return db;
}
const seats = (db: Database, study: Study, population = 'people' as const) =>
  db
    .selectFrom('seat')
    .selectAll()
    .where('study_id', '=', study.id)
    .where('population', '=', population)
    .orderBy('position')
    .orderBy('seat_index')
    .execute();
const promptsOf = async (db: Database, study: Study) =>
  (await listPairsWithPrompts(db, study.id)).map(({ prompt }) => prompt);

describe('pairs', () => {
  it('are of one prompt and one seed: the smallest that both models have', async () => {
    // one: seeds 0, 2, 5; two: 5, 2 and for prompt 3 only 7
    const db = await setUp(4, { seedsOf: () => [0, 2, 5] }, { seedsOf: (position) => (position === 3 ? [7] : [5, 2]) });
    const { study, pairs, missing } = await createStudy(db, base);
    expect(pairs).toBe(3);
    // Both have rendered it, with no seed in common.
    expect(missing).toEqual([{ prompt: 'prompt 3', models: ['one', 'two'] }]);
    const rows = await db
      .selectFrom('pair as p')
      .innerJoin('render as a', 'a.id', 'p.render_a_id')
      .innerJoin('render as b', 'b.id', 'p.render_b_id')
      .innerJoin('model as m', 'm.id', 'a.model_id')
      .innerJoin('model as n', 'n.id', 'b.model_id')
      .select(['a.seed as seedA', 'b.seed as seedB', 'a.prompt_id as promptA', 'b.prompt_id as promptB'])
      .select(['p.prompt_id as prompt', 'm.name as modelA', 'n.name as modelB'])
      .where('p.study_id', '=', study.id)
      .execute();
    expect(rows).toHaveLength(3);
    for (const { seedA, seedB, promptA, promptB, prompt, modelA, modelB } of rows) {
      expect([seedA, seedB]).toEqual([2, 2]);
      expect([promptA, promptB]).toEqual([prompt, prompt]);
      expect([modelA, modelB]).toEqual(['one', 'two']);
    }
  });

  it('name the model that a prompt is missing from', async () => {
    const db = await setUp(
      3,
      { seedsOf: (position) => (position === 0 ? [] : [0]) },
      { seedsOf: (p) => (p === 2 ? [] : [0]) },
    );
    expect((await createStudy(db, base)).missing).toEqual([
      { prompt: 'prompt 0', models: ['one'] },
      { prompt: 'prompt 2', models: ['two'] },
    ]);
  });

  it('stand in an order that the seed decides, and keep no weight', async () => {
    const db = await setUp(20);
    const order = async (name: string, seed: number) =>
      promptsOf(db, (await createStudy(db, { ...base, name, seed })).study);
    const [first, same, other] = [await order('x', 1), await order('y', 1), await order('z', 2)];
    expect(same).toEqual(first);
    expect(other).not.toEqual(first);
    expect([...first].sort()).toEqual([...other].sort());
    expect(first).not.toEqual(Array.from({ length: 20 }, (_, i) => `prompt ${i}`));
    const pairs = await listPairs(db, (await createStudy(db, { ...base, name: 'w' })).study.id);
    expect(pairs.map(({ position }) => position)).toEqual([...Array(20).keys()]);
    expect(pairs.every(({ weight }) => weight === null)).toBe(true);
  });
});

describe('seats', () => {
  it.each([1, 2, 3, 4, 5])(
    'with k = %d every pair has k, and over the study A is left as often as right',
    async (k) => {
      const db = await setUp(8);
      const { study } = await createStudy(db, { ...base, votesPerPair: k, criteria: ['general', 'appeal'] });
      const all = await seats(db, study);
      expect(all).toHaveLength(8 * k);
      expect(all.filter(({ side_a }) => side_a === 'left')).toHaveLength(4 * k);
      for (let position = 0; position < 8; position++) {
        const own = all.filter((seat) => seat.position === position);
        expect(own.map(({ seat_index }) => seat_index)).toEqual([...Array(k).keys()]);
        // Within a pair the sides alternate.
        own.slice(1).forEach((seat, i) => expect(seat.side_a).not.toBe(own[i]!.side_a));
      }
      expect(new Set(all.map(({ id }) => id)).size).toBe(8 * k);
    },
  );

  it('of simulated annotators are apart, made once, and have the same sides', async () => {
    const db = await setUp(4);
    const { study } = await createStudy(db, base);
    expect(await seats(db, study, 'simulated' as 'people')).toEqual([]);
    await ensureSimulatedSeats(db, study.id);
    await ensureSimulatedSeats(db, study.id);
    const [people, simulated] = [await seats(db, study), await seats(db, study, 'simulated' as 'people')];
    expect(simulated).toHaveLength(12);
    expect(simulated.map(({ pair_id, side_a }) => [pair_id, side_a])).toEqual(
      people.map(({ pair_id, side_a }) => [pair_id, side_a]),
    );
  });
});

describe('a study', () => {
  it('asks what hides the prompt first, whatever order was given', async () => {
    const db = await setUp(1);
    const { study } = await createStudy(
      db,
      { ...base, criteria: ['alignment', 'general', 'appeal'], ties: true, seed: 9 },
      77,
    );
    expect(study).toMatchObject({
      name: 'study',
      criteria: ['appeal', 'general', 'alignment'],
      ties: true,
      seed: 9,
      votesPerPair: 3,
      state: 'draft',
      prescreenId: null,
      createdAt: 77,
    });
    expect(study.inviteToken).not.toBe(study.simulationToken);
    expect(freshToken()).toMatch(/^[\w-]{22}$/);
    expect(freshToken()).not.toBe(freshToken());
  });

  it.each([
    [{ models: ['one', 'one'] }, 'bad-request', 'A study compares different models; "one" is named twice.'],
    [{ models: ['one'] }, 'bad-request', 'A study compares two models at least.'],
    [{ models: ['one'], against: 'one' }, 'bad-request', 'A study compares two models at least.'],
    [{ criteria: [] }, 'bad-request', 'A study needs at least one criterion.'],
    [{ votesPerPair: 0 }, 'bad-request', 'votes per pair is 0; it must be a whole number from 1 to 99.'],
    [{ votesPerPair: 100 }, 'bad-request', 'votes per pair is 100'],
    [{ votesPerPair: 1.5 }, 'bad-request', 'votes per pair is 1.5'],
    [{ prompts: 'none' }, 'not-found', 'There is no prompt set named "none".'],
    [{ models: ['three', 'two'] }, 'not-found', 'There is no model named "three".'],
    [{ promptSample: 0 }, 'bad-request', 'prompt sample is 0; it must be from 1 to 4.'],
    [{ promptSample: 5 }, 'bad-request', 'prompt sample is 5; it must be from 1 to 4.'],
    [{ promptSample: 1.5 }, 'bad-request', 'prompt sample is 1.5'],
  ] as [Partial<StudyDesign>, string, string][])(
    '%j is refused, and nothing is left',
    async (change, code, message) => {
      const db = await setUp(4);
      const attempt = createStudy(db, { ...base, ...change });
      await expect(attempt).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
      expect(await db.selectFrom('study').selectAll().execute()).toEqual([]);
      expect(await db.selectFrom('pair').selectAll().execute()).toEqual([]);
    },
  );
  it('99 votes a pair are allowed, a name twice and no common render are not', async () => {
    const db = await setUp(1);
    await createStudy(db, { ...base, votesPerPair: 99 });
    await expect(createStudy(db, base)).rejects.toMatchObject({
      code: 'conflict',
      message: 'A study named "study" exists already; choose another name.',
    });
    const apart = await setUp(2, { seedsOf: () => [0] }, { seedsOf: () => [1] });
    await expect(createStudy(apart, base)).rejects.toThrow(
      'No prompt of "prompts" has a render by both "one" and "two" with one seed; render them first.',
    );
  });
});

describe('a sample', () => {
  it('keeps the categories’ shares, largest remainder first', async () => {
    // 11 prompts: 6 Animals, 5 Arts. Of 4: 2.18 and 1.82, so 2 and 2. Of 5: 2.73 and 2.27: 3 and 2.
    const db = await setUp(11);
    const categories = async (name: string, promptSample: number) => {
      const { study, pairs } = await createStudy(db, { ...base, name, promptSample });
      expect(pairs).toBe(promptSample);
      const rows = await listPairsWithPrompts(db, study.id);
      expect(new Set(rows.map(({ prompt }) => prompt)).size).toBe(promptSample);
      return ['Animals', 'Arts'].map((category) => rows.filter((row) => row.category === category).length);
    };
    expect(await categories('four', 4)).toEqual([2, 2]);
    expect(await categories('five', 5)).toEqual([3, 2]);
    expect(await categories('all', 11)).toEqual([6, 5]);
  });

  it('depends on the seed', async () => {
    const db = await setUp(30);
    const sample = async (name: string, seed: number) =>
      (await promptsOf(db, (await createStudy(db, { ...base, name, seed, promptSample: 10 })).study)).sort();
    expect(await sample('x', 1)).toEqual(await sample('y', 1));
    expect(await sample('z', 2)).not.toEqual(await sample('w', 3));
  });

  it('that takes some prompts more gives each pair the number of prompts that it stands for', async () => {
    const db = await setUp(20);
    const set = (await findPromptSet(db, 'prompts'))!;
    const prompts = await listPrompts(db, set.id);
    const chosen = new Set(prompts.slice(0, 4).map(({ id }) => id));
    const { study } = await createStudy(db, { ...base, promptSample: 8, oversample: { prompts: chosen, factor: 4 } });
    // Rate r with 4r of the 4 chosen and r of the 16 others: 32r = 8, r = ¼: all 4 chosen (4·¼·4), 4 of the others.
    const pairs = await listPairs(db, study.id);
    const weights = (isChosen: boolean) =>
      pairs.filter(({ promptId }) => chosen.has(promptId) === isChosen).map(({ weight }) => weight);
    expect(weights(true)).toEqual([1, 1, 1, 1]);
    expect(weights(false)).toEqual([4, 4, 4, 4]);
    // Together they stand for the whole set.
    expect(pairs.reduce((sum, { weight }) => sum + weight!, 0)).toBe(20);
  });

  it('takes in the ratio of the factor: 2 to 1 of 10 and 10 are 4 and 2 of 6', async () => {
    const db = await setUp(20);
    const prompts = await listPrompts(db, (await findPromptSet(db, 'prompts'))!.id);
    const chosen = new Set(prompts.slice(0, 10).map(({ id }) => id));
    const { study } = await createStudy(db, { ...base, promptSample: 6, oversample: { prompts: chosen, factor: 2 } });
    const weights = (await listPairs(db, study.id)).map(({ promptId, weight }) => [chosen.has(promptId), weight]);
    expect(weights.filter(([isChosen]) => isChosen)).toEqual(Array(4).fill([true, 2.5]));
    expect(weights.filter(([isChosen]) => !isChosen)).toEqual(Array(2).fill([false, 5]));
  });

  it('represents both strata, and never takes more than there are', async () => {
    const db = await setUp(10);
    const set = (await findPromptSet(db, 'prompts'))!;
    const prompts = await listPrompts(db, set.id);
    const take = async (name: string, size: number, count: number, factor: number) => {
      const chosen = new Set(prompts.slice(0, count).map(({ id }) => id));
      const { study } = await createStudy(db, {
        ...base,
        name,
        promptSample: size,
        oversample: { prompts: chosen, factor },
      });
      const pairs = await listPairs(db, study.id);
      return [pairs.filter(({ promptId }) => chosen.has(promptId)).length, pairs.length, pairs[0]!.weight];
    };
    expect((await take('few', 2, 1, 1)).slice(0, 2)).toEqual([1, 2]);
    expect((await take('all but one', 3, 9, 100)).slice(0, 2)).toEqual([2, 3]);
    expect((await take('more than the others', 9, 5, 1)).slice(0, 2)).toEqual([5, 9]);
    // Nothing to take more of, or everything taken: plain samples without weights.
    expect(await take('nobody', 4, 0, 5)).toEqual([0, 4, null]);
    expect(await take('everybody', 4, 10, 5)).toEqual([4, 4, null]);
    expect(await take('whole', 10, 3, 5)).toEqual([3, 10, null]);
    await expect(take('one', 1, 3, 5)).rejects.toThrow('A weighted sample needs at least two prompts.');
  });
});
