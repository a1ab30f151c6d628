/** @file What was on screen: who belongs where, and the shares by hand. */
import { expect, it } from 'vitest';
import type { CountedVote } from '../../../db/queries/counted-votes.ts';
import { displayReport } from '../../../server/study/display.ts';

const seen = { viewport: [1440, 900], devicePixelRatio: 1, scale: 1, zoom: 1, decodeMs: 1, hidden: false };
function vote(annotator: string, pair: number, forA: boolean, what: object | null): CountedVote {
  return {
    pair,
    pairing: 0,
    seat: 0,
    annotator,
    criterion: 'general',
    choice: forA ? 'left' : 'right',
    bothBad: 0,
    sideA: 'left',
    responseTimeMs: 1,
    createdAt: 1,
    seen: what === null ? null : JSON.stringify({ ...seen, translated: false, ...what }),
  };
}

it('votes fall to both sides of each property, and shares are those of their votes', () => {
  const votes = [
    // Below half: .4 alone; .3 with zoom 1.6 = .48.
    vote('ann', 0, true, { scale: 0.4 }),
    vote('bob', 1, true, { scale: 0.3, zoom: 1.6 }),
    vote('ann', 1, false, { scale: 0.4 }),
    // Half itself, and .25 with zoom 2, are not below.
    vote('bob', 0, false, { scale: 0.5 }),
    vote('cay', 0, false, { scale: 0.25, zoom: 2 }),
    // Nothing could be measured: not below.
    vote('cay', 1, true, { scale: 0, hidden: true, language: 'de' }),
    vote('dan', 1, true, null),
  ];
  const report = displayReport(votes, ['general'])!;
  expect([report.votes, report.untold]).toEqual([6, 1]);
  expect(report.slices.map(({ name, votes: n }) => [name.split(',')[0], n])).toEqual([
    ['fewer than half of the pixels along a side were shown', 3],
    ['looked closer (zoom)', 2],
    ['the page was out of sight for a while', 1],
    ['the page was in de', 1],
    ['the page was in en', 5],
  ]);
  const [{ with: below, without }] = report.slices[0]!.byCriterion as [
    (typeof report.slices)[number]['byCriterion'][number],
  ];
  expect(below).toMatchObject({ value: 2 / 3, n: 3 });
  expect(without).toMatchObject({ value: 1 / 3, n: 3 });
  expect(report.slices[2]!.byCriterion[0]!.with).toEqual({
    value: 1,
    low: null,
    high: null,
    n: 1,
    why: 'it needs two prompts and two annotators',
  });
});

it('a study whose votes tell nothing has no such part', () => {
  expect(displayReport([vote('ann', 0, true, null)], ['general'])).toBeUndefined();
});
