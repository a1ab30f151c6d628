/** @file A padded PNG shows the same pixels, is as long as was asked, and is a PNG to strict readers. */
import { inflateSync } from 'node:zlib';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { encodePng, leastPadding, padPng, withoutMetadata } from '../../../../evaluator/engine/images/png.ts';

const pixels = new Uint8Array(9 * 7 * 3).map((_, i) => (i * 37) % 256);

it('a padded PNG › has any length from the least padding on, and the same pixels', async () => {
  const blind = await withoutMetadata(await encodePng(pixels, 9, 7, { model: 'secret' }));
  for (const more of [
    leastPadding,
    leastPadding + 1,
    leastPadding + 2,
    leastPadding + 3,
    leastPadding + 4,
    5000,
    5003,
  ]) {
    const padded = padPng(blind, blind.length + more);
    expect(padded.length).toBe(blind.length + more);
    const { data, info } = await sharp(padded, { failOn: 'warning' }).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([9, 7, 3]);
    expect(new Uint8Array(data)).toEqual(pixels);
    // A reader of its own: the chunks' data is one zlib stream, rows of a filter byte and pixels.
    const parts: Buffer[] = [];
    const types: string[] = [];
    for (let at = 8; at < padded.length; at += 12 + padded.readUInt32BE(at)) {
      types.push(padded.toString('latin1', at + 4, at + 8));
      if (types.at(-1) === 'IDAT') parts.push(padded.subarray(at + 8, at + 8 + padded.readUInt32BE(at)));
    }
    expect(new Set(types)).toEqual(new Set(['IHDR', 'IDAT', 'IEND']));
    expect(inflateSync(Buffer.concat(parts)).length).toBe(7 * (1 + 9 * 3));
  }
  expect(() => padPng(blind, blind.length + leastPadding - 1)).toThrow(RangeError);
});
