/**
 * @file From a picture to what an image encoder takes: float32, [3, size, size], planes of red, green, blue.
 *
 * `clip`: transformers' CLIPImageProcessor. Short side to `size` with Pillow's bicubic, centre crop, 1/255, mean, std.
 * `hps`: HPS v2's own (Wu et al. 2023, arXiv:2306.09341): 1/255 first, longest side to `size` with PyTorch's bicubic on the
 * float tensor, zeros around it up to a square, then mean and std: the border is not grey but −mean/std.
 */
import { BadInput } from '../bad-input.ts';
import { resize, type RgbImage } from '../images/resize.ts';

export interface Preprocessing {
  kind: 'clip' | 'hps';
  size: number;
  mean: readonly number[];
  std: readonly number[];
}

/** OpenAI's CLIP (Radford et al. 2021); every scorer here was trained with them. */
export const clipMean = [0.48145466, 0.4578275, 0.40821073] as const;
export const clipStd = [0.26862954, 0.26130258, 0.27577711] as const;

/** @throws BadInput when the picture is too thin for this preprocessing */
export function preprocess(image: RgbImage, preprocessing: Preprocessing, name: string): Float32Array {
  return preprocessing.kind === 'clip' ? clipPixels(image, preprocessing) : hpsPixels(image, preprocessing, name);
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
  const { pixels } = resize(image, newWidth, newHeight, region);
  const plane = size * size;
  const out = new Float32Array(3 * plane);
  for (let channel = 0; channel < 3; channel++) {
    // 256 values are all there are.
    const values = Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean[channel]!) / std[channel]!);
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
    out.fill(-mean[channel]! / std[channel]!, base, base + plane);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const value = resized[(channel * height + y) * width + x]!;
        out[base + (y + top) * size + x + left] = (value - mean[channel]!) / std[channel]!;
      }
    }
  }
  return out;
}

/**
 * torch.nn.functional.interpolate(mode='bicubic', align_corners=False) of the picture / 255: a = −0.75, half-pixel
 * centres, border repeated, no antialias. The sampling positions are float32, as PyTorch's are.
 * @returns [3, height, width]
 */
function torchBicubic(image: RgbImage, width: number, height: number): Float32Array {
  const columns = taps(image.width, width);
  const rows = taps(image.height, height);
  const out = new Float32Array(3 * height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let j = 0; j < 4; j++) {
          const row = rows.index[y * 4 + j]! * image.width;
          let across = 0;
          for (let i = 0; i < 4; i++)
            across += image.pixels[(row + columns.index[x * 4 + i]!) * 3 + channel]! * columns.weight[x * 4 + i]!;
          sum += across * rows.weight[y * 4 + j]!;
        }
        out[(channel * height + y) * width + x] = sum / 255;
      }
    }
  }
  return out;
}

/** Four input pixels and their weights for each output pixel. */
function taps(inputSize: number, outputSize: number): { index: Int32Array; weight: Float64Array } {
  const index = new Int32Array(outputSize * 4);
  const weight = new Float64Array(outputSize * 4);
  const scale = Math.fround(inputSize / outputSize);
  for (let o = 0; o < outputSize; o++) {
    const position = Math.fround(scale * (o + 0.5) - 0.5);
    const base = Math.floor(position);
    const t = Math.fround(position - base);
    for (let i = 0; i < 4; i++) {
      index[o * 4 + i] = Math.min(inputSize - 1, Math.max(0, base - 1 + i));
    }
    const rest = Math.fround(1 - t);
    weight.set([Math.fround(t + 1), t, rest, Math.fround(rest + 1)].map(torchCubic), o * 4);
  }
  return { index, weight };
}

/** Steps of float32, with a multiplication and the addition after it rounded once, as PyTorch's builds compute them. */
function torchCubic(x: number): number {
  const a = -0.75;
  const d = Math.abs(x);
  const f = Math.fround;
  if (d <= 1) return f(f(f((a + 2) * d - (a + 3)) * d) * d + 1);
  return f(f(f(a * d - 5 * a) * d + 8 * a) * d - 4 * a);
}

/** Python's round. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
