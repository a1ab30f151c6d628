/**
 * @file Scores images with one reward network: images are decoded and resized in threads of their own while the network
 * runs on the ones before, embeddings are looked up first. The owner's side; it loads no ONNX Runtime.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { BadInput } from '../engine/files/bad-input.ts';
import type { Device } from '../engine/onnx/device.ts';
import { DeviceWorker } from '../engine/onnx/device-worker.ts';
import { stack } from '../engine/onnx/tensors.ts';
import { VectorCache, keyOf } from '../engine/files/vector-cache.ts';
import type { RewardNetwork } from './network-folder.ts';
import type { ImageScorer, PromptedImage, ScoreResult } from './image-scorer.ts';
import type { PrepareCall } from './image-worker.ts';
import { scorerOf } from './scorers/choose.ts';
import type { Logit, Scorer } from './scorers/scorer.ts';

export interface ScorerOptions {
  device: Device;
  /** Where embeddings are kept and under which names; they last as long as the scorer when absent. */
  cache?: { folder: string; visionKey: string; textKey: string } | undefined;
  /** Images in one run of the network. */
  batch?: number;
}

export class RewardScorer implements ImageScorer {
  readonly #network: RewardNetwork;
  readonly #scorer: Scorer;
  readonly #device: Device;
  readonly #batch: number;
  readonly #images: VectorCache;
  readonly #texts: VectorCache;
  #worker: DeviceWorker | undefined;
  #logit: Promise<Logit> | undefined;
  #imageWorkers: DeviceWorker[] = [];
  #turn = 0;

  constructor(network: RewardNetwork, { device, cache, batch = 8 }: ScorerOptions) {
    this.#network = network;
    this.#scorer = scorerOf(network.kind);
    this.#device = device;
    this.#batch = batch;
    const file = (key: string | undefined) => (cache === undefined ? undefined : join(cache.folder, `${key!}.vve`));
    this.#images = new VectorCache(file(cache?.visionKey));
    this.#texts = new VectorCache(file(cache?.textKey));
  }

