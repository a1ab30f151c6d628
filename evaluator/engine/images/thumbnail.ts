/** @file An image in 8 × 8 colours, kept with its render: how much two images differ can be told without opening either. */
import sharp, { type Sharp } from 'sharp';
import type { RgbImage } from './resize.ts';

const side = 8;

/** @param image its file's bytes, or its pixels @returns base64 of [8, 8, 3] */
export async function thumbnailOf(image: Uint8Array | RgbImage): Promise<string> {
  const source: Sharp =
    image instanceof Uint8Array
      ? sharp(image, { limitInputPixels: false })
      : sharp(image.pixels, { raw: { width: image.width, height: image.height, channels: 3 } });
  const small = source.removeAlpha().toColourspace('srgb').resize(side, side, { fit: 'fill' });
  return (await small.raw({ depth: 'uchar' }).toBuffer()).toString('base64');
}

/** @param a what thumbnailOf gave @returns the mean absolute difference of both images' small colours, 0 … 1 */
export function thumbnailDifference(a: string, b: string): number {
  const [x, y] = [Buffer.from(a, 'base64'), Buffer.from(b, 'base64')];
  return x.reduce((sum, value, i) => sum + Math.abs(value - y[i]!), 0) / x.length / 255;
}
