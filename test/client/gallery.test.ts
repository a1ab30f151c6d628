/** @file Which pairs the gallery shows, each by hand, and its address there and back. */
import { expect, it } from 'vitest';
import { filterIn, searchOf, shownPairs, type Filter } from '../../client/research/gallery.ts';
import type { Gallery, GalleryPair } from '../../contract/research.ts';

function pair(position: number, votes: [number, number, number], more: Partial<GalleryPair> = {}): GalleryPair {
  const [a, b, tie] = votes;
  const n = a + b + tie;
  const decision = n < 3 ? 'incomplete' : 2 * a > n ? 'a' : 2 * b > n ? 'b' : 2 * tie > n ? 'tie' : 'split';
  return {
    ...{ position, pairing: 0, prompt: `prompt ${position}`, category: 'Arts', challenge: null, scores: [] },
    criteria: [
      { criterion: 'appeal', a: 3, b: 0, tie: 0, decision: 'a' },
      { criterion: 'general', a, b, tie, decision },
    ],
    medianResponseTimeMs: 1000 * (position + 1),
    // Of the third it is not known.
    difference: [0.1, 0.3, null, 0, 0.2][position]!,
    ...more,
  };
}

const gallery: Gallery = {
  study: 's',
  simulated: false,
  pairings: [
    { modelA: 'x', modelB: 'y' },
    { modelA: 'x', modelB: 'z' },
  ],
  pairs: [
    pair(0, [3, 0, 0], { scores: [{ reward: 'pick', a: 1, b: 2 }] }),
    pair(1, [1, 2, 0], { category: 'People', scores: [{ reward: 'pick', a: 1, b: 2 }] }),
    pair(2, [1, 1, 1], { pairing: 1, scores: [{ reward: 'pick', a: 1, b: 2 }] }),
    pair(3, [0, 0, 3], { challenge: 'Basic' }),
    pair(4, [0, 0, 0], { medianResponseTimeMs: null }),
  ],
};

it.each([
  ['', [0, 1, 2, 3, 4]],
  ['criterion=general&outcome=a', [0]],
  ['criterion=general&outcome=b', [1]],
  ['criterion=general&outcome=split', [2]],
  ['criterion=general&outcome=tie', [3]],
  ['criterion=general&outcome=incomplete', [4]],
  // Of the first criterion all are unanimous.
  ['outcome=a', [0, 1, 2, 3, 4]],
  ['criterion=general&agreement=unanimous', [0, 3]],
  ['criterion=general&agreement=divided', [1, 2]],
  ['category=People', [1]],
  ['challenge=Basic', [3]],
  ['pairing=1', [2]],
  // The reward prefers B: against people where they say A, not where nobody has a majority.
  ['criterion=general&reward=pick', [0]],
  // Longer than two seconds, not two seconds themselves.
  ['slower=2', [2, 3]],
  ['order=slowest', [3, 2, 1, 0, 4]],
  ['criterion=general&order=closest', [2, 1, 0, 3, 4]],
  ['order=different', [1, 4, 0, 3, 2]],
  ['order=alike', [3, 0, 4, 1, 2]],
  ['criterion=general&outcome=a&category=People', []],
])('?%s', (search, expected) => {
  const filter = filterIn(new URLSearchParams(search), gallery);
  expect(shownPairs(gallery, filter).map(({ position }) => position)).toEqual(expected);
  expect(filterIn(new URLSearchParams(searchOf(filter)), gallery)).toEqual(filter);
});

it('the address says only what filters', () => {
  const filter: Filter = filterIn(new URLSearchParams(), gallery);
  expect(searchOf(filter)).toBe('criterion=appeal');
  expect(searchOf({ ...filter, outcome: 'b', order: 'slowest' })).toBe('criterion=appeal&outcome=b&order=slowest');
});
