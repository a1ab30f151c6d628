/**
 * @file Arrow: latents and prompt states → adapter. Every random number is a function of the seed and the step, so that a run
 * that is killed and continued gives the same bytes as one that was not.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { BadInput } from '../engine/files/bad-input.ts';
import { TorchGenerator } from '../engine/diffusion/torch-random.ts';
import { unetOf, type PipelineFolder } from '../engine/diffusion/folder.ts';
import type { Device } from '../engine/onnx/device.ts';
import { encodeSafeTensors, readSafeTensors, type SafeTensor } from '../engine/onnx/safetensors.ts';
import { readJson } from '../engine/files/read-json.ts';
import { Random } from '../statistics/random.ts';
import { writeWhole } from '../engine/files/write-whole.ts';
import { AdamW, adamWDefaults, globalNorm } from './adamw.ts';
import { AdamW8bit } from './adamw8bit.ts';
import { encodeAdapter } from './adapter-file.ts';
import type { EncodedPairs } from './encoded-pairs.ts';
import { cpoLogits, dpoLogits, objectiveOf, type FeatureName, type ObjectiveName } from './objectives.ts';
import { noiseSchedule } from './reverse-step.ts';
import { TrainingSession, type Batch, type StepResult } from './training-session.ts';

export interface TrainingSettings {
  objective: ObjectiveName;
  features: FeatureName;
  rank: number;
  alpha: number;
  beta: number;
  lambda: number;
  learningRate: number;
  /** Steps over which the learning rate grows from 0. */
  warmup: number;
  steps: number;
  /** Pairs in one run of the graph. */
  batch: number;
  /** Runs whose gradients are averaged for one step. */
  accumulate: number;
  optimizer: 'adamw' | 'adamw8bit';
  /** The gradient's largest global norm. */
  clip: number;
  checkpointEvery: number;
  seed: number;
  /** Ends the run after so many device seconds, if the steps did not before: runs of equal time are compared. */
  maxSeconds: number | null;
}

export interface LogRow {
  step: number;
  loss: number;
  /** Share of pairs that the model itself orders as people did: L^w_θ − L^l_θ against the reference's where there is one. */
  implicitAccuracy: number | null;
  /** Mean of β·logits. */
  margin: number | null;
  gradientNorm: number;
  learningRate: number;
  /** Of the step, and the time in the device's runs since the training began. */
  seconds: number;
  deviceSeconds: number;
}

export interface TrainingRun {
  folder: PipelineFolder;
  encoded: EncodedPairs;
  settings: TrainingSettings;
  /** What decides the run besides the settings: hashes of the pipeline and the data. */
  identity: Record<string, string>;
  out: string;
  device: Device;
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
  onStep?: ((row: LogRow, steps: number) => void) | undefined;
}
export interface TrainingOutcome {
  step: number;
  deviceSeconds: number;
  stopped: boolean;
  /** The finished adapter; undefined after a stop. */
  adapter: string | undefined;
}

/** As diffusers' load_lora_weights looks for it. */
const adapterName = 'pytorch_lora_weights.safetensors';
/** Steps whose mean loss says whether a run diverges. */
const watched = 20;
const divergence = 20;

/**
 * Begins, or continues what is in `out`.
 * @throws BadInput when `out` holds another run; Error with the step and what to try when the loss is no number or runs away
 */
export async function train(run: TrainingRun): Promise<TrainingOutcome> {
  const { settings, encoded, out, signal } = run;
  await checkSettings(run);
  const session = await TrainingSession.create(
    unetOf(run.folder.folder),
    encoded.shape,
    { ...settings, objective: objectiveOf(settings.objective), pairs: settings.batch },
    noiseSchedule(run.folder.scheduler.betaStart, run.folder.scheduler.betaEnd, run.folder.scheduler.trainTimesteps),
    run.device,
    { threads: run.threads },
  );
  try {
    const state = await TrainingState.open(out, session, settings);
    const log = await openLog(join(out, 'log.jsonl'), state.step);
    try {
      const watch = new LossWatch();
      const finished = () =>
        state.step >= settings.steps || (settings.maxSeconds !== null && state.deviceSeconds >= settings.maxSeconds);
      while (!finished() && signal?.aborted !== true) {
        const row = await oneStep(run, session, state);
        watch.check(row, settings);
        await log.write(`${JSON.stringify(row)}\n`);
        run.onStep?.(row, settings.steps);
        if (state.step % settings.checkpointEvery === 0 || finished()) await state.save(true);
      }
      if (!finished()) await state.save(false);
      const adapter = join(out, adapterName);
      if (finished()) await writeWhole(adapter, state.adapter());
      return {
        step: state.step,
        deviceSeconds: state.deviceSeconds,
        stopped: !finished(),
        adapter: finished() ? adapter : undefined,
      };
    } finally {
      await log.close();
    }
  } finally {
    await session.release();
  }
}

