/** @file How annotators worked: hand-made cases, closed forms, and the share of false alarms that the rule promises. */
import { describe, expect, it } from 'vitest';
import { logChoose } from '../../../evaluator/statistics/special.ts';
import {
  qualityOf,
  reliabilities,
  ruleInWords,
  runAtLeast,
  suggestionFor,
  usualRule,
  type Conduct,
} from '../../../evaluator/votes/quality.ts';

const none = { right: 0, n: 0 };
const gold = (right: number, n: number) => ({ gold: { right, n }, repeats: none, fast: none });

describe('the rule', () => {
  // One-sided 99 %: nothing right of n is shown to be below 70 % once .01^(1/n) > .3, which is n ≥ 4.
  it.each([
    [gold(0, 3), { gold: 0.7 }, null],
    [gold(0, 4), { gold: 0.7 }, '0 of 4 gold pairs right, shown to be below 70 %'],
    // Three tests share the one per cent: .00333^(1/n) > .3, n ≥ 5.
    [gold(0, 4), { gold: 0.7, repeats: 0.6, fast: 0.3 }, null],
    [gold(0, 5), { gold: 0.7, repeats: 0.6, fast: 0.3 }, '0 of 5 gold pairs right, shown to be below 70 %'],
    // Ten per cent: .1^(1/n) > .3, n ≥ 2.
    [gold(0, 2), { gold: 0.7, falseAlarms: 0.1 }, '0 of 2 gold pairs right, shown to be below 70 %'],
    [gold(0, 1), { gold: 0.7, falseAlarms: 0.1 }, null],
    [gold(0, 50), { repeats: 0.6 }, null],
    // All of n fast: .01^(1/n) > ½, n ≥ 7.
    [{ gold: none, repeats: none, fast: { right: 6, n: 6 } }, { fast: 0.25 }, null],
    [
      { gold: none, repeats: none, fast: { right: 7, n: 7 } },
      { fast: 0.25 },
      '7 of 7 pairs answered in less than 25 % of the usual time',
    ],
    [
      { gold: { right: 0, n: 9 }, repeats: { right: 0, n: 9 }, fast: none },
      { gold: 0.7, repeats: 0.6 },
      '0 of 9 gold pairs right, shown to be below 70 %; 0 of 9 repeated pairs answered alike, shown to be below 60 %',
    ],
  ])('%j under %j', (counts, rule, expected) => {
    expect(suggestionFor(counts, rule)).toBe(expected);
  });

  it.each([5, 12, 20, 61])('who is as good as the bar is named with a hundredth at most, of %i', (n) => {
    const density = (k: number, p: number) => Math.exp(logChoose(n, k) + k * Math.log(p) + (n - k) * Math.log(1 - p));
    let alarms = 0;
    for (let right = 0; right <= n; right++)
      if (suggestionFor(gold(right, n), { gold: 0.7 }) !== null) alarms += density(right, 0.7);
    expect(alarms).toBeLessThanOrEqual(0.01);
    // It is not so careful that it finds nobody: one who throws a coin.
    let found = 0;
    for (let right = 0; right <= n; right++)
      if (suggestionFor(gold(right, n), { gold: 0.7 }) !== null) found += density(right, 0.5);
    expect(found).toBeGreaterThan(n === 61 ? 0.7 : alarms);
  });

  it('is said in words', () => {
    expect(ruleInWords({ gold: 0.7, fast: 1 / 3, falseAlarms: 0.02 })).toBe(
      'Left out is who is shown to have fewer than 70 % of the gold pairs right, or most pairs answered in less than 33.3 % of the usual time; whoever is as good as that is named with a probability of 2 % at most.',
    );
  });
});

describe('runs', () => {
  // Sequences of n throws without r equal in a row, counted by hand: 2 · Fibonacci for r = 3.
  it.each([
    [1, 1, 1],
    [2, 2, 1 / 2],
    [2, 3, 3 / 4],
    [3, 4, 6 / 16],
    [3, 5, 16 / 32],
    [4, 4, 2 / 16],
    [5, 4, 0],
    [2, 0, 0],
  ])('one of %i in %i throws', (length, n, p) => {
    expect(runAtLeast(length, n)).toBeCloseTo(p, 12);
  });
  it('agrees with counting all sequences of twelve', () => {
    for (let r = 1; r <= 12; r++) {
      let hits = 0;
      for (let bits = 0; bits < 4096; bits++) {
        let [longest, current] = [1, 1];
        for (let i = 1; i < 12; i++) {
          current = ((bits >> i) & 1) === ((bits >> (i - 1)) & 1) ? current + 1 : 1;
          longest = Math.max(longest, current);
        }
        if (longest >= r) hits++;
      }
      expect(runAtLeast(r, 12)).toBeCloseTo(hits / 4096, 12);
    }
  });
});

