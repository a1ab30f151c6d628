/** @file Sizes of what is shown, by hand. */
import { expect, it } from 'vitest';
import { copyFor, fitPair } from '../../client/annotate/fit.ts';
import { sameMiddle } from '../../client/annotate/zoom.ts';
import { answerRoom } from '../../contract/limits.ts';
import { visitStepSchema } from '../../contract/visit.ts';
import { Pace } from '../../client/annotate/pace.ts';

const square = (side: number) => ({ width: side, height: side });
const both = (side: number) => [square(side), square(side)] as const;

it.each([
  // 1440 × 900: each box is 720 wide at most; 768 is the first that has 720 pixels.
  [{ width: 1440, height: 900 }, 1024, 1, 768],
  [{ width: 1440, height: 900 }, 4096, 1, 768],
  // With two device pixels each it takes 1440: 1536, which of 1024 there is not.
  [{ width: 1440, height: 900 }, 1024, 2, undefined],
  [{ width: 1440, height: 900 }, 4096, 2, 1536],
  // A phone: 390 wide, half of 844 high, three device pixels: 1170.
  [{ width: 390, height: 844 }, 1024, 3, undefined],
  [{ width: 390, height: 844 }, 4096, 3, 1536],
  // Hardly smaller is not worth a copy: 768 of 900 is more than four fifths.
  [{ width: 1440, height: 900 }, 900, 1, undefined],
  // A small image is enlarged, and has no smaller copy.
  [{ width: 1440, height: 900 }, 64, 1, undefined],
])('on a page of %o a pair of %i² at ratio %f is sent as %s', (page, side, ratio, expected) => {
  expect(copyFor(page, both(side), ratio)).toBe(expected);
});

it('unequal images get one size of copy, by the one that needs more', () => {
  // 4096 × 1024 in a box of 720 × 900 takes 720 of its longest side; 1024² takes 720.
  expect(copyFor({ width: 1440, height: 900 }, [{ width: 4096, height: 1024 }, square(1024)], 1)).toBe(768);
});

it('a pair fills its box, small ones in whole device pixels and three at most', () => {
  expect(fitPair({ width: 700, height: 600 }, both(1024), 1)[0]).toEqual({
    width: 600,
    height: 600,
    scale: 600 / 1024,
  });
  // 600 / 250 = 2.4 device pixels, of which two are whole.
  expect(fitPair({ width: 700, height: 600 }, both(250), 1)[0]).toEqual({ width: 500, height: 500, scale: 2 });
  expect(fitPair({ width: 700, height: 600 }, both(64), 2)[0]).toEqual({ width: 96, height: 96, scale: 3 });
});

it('the time left is the median pair’s, after three of them, and a break is no pair', () => {
  const pace = new Pace();
  for (const at of [0, 10_000, 20_000]) pace.pairDone(at);
  expect(pace.minutesFor(10)).toBeUndefined();
  // A telephone call of ten minutes: the median of 10, 10 and 600 s is 10 s; 12 pairs are two minutes.
  pace.pairDone(620_000);
  expect(pace.minutesFor(12)).toBe(2);
  pace.pause();
  pace.pairDone(9_000_000);
  pace.pairDone(9_020_000);
  // 10, 10, 600, 20: the middle two are 10 and 20; 15 s × 40.
  expect(pace.minutesFor(40)).toBe(10);
  expect(pace.minutesFor(1)).toBe(1);
  expect(pace.minutesFor(0)).toBeUndefined();
});

it('zoomed, the same place of both images stands in the middle, whatever their shapes', () => {
  const box = { width: 400, height: 400 };
  const [wide, tall] = [
    { width: 400, height: 200 },
    { width: 200, height: 400 },
  ];
  // Images of one shape move alike.
  expect(sameMiddle({ k: 2, x: -300, y: -50 }, box, wide, wide)).toEqual({ x: -300, y: -50 });
  // Twice as large; the middle of the box shows x = (200 + 300) / 2 = 250 of the wide image's 0 … 400: 5/8 of its width. Of the
  // tall one, which stands from 100 to 300, that is 225, at 450 of the zoomed box: it moves by 200 − 450 = −250.
  // Down, 200 / 2 + 50 / 2 = 125 of 100 … 300 is 1/8 of the wide one; of the tall one's 0 … 400 that is 50: 200 − 100 = 100.
  expect(sameMiddle({ k: 2, x: -300, y: -50 }, box, wide, tall)).toEqual({ x: -250, y: 100 });
  // Not zoomed, nothing moves.
  const still = sameMiddle({ k: 1, x: 0, y: 0 }, box, wide, tall);
  expect([still.x, still.y]).toEqual([0, 0]);
});

it.each([
  [1, 5000],
  [2, 5000],
  [3, 3333],
  [20, 500],
])('a survey of %i questions takes answers of %i characters, which the server takes too', (questions, room) => {
  expect(answerRoom(questions)).toBe(room);
  const answers = Array.from({ length: questions }, () => 'x'.repeat(room));
  expect(visitStepSchema.safeParse({ step: 'survey', answers }).success).toBe(true);
});