async function checkSettings({ settings, identity, out }: TrainingRun): Promise<void> {
  const file = join(out, 'settings.json');
  const asked = { ...settings, ...identity };
  if (!existsSync(file)) {
    await mkdir(join(out, 'checkpoints'), { recursive: true });
    await writeWhole(file, Buffer.from(`${JSON.stringify(asked, null, 2)}\n`));
    return;
  }
  const before = (await readJson(file)) as Record<string, unknown>;
  // A run may be made longer, and its checkpoints closer; nothing else of it may change.
  const free = ['steps', 'maxSeconds', 'checkpointEvery'];
  const changed = Object.entries(asked).find(([key, value]) => !free.includes(key) && before[key] !== value);
  if (changed !== undefined) {
    throw new BadInput(
      `${out} holds a run with ${changed[0]} = ${JSON.stringify(before[changed[0]])}, not ${JSON.stringify(changed[1])}; continue it with its own settings or choose another --out.`,
    );
  }
}

/** The adapter, the optimiser's moments, and how far the run is. */
class TrainingState {
  step = 0;
  deviceSeconds = 0;
  readonly parameters: Float32Array[];
  readonly optimizer: AdamW | AdamW8bit;
  readonly #out: string;
  readonly #session: TrainingSession;
  readonly #scale: number;

  private constructor(out: string, session: TrainingSession, settings: TrainingSettings) {
    this.#out = out;
    this.#session = session;
    this.#scale = settings.alpha / settings.rank;
    const sizes = session.training.parameters.map(({ dims }) => dims[0] * dims[1]);
    this.optimizer = settings.optimizer === 'adamw' ? new AdamW(sizes) : new AdamW8bit(sizes);
    // A ~ N(0, (1/rank)²), B = 0
    const generator = new TorchGenerator(settings.seed);
    this.parameters = session.training.parameters.map(({ name }, i) =>
      name.endsWith('.A') ? generator.randn(sizes[i]!).map((x) => x / settings.rank) : new Float32Array(sizes[i]!),
    );
  }

