/** @file What is trained, the optimiser's moments, and how far a run is: what is saved, and what a run continues from. */
import { existsSync } from 'node:fs';
import { BadInput } from '../engine/files/bad-input.ts';
import { readSafeTensors, writeSafeTensors, type SafeTensor } from '../engine/onnx/safetensors.ts';
import { AdamW } from './adamw.ts';
import { AdamW8bit } from './adamw8bit.ts';
import { filesOf } from './run-folder.ts';
import type { TrainingSettings } from './trainer.ts';
import { WeightAverage } from './weight-average.ts';
import type { TrainingGraph } from './training-graph.ts';

type Described = Pick<TrainingGraph, 'parameters'>;
type StateSettings = Pick<TrainingSettings, 'optimizer' | 'ema'>;

export class TrainingState {
  /** Steps taken. */
  step = 0;
  deviceSeconds = 0;
  /** In the graph's order, each of its described shape. */
  readonly parameters: Float32Array[];
  readonly optimizer: AdamW | AdamW8bit;
  /** Null where none is kept. */
  readonly average: WeightAverage | null;
  readonly #out: string;
  readonly #described: Described;

  private constructor(out: string, described: Described, settings: StateSettings, untrained: readonly Float32Array[]) {
    this.#out = out;
    this.#described = described;
    this.parameters = [...untrained];
    this.average = settings.ema == null ? null : new WeightAverage(untrained, settings.ema);
    const sizes = untrained.map(({ length }) => length);
    this.optimizer = settings.optimizer === 'adamw' ? new AdamW(sizes) : new AdamW8bit(sizes);
  }

  /**
   * Fresh, or as it was saved in the folder.
   * @param untrained in the graph's order; changed in place from then on
   * @throws BadInput when what was saved is damaged or of another run
   */
  static async open(
    out: string,
    described: Described,
    settings: StateSettings,
    untrained: readonly Float32Array[],
  ): Promise<TrainingState> {
    const state = new TrainingState(out, described, settings, untrained);
    const { state: file } = filesOf(out);
    if (!existsSync(file)) return state;
    const { tensors, metadata } = await readSafeTensors(file);
    for (const [name, array] of state.#arrays()) {
      const saved = tensors.get(name)?.data;
      if (saved === undefined || saved.byteLength < array.byteLength)
        throw new BadInput(`${file} does not hold "${name}"; it is damaged or of another run.`);
      bytesOf(array).set(bytesOf(saved).subarray(0, array.byteLength));
    }
    state.step = Number(metadata['step']);
    state.deviceSeconds = Number(metadata['deviceSeconds']);
    state.optimizer.step = state.step;
    return state;
  }

  /** What the run makes of it: the average, where one is kept. */
  get result(): readonly Float32Array[] {
    return this.average?.values ?? this.parameters;
  }

  async save(): Promise<void> {
    const tensors = new Map<string, SafeTensor>();
    for (const [name, array] of this.#arrays()) {
      if (array instanceof Float32Array) {
        tensors.set(name, { shape: [array.length], data: array });
        continue;
      }
      // Codes of one byte travel as the bits of float32.
      const padded = new Uint8Array(Math.ceil(array.byteLength / 4) * 4);
      padded.set(bytesOf(array));
      tensors.set(name, { shape: [padded.length / 4], data: new Float32Array(padded.buffer) });
    }
    const metadata = { step: String(this.step), deviceSeconds: String(this.deviceSeconds) };
    await writeSafeTensors(filesOf(this.#out).state, tensors, metadata);
  }

  *#arrays(): Generator<[string, Float32Array | Uint8Array]> {
    for (const [i, { name }] of this.#described.parameters.entries()) {
      yield [`parameter ${name}`, this.parameters[i]!];
      if (this.average !== null) yield [`average ${name}`, this.average.values[i]!];
      if (this.optimizer instanceof AdamW) {
        yield [`first ${name}`, this.optimizer.first[i]!];
        yield [`second ${name}`, this.optimizer.second[i]!];
        continue;
      }
      const state = this.optimizer.states[i]!;
      if (state instanceof AdamW) {
        yield [`first ${name}`, state.first[0]!];
        yield [`second ${name}`, state.second[0]!];
        continue;
      }
      for (const moment of ['first', 'second'] as const) {
        yield [`${moment} codes ${name}`, state[moment].codes];
        yield [`${moment} scales ${name}`, state[moment].scales];
      }
    }
  }
}

function bytesOf(array: Float32Array | Uint8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
