/** @file The adapter, the optimiser's moments, and how far a run is: what is saved, and what a run continues from. */
import { existsSync } from 'node:fs';
import { BadInput } from '../engine/files/bad-input.ts';
import { writeWhole } from '../engine/files/write-whole.ts';
import { count } from '../engine/autodiff/graph.ts';
import { TorchGenerator } from '../engine/diffusion/torch-random.ts';
import { encodeSafeTensors, readSafeTensors, type SafeTensor } from '../engine/onnx/safetensors.ts';
import { AdamW } from './adamw.ts';
import { AdamW8bit } from './adamw8bit.ts';
import { encodeAdapter } from './adapter-file.ts';
import { filesOf } from './run-folder.ts';
import type { TrainingSettings } from './trainer.ts';
import type { TrainingGraph } from './training-graph.ts';

type Described = Pick<TrainingGraph, 'parameters'>;
type StateSettings = Pick<TrainingSettings, 'optimizer' | 'seed' | 'rank' | 'alpha'>;

export class TrainingState {
  /** Steps taken. */
  step = 0;
  deviceSeconds = 0;
  /** In the graph's order, each of its described shape. */
  readonly parameters: Float32Array[];
  readonly optimizer: AdamW | AdamW8bit;
  readonly #out: string;
  readonly #described: Described;
  readonly #scale: number;

  private constructor(out: string, described: Described, settings: StateSettings) {
    this.#out = out;
    this.#described = described;
    this.#scale = settings.alpha / settings.rank;
    const sizes = described.parameters.map(({ dims }) => count(dims));
    this.optimizer = settings.optimizer === 'adamw' ? new AdamW(sizes) : new AdamW8bit(sizes);
    // A ~ N(0, (1/rank)²), B = 0
    const generator = new TorchGenerator(settings.seed);
    this.parameters = described.parameters.map(({ name }, i) =>
      name.endsWith('.A') ? generator.randn(sizes[i]!).map((x) => x / settings.rank) : new Float32Array(sizes[i]!),
    );
  }

  /** Fresh, or as it was saved in the folder. @throws BadInput when what was saved is damaged or of another run */
  static async open(out: string, described: Described, settings: StateSettings): Promise<TrainingState> {
    const state = new TrainingState(out, described, settings);
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

  /** As a safetensors file. */
  adapter(): Buffer {
    return encodeAdapter(this.#described, this.parameters, this.#scale);
  }

  /** The state first: a checkpoint without it would be made again, the same. */
  async save(checkpoint: boolean): Promise<void> {
    const files = filesOf(this.#out);
    const tensors = new Map<string, SafeTensor>();
    for (const [name, array] of this.#arrays()) {
      // Codes of one byte travel as the bits of float32.
      const padded = new Uint8Array(Math.ceil(array.byteLength / 4) * 4);
      padded.set(bytesOf(array));
      tensors.set(name, { shape: [padded.length / 4], data: new Float32Array(padded.buffer) });
    }
    const metadata = { step: String(this.step), deviceSeconds: String(this.deviceSeconds) };
    await writeWhole(files.state, encodeSafeTensors(tensors, metadata));
    if (checkpoint) await writeWhole(files.checkpoint(this.step), this.adapter());
  }

  *#arrays(): Generator<[string, Float32Array | Uint8Array]> {
    for (const [i, { name }] of this.#described.parameters.entries()) {
      yield [`parameter ${name}`, this.parameters[i]!];
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
