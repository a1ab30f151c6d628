/** @file How the evidence grew: e-values by hand, in the order in which pairs were decided. */
import { expect, it } from 'vitest';
import type { CountedVote } from '../../../db/queries/counted-votes.ts';
import { evidenceOverTime } from '../../../server/study/evidence.ts';

function vote(pair: number, choice: 'a' | 'b' | 'tie', createdAt: number, criterion = 'general'): CountedVote {
  return {
    ...{ pair, pairing: 0, seat: 0, annotator: `p${createdAt}`, criterion },
    ...{ choice: choice === 'tie' ? 'tie' : choice === 'a' ? 'right' : 'left', sideA: 'right' },
    ...{ bothBad: 0, responseTimeMs: 1, seen: null, createdAt },
  };
}

it('after each pair, when its last vote came; ties and pairs without all their votes move nothing', () => {
  // Two votes a pair. Decided: pair 1 (A) at 3, pair 0 (A) at 5, pair 3 (tie) at 6, pair 2 (B) at 7; pair 4 never.
  const votes = [
    vote(0, 'a', 1),
    vote(1, 'a', 2),
    vote(1, 'a', 3),
    vote(0, 'a', 5),
    vote(3, 'tie', 4),
    vote(3, 'tie', 6),
    vote(2, 'b', 4),
    vote(2, 'b', 7),
    vote(4, 'a', 8),
    vote(0, 'b', 9, 'appeal'),
  ];
  // E = 2ⁿ W! L!/(n + 1)!: 2/2, 8/6, 8 · 2/24.
  expect(evidenceOverTime(votes, ['general', 'appeal'], 2)).toEqual([
    {
      criterion: 'general',
      points: [
        { pairs: 1, eValue: expect.closeTo(1, 9) },
        { pairs: 2, eValue: expect.closeTo(4 / 3, 9) },
        { pairs: 3, eValue: expect.closeTo(4 / 3, 9) },
        { pairs: 4, eValue: expect.closeTo(2 / 3, 9) },
      ],
    },
  ]);
  expect(evidenceOverTime([vote(0, 'a', 1)], ['general'], 2)).toBeUndefined();
});

it('of thousands of pairs two hundred points are told, the last among them', () => {
  const votes = Array.from({ length: 1999 }, (_, pair) => vote(pair, pair % 2 === 0 ? 'a' : 'b', pair));
  const { points } = evidenceOverTime(votes, ['general'], 1)![0]!;
  expect(points.length).toBeLessThanOrEqual(200);
  expect(points.at(-1)!.pairs).toBe(1999);
});
