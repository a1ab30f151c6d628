/**
 * @file From an image to what an image encoder takes: float32, [3, size, size], planes of red, green, blue.
 *
 * `clip`: transformers' CLIPImageProcessor. Short side to `size` with Pillow's bicubic, centre crop, 1/255, mean, std.
 * `hps`: HPS v2's own (Wu et al. 2023, arXiv:2306.09341): 1/255 first, longest side to `size` with PyTorch's bicubic on the
 * float tensor, zeros around it up to a square, then mean and std: the border is not grey but −mean/std.
 * `siglip`: transformers' SiglipImageProcessor. Both sides to `size` with Pillow's bicubic or bilinear, 1/255, mean, std.
 */
import { BadInput } from '../engine/files/bad-input.ts';
import { bilinear, resize, type RgbImage } from '../engine/images/resize.ts';

export interface Preprocessing {
  kind: 'clip' | 'hps' | 'siglip';
  size: number;
  mean: readonly number[];
  std: readonly number[];
  /** Bicubic when it is absent. */
  resampling?: 'bilinear';
}

/** OpenAI's CLIP (Radford et al. 2021); every scorer on a CLIP network was trained with them. */
export const clipMean = [0.48145466, 0.4578275, 0.40821073] as const;
export const clipStd = [0.26862954, 0.26130258, 0.27577711] as const;

/** SigLIP's mean and standard deviation alike. */
export const siglipHalf = [0.5, 0.5, 0.5] as const;

/** @throws BadInput when the image is too thin for this preprocessing */
export function preprocess(image: RgbImage, preprocessing: Preprocessing, name: string): Float32Array {
  switch (preprocessing.kind) {
    case 'clip':
      return clipPixels(image, preprocessing);
    case 'hps':
      return hpsPixels(image, preprocessing, name);
    case 'siglip': {
      const { size, resampling } = preprocessing;
      const whole = { left: 0, top: 0, width: size, height: size };
      const { pixels } = resize(image, size, size, whole, resampling && bilinear);
      return planes(pixels, preprocessing);
    }
  }
}

function clipPixels(image: RgbImage, { size, mean, std }: Preprocessing): Float32Array {
  const { width, height } = image;
  // The long side is cut down to a whole pixel, as torchvision and transformers do.
  const [newWidth, newHeight] =
    width <= height ? [size, Math.floor((size * height) / width)] : [Math.floor((size * width) / height), size];
  const region = {
    left: Math.floor((newWidth - size) / 2),
    top: Math.floor((newHeight - size) / 2),
    width: size,
    height: size,
  };
  return planes(resize(image, newWidth, newHeight, region).pixels, { size, mean, std });
}

/** Interleaved bytes as normalised planes. */
function planes(pixels: Uint8Array, { size, mean, std }: Pick<Preprocessing, 'size' | 'mean' | 'std'>): Float32Array {
  const plane = size * size;
  const out = new Float32Array(3 * plane);
  for (let channel = 0; channel < 3; channel++) {
    // 256 values are all there are.
    const normalized = normalizer(mean[channel]!, std[channel]!);
    const values = Float32Array.from({ length: 256 }, (_, byte) => normalized(Math.fround(byte / 255)));
    for (let i = 0, o = channel * plane; i < plane; i++) out[o + i] = values[pixels[i * 3 + channel]!]!;
  }
  return out;
}

function hpsPixels(image: RgbImage, { size, mean, std }: Preprocessing, name: string): Float32Array {
  const longest = Math.max(image.width, image.height);
  const [width, height] =
    longest === size
      ? [image.width, image.height]
      : [roundHalfEven((image.width * size) / longest), roundHalfEven((image.height * size) / longest)];
  if (width < 1 || height < 1) {
    throw new BadInput(`${name} is ${image.width} × ${image.height}: at ${size} pixels its short side vanishes.`);
  }
  const resized = torchBicubic(image, width, height);
  const [left, top] = [Math.floor((size - width) / 2), Math.floor((size - height) / 2)];
  const plane = size * size;
  const out = new Float32Array(3 * plane);
  for (let channel = 0; channel < 3; channel++) {
    const base = channel * plane;
    const normalized = normalizer(mean[channel]!, std[channel]!);
    out.fill(normalized(0), base, base + plane);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const value = resized[(channel * height + y) * width + x]!;
        out[base + (y + top) * size + x + left] = normalized(value);
      }
    }
  }
  return out;
}