  static async open(out: string, session: TrainingSession, settings: TrainingSettings): Promise<TrainingState> {
    const state = new TrainingState(out, session, settings);
    const file = join(out, 'state.safetensors');
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

  adapter(): Buffer {
    return encodeAdapter(this.#session.training, this.parameters, this.#scale);
  }

  /** The state first: a checkpoint without it would be made again, the same. */
  async save(checkpoint: boolean): Promise<void> {
    const tensors = new Map<string, SafeTensor>();
    for (const [name, array] of this.#arrays()) {
      // Codes of one byte travel as the bits of float32.
      const padded = new Uint8Array(Math.ceil(array.byteLength / 4) * 4);
      padded.set(bytesOf(array));
      tensors.set(name, { shape: [padded.length / 4], data: new Float32Array(padded.buffer) });
    }
    const metadata = { step: String(this.step), deviceSeconds: String(this.deviceSeconds) };
    await writeWhole(join(this.#out, 'state.safetensors'), encodeSafeTensors(tensors, metadata));
    const name = `step-${String(this.step).padStart(6, '0')}.safetensors`;
    if (checkpoint) await writeWhole(join(this.#out, 'checkpoints', name), this.adapter());
  }

  *#arrays(): Generator<[string, Float32Array | Uint8Array]> {
    for (const [i, { name }] of this.#session.training.parameters.entries()) {
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

async function oneStep(run: TrainingRun, session: TrainingSession, state: TrainingState): Promise<LogRow> {
  const { settings } = run;
  const started = performance.now();
  const sum = state.parameters.map(({ length }) => new Float32Array(length));
  let [loss, device] = [0, 0];
  const logits: number[] = [];
  for (let part = 0; part < settings.accumulate; part++) {
    const batch = batchOf(run, state.step, part);
    const runStarted = performance.now();
    const result = await session.run(batch, state.parameters);
    device += (performance.now() - runStarted) / 1000;
    loss += result.loss / settings.accumulate;
    logits.push(...logitsOf(settings, result));
    result.gradients.forEach((gradient, p) => {
      const total = sum[p]!;
      for (let i = 0; i < gradient.length; i++) total[i]! += gradient[i]! / settings.accumulate;
    });
  }
  const norm = globalNorm(sum);
  if (!Number.isFinite(loss) || !Number.isFinite(norm))
    throw diverged(state.step + 1, 'the loss or its gradient is no number', settings);
  if (norm > settings.clip)
    for (const gradient of sum) for (let i = 0; i < gradient.length; i++) gradient[i]! *= settings.clip / norm;
  const learningRate = settings.learningRate * Math.min(1, (state.step + 1) / Math.max(1, settings.warmup));
  state.optimizer.update(state.parameters, sum, { learningRate, ...adamWDefaults });
  state.step += 1;
  state.deviceSeconds += device;
  const compared = logits.length > 0;
  return {
    step: state.step,
    loss,
    implicitAccuracy: compared ? logits.filter((x) => x > 0).length / logits.length : null,
    margin: compared ? (settings.beta * logits.reduce((total, x) => total + x, 0)) / logits.length : null,
    gradientNorm: norm,
    learningRate,
    seconds: (performance.now() - started) / 1000,
    deviceSeconds: state.deviceSeconds,
  };
}

function logitsOf(
  { objective, batch }: TrainingSettings,
  { modelErrors, referenceErrors }: StepResult,
): Float64Array | [] {
  const { loss } = objectiveOf(objective);
  if (loss === 'sft') return [];
  const half = (errors: Float32Array, side: 0 | 1) =>
    Float64Array.from(errors.subarray(side * batch, (side + 1) * batch));
  const model = { modelWinner: half(modelErrors, 0), modelLoser: half(modelErrors, 1) };
  if (loss === 'cpo' || referenceErrors === undefined) return cpoLogits(model);
  return dpoLogits({ ...model, referenceWinner: half(referenceErrors, 0), referenceLoser: half(referenceErrors, 1) });
}

/** Pairs in the order of a fresh shuffle every epoch; noise and timesteps of their own for every step and part. */
function batchOf({ encoded, settings }: TrainingRun, step: number, part: number): Batch {
  const { batch, accumulate, seed, objective } = settings;
  const { firstTimestep } = objectiveOf(objective);
  const { channels, height, width, conditions: dims } = encoded.shape;
  const size = channels * height * width;
  const mixed = mix(seed, step * accumulate + part);
  const generator = new TorchGenerator(mixed);
  const random = new Random(mixed ^ 0x7e57);
  const noise = generator.randn(batch * size);
  const z = generator.randn(batch * size);
  const [winner, loser] = [new Float32Array(batch * size), new Float32Array(batch * size)];
  const conditions = Object.fromEntries(
    Object.entries(dims).map(([name, shape]) => [name, new Float32Array(batch * shape.reduce((x, y) => x * y, 1))]),
  );
  const timesteps: number[] = [];
  for (let i = 0; i < batch; i++) {
    const pair = encoded.pairs[nthPair(encoded.pairs.length, seed, (step * accumulate + part) * batch + i)]!;
    encoded.latent(pair.winner, generator.randn(size), winner.subarray(i * size, (i + 1) * size));
    encoded.latent(pair.loser, generator.randn(size), loser.subarray(i * size, (i + 1) * size));
    timesteps.push(firstTimestep + random.below(1000 - firstTimestep));
    for (const [name, values] of Object.entries(encoded.conditions(pair.caption)))
      conditions[name]!.set(values, i * values.length);
  }
  return { winner, loser, noise, z, timesteps, conditions };
}

let shuffle: { key: string; order: Int32Array } | undefined;

/** The pair at a place in the endless sequence of shuffled epochs. */
function nthPair(count: number, seed: number, place: number): number {
  const epoch = Math.floor(place / count);
  const key = `${count} ${seed} ${epoch}`;
  if (shuffle?.key !== key) {
    const order = Int32Array.from({ length: count }, (_, i) => i);
    const random = new Random(mix(seed ^ 0x0e90c4, epoch));
    for (let i = count - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    shuffle = { key, order };
  }
  return shuffle.order[place % count]!;
}

/** A 32-bit seed of its own for each pair of numbers (murmur3's finaliser). */
function mix(a: number, b: number): number {
  let x = (Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0;
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0;
  return (x ^ (x >>> 16)) >>> 0;
}

/** Ends a run whose loss has run away from where it began. */
class LossWatch {
  readonly #recent: number[] = [];
  #first: number | undefined;

  check({ step, loss }: LogRow, settings: TrainingSettings): void {
    this.#recent.push(loss);
    if (this.#recent.length < watched) return;
    const mean = this.#recent.reduce((sum, x) => sum + x, 0) / watched;
    this.#recent.shift();
    this.#first ??= mean;
    if (mean > divergence * Math.max(this.#first, Math.LN2 / 10))
      throw diverged(step, `the loss rose from ${this.#first.toPrecision(3)} to ${mean.toPrecision(3)}`, settings);
  }
}

/** What the command line prints in one sentence. */
export class Diverged extends Error {
  override name = 'Diverged';
}

function diverged(step: number, what: string, { learningRate, warmup, beta }: TrainingSettings): Diverged {
  return new Diverged(
    `Stopped at step ${step}: ${what}. Try a lower --learning-rate (it is ${learningRate}), a longer --warmup (${warmup}) or a smaller --beta (${beta}); the last checkpoint is kept.`,
  );
}

/** The log without the rows after the state that a run continues from. */
async function openLog(file: string, step: number) {
  if (existsSync(file)) {
    const text = await readFile(file, 'utf8');
    let kept = 0;
    for (const line of text.split('\n').slice(0, step)) kept += Buffer.byteLength(line) + 1;
    await truncate(file, Math.min(kept, Buffer.byteLength(text)));
  }
  return open(file, 'a');
}
