/**
 * @file An image file as the RGB bytes that Pillow's `Image.open(file).convert("RGB")` gives: alpha dropped, not blended;
 * grey repeated; colour profile and orientation ignored; of an animation the first frame.
 */
import sharp, { type Metadata } from 'sharp';
import { BadInput } from '../files/bad-input.ts';
import type { RgbImage } from './resize.ts';

/** Pillow's own limit against decompression bombs: 2 × ⌊2³⁰ / 4 / 3⌋ pixels. */
export const mostPixels = 178_956_970;

/**
 * @param image a file's path, or its bytes
 * @param name for messages
 * @throws BadInput when it is missing, damaged, too large, or in a colour space that this cannot convert as Pillow does
 */
export async function decodeRgb(image: string | Uint8Array, name: string): Promise<RgbImage> {
  const options = { limitInputPixels: false, ignoreIcc: true, failOn: 'truncated' } as const;
  let metadata: Metadata;
  try {
    metadata = await sharp(image, options).metadata();
  } catch (error) {
    throw new BadInput(`${name} is no image that can be read: ${firstLine(error)}.`);
  }
  const { width, height, space, depth } = metadata;
  if (width * height > mostPixels) {
    throw new BadInput(`${name} is ${width} × ${height}; an image may have ${mostPixels.toLocaleString('en')} pixels.`);
  }
  if (space === 'cmyk')
    throw new BadInput(`${name} is in CMYK; convert it to RGB first, so that its colours are yours.`);
  if (depth !== 'uchar' && space === 'grey16') {
    throw new BadInput(`${name} is 16-bit grey, which Pillow clips to white; convert it to 8-bit RGB first.`);
  }
  try {
    const { data, info } = await sharp(image, options)
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`${info.channels} channels after conversion`);
    return { width: info.width, height: info.height, pixels: data };
  } catch (error) {
    throw new BadInput(`${name} does not decode: ${firstLine(error)}.`);
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.trim().replace(/\.$/, '');
}