/** (value − mean) / std in steps of float32. */
function normalizer(mean: number, std: number): (value: number) => number {
  const [centre, spread] = [Math.fround(mean), Math.fround(std)];
  return (value) => Math.fround(value - centre) / spread;
}

/**
 * torch.nn.functional.interpolate(mode='bicubic', align_corners=False) of the image / 255: a = −0.75, half-pixel centres, border
 * repeated, no antialias, float32 throughout, in the order of roundings of PyTorch's vectorised x86 build, found by fitting the
 * kernel's weights to what it gave. Equal to it in every bit on the reference images; other builds differ in the last one.
 * @returns [3, height, width]
 */
function torchBicubic(image: RgbImage, width: number, height: number): Float32Array {
  const columns = taps(image.width, width);
  const rows = taps(image.height, height);
  const values = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);
  const out = new Float32Array(3 * height * width);
  // Each input row is resized once and kept while the output rows need it.
  const across = new Map<number, Float32Array>();
  for (let y = 0; y < height; y++) {
    const first = rows.index[y * 4]!;
    for (const row of across.keys()) if (row < first) across.delete(row);
    const lines = [0, 1, 2, 3].map((j) => {
      const row = rows.index[y * 4 + j]!;
      const line = across.get(row) ?? resizeRow(image, row, columns, width, values);
      across.set(row, line);
      return line;
    });
    for (let channel = 0; channel < 3; channel++) {
      for (let x = 0; x < width; x++) {
        const i = channel * width + x;
        out[(channel * height + y) * width + x] = combine(
          lines[0]![i]!,
          lines[1]![i]!,
          lines[2]![i]!,
          lines[3]![i]!,
          rows.weight,
          y * 4,
        );
      }
    }
  }
  return out;
}

/** @returns [3, width] */
function resizeRow(image: RgbImage, row: number, columns: Taps, width: number, values: Float32Array): Float32Array {
  const line = new Float32Array(3 * width);
  const start = row * image.width;
  const { index, weight } = columns;
  for (let channel = 0; channel < 3; channel++) {
    const value = (tap: number) => values[image.pixels[(start + index[tap]!) * 3 + channel]!]!;
    for (let x = 0; x < width; x++) {
      const k = x * 4;
      line[channel * width + x] = combine(value(k), value(k + 1), value(k + 2), value(k + 3), weight, k);
    }
  }
  return line;
}

/** Four products summed with fused steps: v₁w₁ first, then v₀w₀, v₂w₂, v₃w₃. A product of two float32 is exact in float64. */
function combine(v0: number, v1: number, v2: number, v3: number, weight: Float32Array, k: number): number {
  const f = Math.fround;
  const inner = f(v0 * weight[k]! + f(v1 * weight[k + 1]!));
  return f(v3 * weight[k + 3]! + f(v2 * weight[k + 2]! + inner));
}

/** Four input pixels and their weights for each output pixel. */
interface Taps {
  index: Int32Array;
  weight: Float32Array;
}

function taps(inputSize: number, outputSize: number): Taps {
  const index = new Int32Array(outputSize * 4);
  const weight = new Float32Array(outputSize * 4);
  const scale = Math.fround(inputSize / outputSize);
  for (let o = 0; o < outputSize; o++) {
    const position = Math.fround(scale * (o + 0.5) - 0.5);
    const base = Math.floor(position);
    const t = Math.fround(position - base);
    for (let i = 0; i < 4; i++) {
      index[o * 4 + i] = Math.min(inputSize - 1, Math.max(0, base - 1 + i));
    }
    const rest = Math.fround(1 - t);
    weight.set(
      [farWeight(Math.fround(t + 1)), nearWeight(t), nearWeight(rest), farWeight(Math.fround(rest + 1))],
      o * 4,
    );
  }
  return { index, weight };
}

const a = -0.75;

/** Keys' cubic with a = −0.75 for a distance of at most 1; the last multiplication and addition are rounded apart. */
function nearWeight(d: number): number {
  const f = Math.fround;
  return f(f(f((a + 2) * d - (a + 3)) * d) * d) + 1;
}

/** For a distance between 1 and 2. */
function farWeight(d: number): number {
  const f = Math.fround;
  return f(f(f(a * d - 5 * a) * d + 8 * a) * d) - 4 * a;
}

/** Python's round. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
