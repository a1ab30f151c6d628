/**
 * @file A judge that knows the scene: how alike a picture and drawings of its caption's scene look to the starter's image
 * encoder. It never reads the caption, and does not ask what the reward asks (does the picture fit the words?).
 */
import { preprocess } from '../rewards/preprocessing.ts';
import type { RewardModel } from '../rewards/reward-model.ts';
import type { Preprocessing } from '../rewards/preprocessing.ts';
import { drawScene, type Scene } from './scene.ts';

const size = 64;
const shifts = [-0.05, 0, 0.05];

/** @param images each [64, 64, 3], 0 … 255. @returns higher is better: the mean cosine to nine drawings */
export async function sceneLikeness(
  model: RewardModel,
  preprocessing: Preprocessing,
  scene: Scene,
  images: readonly Uint8Array[],
): Promise<number[]> {
  const moved =
    scene.things.length === 1 ? shifts.flatMap((dx) => shifts.map((dy) => [dx, dy] as const)) : [[0, 0] as const];
  const drawings = moved.map((shift) => Uint8Array.from(drawScene(scene, size, shift), Math.round));
  const all = [...drawings, ...images];
  const pixels = all.map((picture) =>
    preprocess({ width: size, height: size, pixels: picture }, preprocessing, scene.caption),
  );
  const stacked = new Float32Array(pixels.length * pixels[0]!.length);
  pixels.forEach((picture, i) => stacked.set(picture, i * picture.length));
  const embeddings = await model.embedImages(stacked, all.length);
  const width = embeddings.length / all.length;
  const row = (i: number) => embeddings.subarray(i * width, (i + 1) * width);
  return images.map((_, i) => {
    const own = row(drawings.length + i);
    const cosines = drawings.map((_drawing, d) => row(d).reduce((sum, value, k) => sum + value * own[k]!, 0));
    return cosines.reduce((sum, cosine) => sum + cosine, 0) / cosines.length;
  });
}
