/** @file A draft and a study's file: there and back, presets, and what a study costs. */
import { describe, expect, it } from 'vitest';
import {
  comparing,
  costOf,
  draftOf,
  emptyDraft,
  firstPairing,
  emptyPlan,
  fileOf,
  withPreset,
} from '../../client/research/study-draft.ts';
import { studyFileSchema } from '../../contract/study-file.ts';

const file = studyFileSchema.parse({
  name: 'taste',
  promptSet: 'parti',
  models: ['a', 'b', 'c'],
  against: 'c',
  criteria: ['appeal', 'general'],
  votesPerPair: 5,
  ties: true,
  seed: 7,
  promptSample: 40,
  plan: { primary: 'general', alpha: 0.01, exclusions: 'none', exclusionRule: { gold: 0.8 } },
  visit: {
    languages: ['de', 'en'],
    welcome: { en: 'Hello', de: 'Hallo' },
    gold: { every: 4, pairs: [{ prompt: 'p', instruction: { choose: 'left' } }], screenOut: { after: 1, below: 0.5 } },
    survey: [{ question: 'How was it?' }],
    ends: { finished: { code: 'X1' } },
  },
});

describe('a draft', () => {
  it('comes out as the file went in, with what the form has no field for', () => {
    expect(fileOf(draftOf(file))).toEqual(file);
    expect(studyFileSchema.parse(fileOf(draftOf(file)))).toEqual(file);
    const two = studyFileSchema.parse({ name: 't', promptSet: 'p', modelA: 'a', modelB: 'b' });
    expect(studyFileSchema.parse(fileOf(draftOf(two)))).toEqual(two);
  });
  it('what was left empty decides nothing', () => {
    const draft = { ...emptyDraft(), name: 't', promptSet: 'p', models: ['a', 'b'] };
    draft.visit = { welcome: '', ends: { finished: { code: '', redirect: '' } }, practice: [] };
    draft.plan = { ...emptyPlan(['general']), margin: 0.1 };
    expect(fileOf(draft)).toEqual({
      ...{ name: 't', promptSet: 'p', modelA: 'a', modelB: 'b', criteria: ['appeal', 'general', 'alignment'] },
      ...{ votesPerPair: 3, ties: false, seed: 0 },
      plan: { primary: 'general', hypothesis: 'superiority', alpha: 0.05, stopping: 'fixed' },
    });
    expect(studyFileSchema.safeParse(fileOf(draft)).success).toBe(true);
  });
  it('a preset brings its questions, votes and a plan', () => {
    const draft = withPreset({ ...emptyDraft(), name: 't', promptSet: 'p', models: ['a', 'b'] }, 'diffusion-dpo');
    expect([draft.votesPerPair, draft.ties, draft.plan!.primary]).toEqual([5, false, 'general']);
    expect(studyFileSchema.safeParse(fileOf(draft)).success).toBe(true);
  });
  it('criteria are asked in their order, whichever was ticked first', () => {
    const draft = { ...emptyDraft(), criteria: ['alignment' as const, 'appeal' as const] };
    expect(fileOf(draft)).toMatchObject({ criteria: ['appeal', 'alignment'] });
  });
  it('costs pairs × votes × questions × seconds', () => {
    const draft = { ...emptyDraft(), visit: { pairsPerAnnotator: 30 } };
    const cost = costOf(draft, { pairs: 300, pairings: 1, secondsPerVote: 8, payPerHour: 12 });
    // 300 · 3 · 3 votes of 8 s are 6 h.
    expect(cost).toMatchObject({ votes: 2700, hours: 6, pay: 72, places: 30 });
    // z = 1.959964 · ½ + .841621 · √(p(1 − p)) over √300 meets p − ½ at .5803.
    expect(cost.detectable).toBeCloseTo(0.5803, 3);
    expect(
      costOf({ ...draft, visit: {} }, { pairs: 300, pairings: 1, secondsPerVote: 8, payPerHour: 0 }).places,
    ).toBeNull();
    // Nobody sits twice at one pair: at least as many people as votes a pair.
    expect(costOf(draft, { pairs: 5, pairings: 1, secondsPerVote: 8, payPerHour: 0 }).places).toBe(3);
  });

  it('the first pairing is the server’s', () => {
    const of = (models: string[], against = '') => firstPairing({ models, against });
    expect([of(['x', 'y', 'z']), of(['x', 'y', 'z'], 'x'), of(['x', 'y', 'z'], 'y'), of(['x'])]).toEqual([
      ['x', 'y'],
      ['y', 'x'],
      ['x', 'y'],
      undefined,
    ]);
  });
  it('known answers go with their images: exchanged with the models, gone when others are compared', () => {
    const draft = {
      ...emptyDraft(),
      ...{ promptSet: 'p', models: ['x', 'y'] },
      visit: {
        gold: { every: 4, pairs: [{ prompt: 'g', answers: { general: 'a' as const } }] },
        practice: [{ prompt: 'q', criterion: 'general' as const, answer: 'b' as const }],
        example: { prompt: 'e', criterion: 'general' as const, answer: 'a' as const },
        welcome: 'Hello',
      },
    };
    const swapped = comparing(draft, { models: ['y', 'x'] });
    expect(swapped.dropped).toBe(false);
    expect(swapped.draft.visit).toMatchObject({
      gold: { pairs: [{ answers: { general: 'b' } }] },
      practice: [{ answer: 'a' }],
      example: { answer: 'b' },
    });
    expect(comparing(swapped.draft, { models: ['x', 'y'] }).draft.visit).toEqual(draft.visit);
    // A third model leaves the first pairing as it is; against the first one it is another.
    const third = comparing(draft, { models: ['x', 'y', 'z'] });
    expect([third.dropped, third.draft.visit]).toEqual([false, draft.visit]);
    expect(comparing(third.draft, { against: 'x' }).draft.visit.gold!.pairs[0]!.answers).toEqual({ general: 'b' });
    for (const change of [{ models: ['x', 'z'] }, { models: ['x'] }, { promptSet: 'other' }]) {
      const { draft: next, dropped } = comparing(draft, change);
      expect([dropped, next.visit.gold, next.visit.practice, next.visit.example, next.visit.welcome]).toEqual([
        ...[true, undefined, undefined, undefined, 'Hello'],
      ]);
    }
    // Whoever all were against is gone: each two are compared.
    expect(
      comparing({ ...draft, models: ['x', 'y', 'z'], against: 'z', visit: {} }, { models: ['x', 'y'] }).draft.against,
    ).toBe('');
  });
});
