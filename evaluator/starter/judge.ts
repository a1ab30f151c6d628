/**
 * @file A judge that knows the scene: how near an image is to good drawings of what its caption says. It looks at pixels
 * alone, through no network, and so shares nothing with the reward that scores the adapters.
 */
import { Random } from '../statistics/random.ts';
import { drawScene } from './drawing.ts';
import type { Scene } from './scene.ts';

/** Cells along a side; of each, the mean and the deviation of every colour are compared. */
const cells = 8;
/** Drawings of the scene, which differ in what the caption leaves open; the nearest counts. */
const drawings = 6;

/**
 * @param images each [size, size, 3], 0 … 255
 * @returns of each image, higher is better: minus the mean absolute difference to the nearest drawing, in colours' units
 */
export function likeness(scene: Scene, images: readonly Uint8Array[], size: number): number[] {
  const random = new Random(99);
  const models = Array.from({ length: drawings }, () => lookOf(drawScene(scene, size, 'full', random), size));
  return images.map((image) => {
    const look = lookOf(image, size);
    return -Math.min(...models.map((model) => differenceOf(look, model)));
  });
}

/** [cells, cells, 3, 2]: mean and standard deviation of each colour in each cell. */
function lookOf(image: ArrayLike<number>, size: number): Float64Array {
  const look = new Float64Array(cells * cells * 6);
  const wide = size / cells;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let c = 0; c < 3; c++) {
        const value = image[(y * size + x) * 3 + c]!;
        const o = ((Math.floor(y / wide) * cells + Math.floor(x / wide)) * 3 + c) * 2;
        look[o]! += value / wide ** 2;
        look[o + 1]! += value ** 2 / wide ** 2;
      }
    }
  }
  for (let o = 0; o < look.length; o += 2) look[o + 1] = Math.sqrt(Math.max(0, look[o + 1]! - look[o]! ** 2));
  return look;
}

function differenceOf(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}
