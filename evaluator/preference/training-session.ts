/** @file A training graph in a session: a batch and the adapter go in, errors, loss and gradients come out. Blocks its thread. */
import type { AttentionLimits } from '../engine/autodiff/attention.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { canonicalise } from '../engine/autodiff/canonical.ts';
import { count } from '../engine/autodiff/graph.ts';
import { widenWhereRead } from '../engine/autodiff/half.ts';
import type { Device } from '../engine/onnx/device.ts';
import { dataType, encodeModel, readModel } from '../engine/onnx/model-file.ts';
import { createSession, type Session, type Value } from '../engine/onnx/session.ts';
import { externalFiles } from '../engine/onnx/subgraph.ts';
import { parametersOf } from './network-parameters.ts';
import { addNoise, stepBack, type NoiseSchedule } from './reverse-step.ts';
import { trainingGraph, type TrainingGraph, type TrainingSpec } from './training-graph.ts';

/** One batch of pairs. One ε, one t and one z a pair, shared by winner and loser. */
export interface Batch {
  /** Latents, each [pairs, channels, height, width]; the loser is not read by SFT. */
  winner: Float32Array;
  loser: Float32Array;
  noise: Float32Array;
  z: Float32Array;
  /** [pairs] */
  timesteps: readonly number[];
  /** Conditions by the network's input names, each [pairs, …]: encoder_hidden_states, SDXL's text_embeds and time_ids. */
  conditions: Readonly<Record<string, Float32Array>>;
  /** The losers', where they are of other captions. */
  loserConditions?: Readonly<Record<string, Float32Array>>;
}

export interface NetworkShape {
  channels: number;
  height: number;
  width: number;
  /** By input name, the dimensions of one sample. */
  conditions: Readonly<Record<string, readonly number[]>>;
}

export interface StepResult {
  loss: number;
  /** [samples], winners first. */
  modelErrors: Float32Array;
  referenceErrors: Float32Array | undefined;
  /** In the order of the graph's parameters. */
  gradients: Float32Array[];
}

export class TrainingSession {
  readonly training: TrainingGraph;
  readonly #session: Session;
  readonly #shape: NetworkShape;
  readonly #schedule: NoiseSchedule;
  readonly #perceptual: boolean;
  readonly #pairs: number;
  readonly #timestepType: number;
  readonly #outputs: Record<string, Value>;