describe('annotators', () => {
  let clock = 0;
  const vote = (
    annotator: string,
    pair: number,
    outcome: Conduct['outcome'],
    more: Partial<Conduct> = {},
  ): Conduct => ({
    ...{ annotator, pair, criterion: 'general', outcome, choice: outcome === 'a' ? 'left' : 'right' },
    ...{ responseTimeMs: 1000, createdAt: clock++ },
    ...more,
  });

  it('agreement leaves the own vote out, and counts where the others have a majority', () => {
    const votes = [
      ...[vote('ann', 1, 'a'), vote('bob', 1, 'a'), vote('cyd', 1, 'b')],
      ...[vote('ann', 2, 'a'), vote('bob', 2, 'b'), vote('cyd', 2, 'b')],
    ];
    const of = (id: string) => qualityOf(votes, new Map()).annotators.find((person) => person.id === id)!.agreement;
    // Item 1 without ann: a 1, b 1, no majority; item 2 without ann: b 2. She says a.
    expect(of('ann')).toMatchObject({ value: 0, n: 1 });
    // Item 1 without bob: 1–1; item 2 without bob: 1–1.
    expect(of('bob')).toBeNull();
    expect(of('cyd')).toMatchObject({ value: 0, n: 1 });
  });

  it('sides, runs, times and their course follow the order of the votes', () => {
    const sides = ['left', 'left', 'right', 'left', 'left', 'left', 'tie', 'left'] as const;
    const own = sides.map((choice, i) =>
      vote('ann', i, choice === 'tie' ? 'tie' : 'a', { choice, responseTimeMs: 100 * (i + 1), createdAt: i }),
    );
    // Given in another order, told in the votes' own.
    const { annotators, medianMs, fastMs } = qualityOf([...own].reverse(), new Map());
    const [ann] = annotators as [(typeof annotators)[number]];
    expect([ann.votes, ann.medianMs, medianMs, fastMs]).toEqual([8, 450, 450, 150]);
    expect(ann.fast).toMatchObject({ value: 1 / 8, n: 8 });
    // Six of seven: the exact two-sided test gives 16/128.
    expect(ann.left).toMatchObject({ value: 6 / 7, n: 7 });
    expect(ann.left!.p).toBeCloseTo(16 / 128, 12);
    // The tie stands between the runs and breaks none.
    expect(ann.longestRun).toMatchObject({ length: 4, n: 7 });
    expect(ann.course).toEqual([100, 200, 300, 400, 500, 600, 700, 800]);
  });

  it('answers to one pair are one trial: three criteria answered alike make no run and no proof', () => {
    const own = Array.from({ length: 8 }, (_, i) =>
      ['general', 'appeal', 'alignment'].map((criterion, k) =>
        vote('ann', i, 'a', {
          ...{ criterion, choice: i % 2 === 0 ? 'left' : 'right', createdAt: 10 * i + k },
          responseTimeMs: i < 4 && k < 2 ? 100 : 4000,
        }),
      ),
    ).flat();
    const [ann] = qualityOf(own, new Map()).annotators as [ReturnType<typeof qualityOf>['annotators'][number]];
    expect([ann.votes, ann.left!.n, ann.longestRun!.length, ann.longestRun!.n]).toEqual([24, 8, 1, 8]);
    // Of the pairs four have a median answer of 100 ms; the usual time is 4000.
    expect(ann.fast).toMatchObject({ value: 0.5, n: 8 });
    // Two of three answers for the left make the pair left; one each makes it neither.
    const mixed = [
      ...[vote('bob', 1, 'a', { choice: 'left' }), vote('bob', 1, 'b', { choice: 'right', criterion: 'appeal' })],
      ...[vote('bob', 2, 'a', { choice: 'left' }), vote('bob', 2, 'tie', { choice: 'tie', criterion: 'appeal' })],
    ];
    expect(qualityOf(mixed, new Map()).annotators[0]!.left).toMatchObject({ value: 1, n: 1 });
  });

  it('the usual time is everybody’s median, not every vote’s: one who votes much does not set it', () => {
    const votes = [
      ...Array.from({ length: 50 }, (_, i) => vote('hasty', i, 'a', { responseTimeMs: 200 })),
      ...['ann', 'bob'].flatMap((name) => [0, 1].map((i) => vote(name, i, 'a', { responseTimeMs: 3000 }))),
    ];
    const { annotators, medianMs } = qualityOf(votes, new Map());
    expect(medianMs).toBe(3000);
    expect(annotators[0]).toMatchObject({
      id: 'hasty',
      suggestion: '50 of 50 pairs answered in less than 33.3 % of the usual time',
    });
    expect(annotators.slice(1).map(({ id, suggestion }) => [id, suggestion])).toEqual([
      ['ann', null],
      ['bob', null],
    ]);
  });

  it('taste is no ground: who disagrees with everybody on every pair is not named', () => {
    const votes = Array.from({ length: 60 }, (_, i) => [
      ...['ann', 'bob', 'cyd'].map((name) => vote(name, i, i % 2 === 0 ? 'a' : 'b')),
      vote('odd', i, i % 2 === 0 ? 'b' : 'a'),
    ]).flat();
    const checks = new Map([['odd', { gold: { right: 12, n: 12 }, repeats: { right: 12, n: 12 } }]]);
    const odd = qualityOf(votes, checks, usualRule, reliabilities(votes)).annotators.find(({ id }) => id === 'odd')!;
    expect(odd.agreement!.value).toBe(0);
    expect(odd.reliability!).toBeLessThan(0.1);
    expect(odd.suggestion).toBeNull();
  });

  it('whoever only answered checks is there too', () => {
    const checks = new Map([['late', { gold: { right: 0, n: 6 }, repeats: none }]]);
    const { annotators } = qualityOf([], checks);
    expect(annotators).toMatchObject([{ id: 'late', votes: 0, left: null, longestRun: null, course: [] }]);
    expect(annotators[0]!.suggestion).toContain('0 of 6 gold pairs right');
  });
});
