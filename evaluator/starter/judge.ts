/**
 * @file A judge that knows the scene: how much more an image looks like drawings of its caption's scene than like drawings of
 * any scenes, to the starter's image encoder. It never reads the caption, and does not ask what the reward asks (does the
 * image fit the words?).
 */
import { stack } from '../engine/onnx/tensors.ts';
import { preprocess, type Preprocessing } from '../rewards/preprocessing.ts';
import type { RewardModel } from '../rewards/reward-model.ts';
import { Random } from '../statistics/random.ts';
import { drawScene, randomScene, type Scene } from './scene.ts';

const size = 64;
const shifts = [-0.05, 0, 0.05];
const others = 64;

export class SceneJudge {
  readonly #model: RewardModel;
  readonly #preprocessing: Preprocessing;
  /** The mean of other scenes' embeddings: what every drawing has. */
  readonly #common: Float32Array;

  private constructor(model: RewardModel, preprocessing: Preprocessing, common: Float32Array) {
    this.#model = model;
    this.#preprocessing = preprocessing;
    this.#common = common;
  }

  static async create(model: RewardModel, preprocessing: Preprocessing): Promise<SceneJudge> {
    const random = new Random(99);
    const drawings = Array.from({ length: others }, () => draw(randomScene(random)));
    const rows = await embed(model, preprocessing, drawings);
    return new SceneJudge(model, preprocessing, meanOf(rows));
  }

  /** @param images each [64, 64, 3], 0 … 255. @returns higher is better: a difference of mean cosines */
  async likeness(scene: Scene, images: readonly Uint8Array[]): Promise<number[]> {
    const moved =
      scene.things.length === 1 ? shifts.flatMap((dx) => shifts.map((dy) => [dx, dy] as const)) : [[0, 0] as const];
    const drawings = moved.map((shift) => draw(scene, shift));
    const rows = await embed(this.#model, this.#preprocessing, [...drawings, ...images]);
    const own = meanOf(rows.slice(0, drawings.length));
    return rows
      .slice(drawings.length)
      .map((row) => row.reduce((sum, value, k) => sum + value * (own[k]! - this.#common[k]!), 0));
  }
}

function draw(scene: Scene, shift?: readonly [number, number]): Uint8Array {
  return Uint8Array.from(drawScene(scene, size, shift), Math.round);
}

async function embed(model: RewardModel, preprocessing: Preprocessing, images: readonly Uint8Array[]) {
  const pixels = images.map((image) =>
    preprocess({ width: size, height: size, pixels: image }, preprocessing, 'an image of the starter’s world'),
  );
  const embeddings = await model.embedImages(stack(pixels), images.length);
  const width = embeddings.length / images.length;
  return images.map((_, i) => embeddings.subarray(i * width, (i + 1) * width));
}

function meanOf(rows: readonly Float32Array[]): Float32Array {
  return rows[0]!.map((_, k) => rows.reduce((sum, row) => sum + row[k]!, 0) / rows.length);
}
