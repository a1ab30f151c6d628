/**
 * @file Pillow's resize, bit for bit: Pillow's libImaging/Resample.c. A filter stretched by the scale when it shrinks
 * (antialias): Keys' cubic with a = −0.5, or a triangle; coefficients in fixed point with 22 fractional bits; a horizontal pass into bytes,
 * then a vertical pass.
 */
import { ArgumentError } from '../../statistics/argument-error.ts';

/** Interleaved RGB bytes: [height, width, 3]. */
export interface RgbImage {
  width: number;
  height: number;
  pixels: Uint8Array;
}

/** A part of the resized image; only it is computed. */
export interface Region {
  left: number;
  top: number;
  width: number;
  height: number;
}

const fractionBits = 22;
const half = 1 << (fractionBits - 1);

/**
 * @param width of the whole resized image
 * @param region what of it is wanted; all of it when absent. The result's pixels are those of the whole resize.
 * @throws ArgumentError when a size is not a whole number above 0 or the region leaves the image
 */
export function resize(
  image: RgbImage,
  width: number,
  height: number,
  region: Region = { left: 0, top: 0, width, height },
  filter: Filter = bicubic,
): RgbImage {
  if (![width, height].every((size) => Number.isInteger(size) && size > 0))
    throw new ArgumentError(`${width} × ${height} is no image size.`);
  if (region.left < 0 || region.top < 0 || region.left + region.width > width || region.top + region.height > height)
    throw new ArgumentError('The region is not inside the resized image.');
  const columns = kernels(filter, image.width, width, region.left, region.width);
  const rows = kernels(filter, image.height, height, region.top, region.height);
  const firstRow = rows.first[0]!;
  const lastRow = rows.first[region.height - 1]! + rows.count[region.height - 1]!;
  const between = horizontalPass(image, columns, region.width, firstRow, lastRow);
  return { width: region.width, height: region.height, pixels: verticalPass(between, rows, region, firstRow) };
}

export interface Filter {
  /** Input pixels on either side. */
  reach: number;
  weight(x: number): number;
}
export const bicubic: Filter = { reach: 2, weight: cubic };
export const bilinear: Filter = { reach: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };

interface Kernels {
  /** The first input pixel of each output pixel, and how many. */
  first: Int32Array;
  count: Int32Array;
  /** [output, size] in fixed point. */
  weights: Int32Array;
  size: number;
}

/** Resample.c, precompute_coeffs and normalize_coeffs_8bpc. */
function kernels(
  { reach, weight }: Filter,
  inputSize: number,
  outputSize: number,
  start: number,
  length: number,
): Kernels {
  const scale = inputSize / outputSize;
  const filterScale = Math.max(scale, 1);
  const support = reach * filterScale;
  const size = Math.ceil(support) * 2 + 1;
  const [first, count] = [new Int32Array(length), new Int32Array(length)];
  const weights = new Int32Array(length * size);
  const raw = new Float64Array(size);
  for (let i = 0; i < length; i++) {
    const centre = (start + i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const n = Math.min(inputSize, Math.trunc(centre + support + 0.5)) - low;
    let sum = 0;
    for (let x = 0; x < n; x++) sum += raw[x] = weight((x + low - centre + 0.5) / filterScale);
    for (let x = 0; x < n; x++) weights[i * size + x] = toFixedPoint(sum === 0 ? raw[x]! : raw[x]! / sum);
    first[i] = low;
    count[i] = n;
  }
  return { first, count, weights, size };
}

/** Rounds half away from zero. */
function toFixedPoint(weight: number): number {
  return Math.trunc(weight * (1 << fractionBits) + (weight < 0 ? -0.5 : 0.5));
}

/** Keys (1981), IEEE TASSP 29:1153–1160, with a = −½. */
function cubic(x: number): number {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * a;
  return 0;
}

/** @returns [lastRow − firstRow, width, 3] */
function horizontalPass(
  { width: inputWidth, pixels }: RgbImage,
  { first, count, weights, size }: Kernels,
  width: number,
  firstRow: number,
  lastRow: number,
): Uint8Array {
  const out = new Uint8Array((lastRow - firstRow) * width * 3);
  for (let y = firstRow, o = 0; y < lastRow; y++) {
    for (let x = 0; x < width; x++) {
      let [r, g, b] = [half, half, half];
      const k = x * size;
      let i = (y * inputWidth + first[x]!) * 3;
      for (let t = 0; t < count[x]!; t++, i += 3) {
        const weight = weights[k + t]!;
        r += pixels[i]! * weight;
        g += pixels[i + 1]! * weight;
        b += pixels[i + 2]! * weight;
      }
      out[o++] = toByte(r);
      out[o++] = toByte(g);
      out[o++] = toByte(b);
    }
  }
  return out;
}

/** @returns [region.height, region.width, 3] */
function verticalPass(
  between: Uint8Array,
  { first, count, weights, size }: Kernels,
  { width, height }: Region,
  firstRow: number,
): Uint8Array {
  const stride = width * 3;
  const out = new Uint8Array(height * stride);
  const sums = new Int32Array(stride);
  for (let y = 0; y < height; y++) {
    sums.fill(half);
    for (let t = 0; t < count[y]!; t++) {
      const weight = weights[y * size + t]!;
      const row = (first[y]! + t - firstRow) * stride;
      for (let x = 0; x < stride; x++) sums[x]! += between[row + x]! * weight;
    }
    for (let x = 0; x < stride; x++) out[y * stride + x] = toByte(sums[x]!);
  }
  return out;
}

function toByte(sum: number): number {
  const value = sum >> fractionBits;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
