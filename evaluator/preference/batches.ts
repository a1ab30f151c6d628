/**
 * @file The batches of a run. Which pairs, which noise and which timesteps they hold is a function of the seed, the step and
 * the part alone, so that a run that is killed and continued meets the same ones.
 */
import { TorchGenerator } from '../engine/diffusion/torch-random.ts';
import { mixPair } from '../statistics/mix.ts';
import { Random, shuffle } from '../statistics/random.ts';
import type { EncodedPairs } from './encoded-pairs.ts';
import { objectiveOf, type ObjectiveName } from './objectives/objectives.ts';
import type { Batch } from './training-session.ts';

export interface BatchSettings {
  objective: ObjectiveName;
  /** Pairs in one run of the graph. */
  batch: number;
  /** Runs whose gradients are averaged for one step. */
  accumulate: number;
  seed: number;
}
/** What batches read of the encoded pairs. */
export type BatchSource = Pick<EncodedPairs, 'pairs' | 'shape' | 'latent' | 'conditions'>;

export class Batches {
  readonly #source: BatchSource;
  readonly #settings: BatchSettings;
  readonly #timesteps: number;
  /** The shuffled pairs of one epoch. */
  #epoch = -1;
  #order = new Int32Array(0);

  /** @param timesteps T of the schedule; t is drawn below it */
  constructor(source: BatchSource, settings: BatchSettings, timesteps: number) {
    this.#source = source;
    this.#settings = settings;
    this.#timesteps = timesteps;
  }

  /** Pairs in the order of a fresh shuffle every epoch; noise and timesteps of their own for every step and part. */
  at(step: number, part: number): Batch {
    const { batch, accumulate, seed, objective } = this.#settings;
    const { firstTimestep } = objectiveOf(objective);
    const { channels, height, width, conditions: dims } = this.#source.shape;
    const size = channels * height * width;
    const mixed = mixPair(seed, step * accumulate + part);
    const generator = new TorchGenerator(mixed);
    const random = new Random(mixed ^ 0x7e57);
    const noise = generator.randn(batch * size); // [batch, channels, height, width]
    const z = generator.randn(batch * size); // [batch, channels, height, width]
    const winner = new Float32Array(batch * size); // [batch, channels, height, width]
    const loser = new Float32Array(batch * size); // [batch, channels, height, width]
    const empty = () =>
      Object.fromEntries(
        // [batch, …dims of the condition]
        Object.entries(dims).map(([name, shape]) => [name, new Float32Array(batch * shape.reduce((x, y) => x * y, 1))]),
      );
    const conditions = empty();
    const isApart = this.#source.pairs.some(({ loserCaption }) => loserCaption !== undefined);
    const loserConditions = isApart ? empty() : undefined;
    const put = (into: Record<string, Float32Array>, caption: string, i: number) => {
      for (const [name, values] of Object.entries(this.#source.conditions(caption)))
        into[name]!.set(values, i * values.length);
    };
    const timesteps: number[] = []; // [batch]
    for (let i = 0; i < batch; i++) {
      const pair = this.#source.pairs[this.#nthPair((step * accumulate + part) * batch + i)]!;
      // [channels, height, width]; each image is a sample of its own of what the VAE says.
      this.#source.latent(pair.winner, generator.randn(size), winner.subarray(i * size, (i + 1) * size));
      this.#source.latent(pair.loser, generator.randn(size), loser.subarray(i * size, (i + 1) * size));
      timesteps.push(firstTimestep + random.below(this.#timesteps - firstTimestep));
      put(conditions, pair.caption, i);
      if (loserConditions !== undefined) put(loserConditions, pair.loserCaption ?? pair.caption, i);
    }
    return { winner, loser, noise, z, timesteps, conditions, ...(loserConditions && { loserConditions }) };
  }

  /** The pair at a place in the endless sequence of shuffled epochs. */
  #nthPair(place: number): number {
    const count = this.#source.pairs.length;
    const epoch = Math.floor(place / count);
    if (this.#epoch !== epoch) {
      const order = Int32Array.from({ length: count }, (_, i) => i);
      shuffle(order, new Random(mixPair(this.#settings.seed ^ 0x0e90c4, epoch)));
      [this.#epoch, this.#order] = [epoch, order];
    }
    return this.#order[place % count]!;
  }
}
