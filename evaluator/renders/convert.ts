/**
 * @file Image files of any origin as 8-bit sRGB, as a browser shows them: what is converted is said, and what could only be guessed
 * is refused by name.
 */
import sharp, { type Metadata } from 'sharp';
import { BadInput } from '../engine/files/bad-input.ts';
import { pngChunks, withoutMetadata } from '../engine/images/png.ts';

const formats: readonly string[] = ['png', 'jpeg', 'webp'];
/** Longest side: beyond it no page shows an image and decoding alone takes gigabytes. */
const mostPixels = 16_384;
/** 8192²: a file of a megabyte may unfold to more, and take a quarter of a minute. */
const mostArea = 2 ** 26;

export interface Converted {
  png: Buffer;
  width: number;
  height: number;
  /** What was done to the pixels, each in a few words; empty for 8-bit sRGB. */
  changes: string[];
}

/**
 * @param name for messages
 * @throws BadInput for what is no still image in a known colour space, or too large
 */
export async function toStillSrgb(bytes: Buffer, name: string): Promise<Converted> {
  const metadata = await sharp(bytes).metadata();
  const { format, width, height, pages = 1, space } = metadata;
  if (!formats.includes(format)) throw new BadInput(`${name} is ${format}; it must be PNG, JPEG or WebP.`);
  const chunks = format === 'png' ? pngChunks(bytes) : new Map<string, Buffer>();
  if (pages > 1 || chunks.has('acTL')) throw new BadInput(`${name} is animated; a render is one still image.`);
  if (Math.max(width, height) > mostPixels)
    throw new BadInput(`${name} is ${width} × ${height}; the longest side may be ${mostPixels}.`);
  if (width * height > mostArea)
    throw new BadInput(`${name} is ${width} × ${height}; an image may have ${mostArea / 2 ** 20} Mi pixels.`);
  if (space === 'cmyk' && metadata.icc === undefined)
    throw new BadInput(`${name} is in CMYK without a profile that says which; convert it to RGB first.`);
  refuseOddGamma(chunks, metadata, name);
  if (metadata.hasAlpha && !(await sharp(bytes).stats()).isOpaque)
    throw new BadInput(`${name} has transparent pixels; put it on a background of your choice first.`);

  const changes = [
    ...((metadata.orientation ?? 1) === 1 ? [] : ['turned as its EXIF says']),
    ...(metadata.icc === undefined || isSrgb(metadata.icc) ? [] : [`from "${profileName(metadata.icc)}" to sRGB`]),
    ...(metadata.depth === 'uchar' ? [] : ['from 16 to 8 bits']),
    ...(metadata.hasAlpha ? ['its opaque alpha left out'] : []),
  ];
  const png = await withoutMetadata(bytes);
  const size = await sharp(png).metadata();
  return { png, width: size.width, height: size.height, changes };
}

/**
 * A PNG without a profile may say by a number how it is to be shown (gAMA, in 1/100000), which a browser obeys and others do not.
 * 45455 is sRGB's, 1 part in 20 is seen by nobody.
 */
function refuseOddGamma(chunks: ReadonlyMap<string, Buffer>, { icc }: Metadata, name: string): void {
  const gamma = chunks.get('gAMA')?.readUInt32BE(0);
  if (gamma === undefined || icc !== undefined || chunks.has('sRGB')) return;
  if (Math.abs(gamma / 45_455 - 1) > 0.05)
    throw new BadInput(`${name} has a gamma of its own (${gamma / 100_000}); convert it to sRGB first.`);
}

function isSrgb(icc: Buffer): boolean {
  return /sRGB/i.test(profileName(icc));
}

/** The profile's description (ICC.1, tag "desc"): text of version 2, or UTF-16 of version 4. */
function profileName(icc: Buffer): string {
  const tags = icc.length < 132 ? 0 : icc.readUInt32BE(128);
  for (let i = 0; i < tags && 144 + 12 * i <= icc.length; i++) {
    const entry = 132 + 12 * i;
    if (icc.toString('latin1', entry, entry + 4) !== 'desc') continue;
    const [offset, size] = [icc.readUInt32BE(entry + 4), icc.readUInt32BE(entry + 8)];
    const tag = icc.subarray(offset, offset + size);
    const kind = tag.toString('latin1', 0, 4);
    if (kind === 'desc' && tag.length > 12) return tag.toString('latin1', 12, 11 + tag.readUInt32BE(8)).trim();
    if (kind === 'mluc' && tag.length > 28) {
      const [length, at] = [tag.readUInt32BE(20), tag.readUInt32BE(24)];
      return Buffer.from(tag.subarray(at, at + length - (length % 2)))
        .swap16()
        .toString('utf16le')
        .replaceAll('\0', '');
    }
  }
  return 'a colour profile';
}