  private constructor(
    training: TrainingGraph,
    session: Session,
    shape: NetworkShape,
    schedule: NoiseSchedule,
    spec: TrainingSpec,
  ) {
    this.training = training;
    this.#session = session;
    this.#shape = shape;
    this.#schedule = schedule;
    this.#perceptual = spec.objective.perceptual;
    this.#pairs = spec.pairs;
    this.#timestepType = training.graph.value('timestep').type;
    // Written in place at every step: no step allocates what it returns.
    this.#outputs = Object.fromEntries(
      training.names.gradients.map((name, i) => {
        const { dims } = training.parameters[i]!;
        return [name, { type: 'float32', data: new Float32Array(count(dims)), dims }];
      }),
    );
  }

  /**
   * @param file the U-Net's .onnx file
   * @param options threads of the runtime on a CPU; when attention is chunked, attention.ts has the defaults; whether the network's
   * own weights are trained instead of an adapter
   * @throws BadInput when it cannot be differentiated or loaded
   */
  static async create(
    file: string,
    shape: NetworkShape,
    spec: TrainingSpec,
    schedule: NoiseSchedule,
    device: Device,
    options: { threads?: number | undefined; attention?: AttentionLimits | undefined; isWhole?: boolean } = {},
  ): Promise<TrainingSession> {
    const { threads, attention, isWhole = false } = options;
    const samples = spec.objective.usesLoser || spec.everyError === true ? 2 * spec.pairs : spec.pairs;
    const { channels, height, width, conditions } = shape;
    const dims = {
      sample: [samples, channels, height, width],
      timestep: [samples],
      ...Object.fromEntries(Object.entries(conditions).map(([name, one]) => [name, [samples, ...one]])),
    };
    const whole = isWhole ? parametersOf(await readModel(file), file) : undefined;
    const kept = new Set(whole?.map(({ tensor }) => tensor.name!));
    const network = await canonicalise(file, dims, { attention, kept });
    if (isWhole && network.isHalf)
      throw new BadInput(`${file} computes in half precision; a whole U-Net is trained from a float32 export.`);
    const training = trainingGraph(network, spec, whole);
    const model = training.graph.toModel();
    if (network.isHalf) widenWhereRead(model);
    const patch = { model: encodeModel(model), weights: [], files: externalFiles(model) };
    const session = await createSession({ file, patch, keepsHalf: network.isHalf }, device, threads);
    return new TrainingSession(training, session, shape, schedule, spec);
  }

  /** @param parameters in the graph's order; the result's gradients are overwritten by the next run */
  async run(batch: Batch, parameters: readonly Float32Array[]): Promise<StepResult> {
    const { names, parameters: described } = this.training;
    const feeds = this.#feeds(batch);
    described.forEach(({ name, dims }, i) => (feeds[name] = { type: 'float32', data: parameters[i]!, dims }));
    const wanted = [
      names.loss,
      names.modelErrors,
      ...(names.referenceErrors === undefined ? [] : [names.referenceErrors]),
    ];
    const result = await this.#session.run(feeds, [...wanted, ...names.gradients], this.#outputs);
    return {
      loss: (result[names.loss]!.data as Float32Array)[0]!,
      modelErrors: result[names.modelErrors]!.data as Float32Array,
      referenceErrors:
        names.referenceErrors === undefined ? undefined : (result[names.referenceErrors]!.data as Float32Array),
      gradients: names.gradients.map((name) => this.#outputs[name]!.data as Float32Array),
    };
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  #feeds({
    winner,
    loser,
    noise,
    z,
    timesteps,
    conditions,
    loserConditions = conditions,
  }: Batch): Record<string, Value> {
    const { channels, height, width } = this.#shape;
    const size = channels * height * width;
    const { samples } = this.training;
    const sides = samples / this.#pairs;
    const dims = [samples, channels, height, width];
    const [sample, target, noises, kappa] = [size, size, size, 1].map((one) => new Float32Array(samples * one)) as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    for (let i = 0; i < samples; i++) {
      const pair = i % this.#pairs;
      const at = (array: Float32Array, index: number) => array.subarray(index * size, (index + 1) * size);
      const t = timesteps[pair]!;
      addNoise(this.#schedule, at(i < this.#pairs ? winner : loser, pair), at(noise, pair), t, at(sample, i));
      noises.set(at(noise, pair), i * size);
      kappa[i] = this.#schedule.kappa[t]!;
      if (this.#perceptual) stepBack(this.#schedule, at(sample, i), at(noise, pair), at(z, pair), t, at(target, i));
    }
    const ofSides = (winners: Float32Array, losers: Float32Array) => {
      const out = new Float32Array(winners.length * sides);
      for (let side = 0; side < sides; side++) out.set(side === 0 ? winners : losers, side * winners.length);
      return out;
    };
    const feeds: Record<string, Value> = {
      sample: { type: 'float32', data: sample, dims },
      noise: { type: 'float32', data: noises, dims },
      timestep: this.#timesteps(timesteps, sides, 0),
    };
    for (const [name, dimensions] of Object.entries(this.#shape.conditions))
      feeds[name] = {
        type: 'float32',
        data: ofSides(conditions[name]!, loserConditions[name]!),
        dims: [samples, ...dimensions],
      };
    if (this.#perceptual) {
      feeds['target_sample'] = { type: 'float32', data: target, dims };
      feeds['target_timestep'] = this.#timesteps(timesteps, sides, -1);
      feeds['kappa'] = { type: 'float32', data: kappa, dims: [samples, 1, 1, 1] };
    }
    return feeds;
  }

  #timesteps(timesteps: readonly number[], sides: number, shift: number): Value {
    const all = Array.from({ length: sides }, () => timesteps.map((t) => t + shift)).flat();
    return this.#timestepType === dataType.int64
      ? { type: 'int64', data: BigInt64Array.from(all, BigInt), dims: [all.length] }
      : { type: 'float32', data: Float32Array.from(all), dims: [all.length] };
  }
}
