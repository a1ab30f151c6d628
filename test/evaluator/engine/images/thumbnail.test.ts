/** @file Images from afar, against differences by hand. */
import { expect, it } from 'vitest';
import { encodePng } from '../../../../evaluator/engine/images/png.ts';
import { thumbnailDifference, thumbnailOf } from '../../../../evaluator/engine/images/thumbnail.ts';

const size = { width: 24, height: 16 };
const solid = (colour: readonly number[]) =>
  Uint8Array.from({ length: size.width * size.height * 3 }, (_, i) => colour[i % 3]!);

it('two colours differ by the mean of their channels’ differences, whichever comes first', async () => {
  const [a, b] = [
    await thumbnailOf({ pixels: solid([10, 20, 30]), ...size }),
    await thumbnailOf({ pixels: solid([20, 20, 60]), ...size }),
  ];
  expect(Buffer.from(a, 'base64')).toEqual(Buffer.from(Array.from({ length: 64 }, () => [10, 20, 30]).flat()));
  // (10 + 0 + 30) / 3 of 255
  expect(thumbnailDifference(a, b)).toBeCloseTo(40 / 3 / 255, 12);
  expect(thumbnailDifference(b, a)).toBe(thumbnailDifference(a, b));
  expect(thumbnailDifference(a, a)).toBe(0);
});

it('a file and its pixels look alike; a quarter that is white differs by about a quarter', async () => {
  const pixels = solid([0, 0, 0]).map((_, i) => {
    const [x, y] = [Math.floor(i / 3) % size.width, Math.floor(i / 3 / size.width)];
    return x < size.width / 2 && y < size.height / 2 ? 255 : 0;
  });
  const seen = await thumbnailOf({ pixels, ...size });
  expect(await thumbnailOf(await encodePng(pixels, size.width, size.height))).toBe(seen);
  const difference = thumbnailDifference(seen, await thumbnailOf({ pixels: solid([0, 0, 0]), ...size }));
  expect(Math.abs(difference - 0.25)).toBeLessThan(0.02);
});