  /** Starts the network's thread and reads its logit's scale and bias. @throws BadInput when it is no network of its kind */
  logit(): Promise<Logit> {
    const { logitScale, logitBias } = this.#network;
    const isGiven = logitScale !== null && (this.#scorer.logit !== 'scale and bias' || logitBias != null);
    this.#logit ??= isGiven ? Promise.resolve({ scale: logitScale, bias: logitBias ?? 0 }) : this.#load();
    return this.#logit;
  }

  async *score(
    items: readonly PromptedImage[],
    signal?: AbortSignal,
  ): AsyncGenerator<{ start: number; results: ScoreResult[] }> {
    const batches: PromptedImage[][] = [];
    for (let i = 0; i < items.length; i += this.#batch) batches.push(items.slice(i, i + this.#batch));
    let next = this.#prepare(batches[0] ?? []);
    for (let i = 0; i < batches.length; i++) {
      const prepared = await next;
      if (signal?.aborted === true) return;
      next = this.#prepare(batches[i + 1] ?? []);
      yield { start: i * this.#batch, results: await this.#scoreBatch(batches[i]!, prepared) };
    }
    await next;
  }

  async close(): Promise<void> {
    this.#images.close();
    this.#texts.close();
    const workers = [...(this.#worker === undefined ? [] : [this.#worker]), ...this.#imageWorkers];
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  /** The pixels of the images that the network has to see, or why one cannot be used. */
  async #prepare(batch: readonly PromptedImage[]): Promise<Map<string, Float32Array | BadInput>> {
    const prepared = new Map<string, Float32Array | BadInput>();
    const joint = this.#scorer.network === 'joint';
    const missing = new Map(batch.filter(({ sha256 }) => joint || !this.#images.has(sha256)).map((p) => [p.sha256, p]));
    await Promise.all(
      [...missing].map(async ([key, { file }]) => {
        try {
          prepared.set(key, await this.#imageWorker().call<Float32Array>('prepare', this.#prepareCall(file)));
        } catch (error) {
          if (!(error instanceof BadInput)) throw error;
          prepared.set(key, error);
        }
      }),
    );
    return prepared;
  }

  #prepareCall(file: string): PrepareCall {
    return { file, preprocessing: this.#network.preprocessing };
  }

  async #scoreBatch(
    batch: readonly PromptedImage[],
    prepared: Map<string, Float32Array | BadInput>,
  ): Promise<ScoreResult[]> {
    const logit = await this.logit();
    const usable = batch.filter(({ sha256 }) => !(prepared.get(sha256) instanceof BadInput));
    const values = await this.#raw(usable, prepared);
    let next = 0;
    return batch.map(({ sha256 }) => {
      const refusal = prepared.get(sha256);
      if (refusal instanceof BadInput) return { refused: refusal.message };
      return { score: this.#scorer.score(values[next++]!, logit) };
    });
  }

  async #raw(
    items: readonly PromptedImage[],
    prepared: Map<string, Float32Array | BadInput>,
  ): Promise<ArrayLike<number>> {
    if (items.length === 0) return [];
    if (this.#scorer.network === 'joint') {
      const pixels = stack(items.map(({ sha256 }) => prepared.get(sha256) as Float32Array));
      const prompts = items.map(({ prompt }) => prompt);
      return (await this.#loaded()).call<Float32Array>('scoreTogether', { pixels, prompts });
    }
    await this.#embedImages(items, prepared);
    const images = items.map(({ sha256 }) => this.#images.get(sha256)!);
    if (this.#scorer.network === 'head') {
      return (await this.#loaded()).call<Float32Array>('rate', { embeddings: stack(images), count: images.length });
    }
    await this.#embedTexts(items.map(({ prompt }) => prompt));
    return images.map((image, i) => dot(image, this.#texts.get(keyOf(items[i]!.prompt))!));
  }

  async #embedImages(items: readonly PromptedImage[], prepared: Map<string, Float32Array | BadInput>): Promise<void> {
    const missing = [...new Set(items.map(({ sha256 }) => sha256))].filter((key) => !this.#images.has(key));
    if (missing.length === 0) return;
    const pixels = stack(missing.map((key) => prepared.get(key) as Float32Array));
    const worker = await this.#loaded();
    const embeddings = await worker.call<Float32Array>('embedImages', { pixels, count: missing.length });
    const width = embeddings.length / missing.length;
    missing.forEach((key, i) => this.#images.put(key, embeddings.slice(i * width, (i + 1) * width)));
  }

  async #embedTexts(prompts: readonly string[]): Promise<void> {
    const missing = [...new Set(prompts)].filter((prompt) => !this.#texts.has(keyOf(prompt)));
    if (missing.length === 0) return;
    const embeddings = await (await this.#loaded()).call<Float32Array>('embedTexts', missing);
    const width = embeddings.length / missing.length;
    missing.forEach((prompt, i) => this.#texts.put(keyOf(prompt), embeddings.slice(i * width, (i + 1) * width)));
  }

  async #loaded(): Promise<DeviceWorker> {
    if (this.#worker === undefined) await this.#load();
    return this.#worker!;
  }

  async #load(): Promise<Logit> {
    this.#worker = new DeviceWorker(new URL('./reward-worker.js', import.meta.url), this.#device);
    return this.#worker.call<Logit>('load', this.#network);
  }

  #imageWorker(): DeviceWorker {
    if (this.#imageWorkers.length === 0) {
      const count = Math.max(1, Math.min(4, availableParallelism() - 1));
      const entry = new URL('./image-worker.js', import.meta.url);
      this.#imageWorkers = Array.from({ length: count }, () => new DeviceWorker(entry, { kind: 'cpu' }));
    }
    return this.#imageWorkers[this.#turn++ % this.#imageWorkers.length]!;
  }
}

/** In float64: both are unit vectors in float32. */
function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
