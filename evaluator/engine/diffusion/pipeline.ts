/**
 * @file Stable Diffusion and SDXL from ONNX networks, as diffusers' StableDiffusionPipeline and
 * StableDiffusionXLPipeline run them. Runs in a worker thread.
 *
 * Latents: Float32Array, [images, 4, height / 8, width / 8]. Classifier-free guidance (Ho & Salimans 2022,
 * arXiv:2207.12598): ε = ε_u + s (ε_c − ε_u), both halves in one run.
 */
import { join } from 'node:path';
import { BadInput } from '../files/bad-input.ts';
import type { Device } from '../onnx/device.ts';
import { createSession, type PortInfo, type Session, type Value } from '../onnx/session.ts';
import { checkSize, readPipelineFolder, type PipelineFolder } from './folder.ts';
import { mergeAdapters, readAdapter, type NetworkName } from './lora.ts';
import { createPromptEncoder, zeroEmbedding, type PromptEmbedding, type PromptEncoder } from './prompt-encoding.ts';
import { chooseSampler } from './samplers/choose.ts';
import { floatTensor, timestepTensor, toFloat32 } from '../onnx/tensors.ts';
import { TorchGenerator } from './torch-random.ts';

export interface PipelineSource {
  folder: string;
  adapters: readonly { file: string; scale: number }[];
}

export interface GenerationSettings {
  sampler: string;
  steps: number;
  guidance: number;
  /** Null is not "": SDXL encodes the one and uses zeros for the other. */
  negativePrompt: string | null;
  width: number;
  height: number;
}

export interface GeneratedImage {
  /** [height, width, 3], 0 … 255 */
  pixels: Uint8Array;
  /** [channels, height / 8, width / 8], before the VAE's scaling is taken away */
  latents: Float32Array;
}

export interface GenerationHooks {
  /** Called before every run of the U-Net; true ends the render there. */
  shouldStop(): boolean;
  onStep(step: number, steps: number): void;
}

export interface GenerationOptions {
  /** A prompt of more than 77 tokens is read in chunks instead of cut. */
  longPrompts?: boolean;
  /** One generator a seed, or the first seed's generator for all images, as diffusers draws a batch with one generator. */
  noise?: 'list' | 'stream';
}

/** The render was told to stop between two denoising steps. */
export class Stopped extends Error {
  override name = 'Stopped';
}

export class Pipeline {
  readonly folder: PipelineFolder;
  readonly #encoder: PromptEncoder;
  readonly #unet: Session;
  readonly #vae: Session;
  readonly #others: Session[];

  private constructor(folder: PipelineFolder, encoder: PromptEncoder, unet: Session, vae: Session, others: Session[]) {
    this.folder = folder;
    this.#encoder = encoder;
    this.#unet = unet;
    this.#vae = vae;
    this.#others = others;
  }

  /** Makes every session once. @throws BadInput when a part is missing, damaged, or an adapter does not fit */
  static async load(source: PipelineSource, device: Device, threads?: number): Promise<Pipeline> {
    const folder = await readPipelineFolder(source.folder);
    const adapters = await Promise.all(
      source.adapters.map(async ({ file, scale }) => ({ adapter: await readAdapter(file), scale })),
    );
    const names: NetworkName[] = folder.kind === 'sdxl' ? ['text_encoder', 'text_encoder_2'] : ['text_encoder'];
    for (const { adapter } of adapters) {
      if (folder.kind === 'sd' && adapter.modules.text_encoder_2.size > 0) {
        throw new BadInput(
          `${adapter.file} changes a second text encoder; it is an SDXL adapter, ${source.folder} is not SDXL.`,
        );
      }
    }
    const open = async (name: NetworkName) =>
      createSession(await mergeAdapters(join(source.folder, name, 'model.onnx'), name, adapters), device, threads);
    const encoders: Session[] = [];
    for (const name of names) encoders.push(await open(name));
    const unet = await open('unet');
    const unknown = unet.inputs.find(({ name }) => !knownInputs.includes(name));
    if (unknown !== undefined)
      throw new BadInput(`${source.folder}: the U-Net takes an input ${unknown.name}, which visavis cannot give it.`);
    const vae = await createSession({ file: join(source.folder, 'vae_decoder', 'model.onnx') }, device, threads);
    return new Pipeline(folder, await createPromptEncoder(source.folder, encoders), unet, vae, encoders);
  }

  /** One image a seed, in one batch. @throws BadInput when the settings cannot be, or the result is not finite */
  async generate(
    prompts: readonly string[],
    seeds: readonly number[],
    settings: GenerationSettings,
    hooks: GenerationHooks,
    { longPrompts = false, noise = 'list' }: GenerationOptions = {},
  ): Promise<GeneratedImage[]> {
    const { vaeFactor, latentChannels } = this.folder;
    checkSize('width', settings.width, vaeFactor);
    checkSize('height', settings.height, vaeFactor);
    const sampler = chooseSampler(settings.sampler, this.folder.scheduler, settings.steps);
    const [rows, columns] = [settings.height / vaeFactor, settings.width / vaeFactor];
    const size = latentChannels * rows * columns;
    const generators = (noise === 'stream' ? seeds.slice(0, 1) : seeds).map((seed) => new TorchGenerator(seed));
    const perGenerator = (size * prompts.length) / generators.length;
    const draw = (): Float32Array => concat(generators.map((generator) => generator.randn(perGenerator)));
    const latents = draw();
    for (let i = 0; i < latents.length; i++) latents[i]! *= sampler.initNoiseSigma;

    const guided = settings.guidance > 1 && this.folder.guidanceWidth === null;
    const condition = await this.#condition(prompts, settings, guided, longPrompts);
    const dims = [prompts.length, latentChannels, rows, columns];
    const output = new Float32Array(latents.length);
    for (const [index, timestep] of sampler.timesteps.entries()) {
      if (hooks.shouldStop()) throw new Stopped('stopped between two denoising steps');
      const scaled = guided
        ? doubled(latents, sampler.inputScale(index))
        : latents.map((x) => x * sampler.inputScale(index));
      const prediction = await this.#predict(
        scaled,
        guided ? [dims[0]! * 2, ...dims.slice(1)] : dims,
        timestep,
        condition,
      );
      if (guided) guide(prediction, settings.guidance, output);
      sampler.step(index, guided ? output : prediction, latents, draw);
      hooks.onStep(index + 1, sampler.timesteps.length);
    }
    if (!latents.every(Number.isFinite)) {
      throw new BadInput(
        `The latents of ${JSON.stringify(prompts[0])} are not finite; a float16 network may overflow: export it as float32.`,
      );
    }
    const images: GeneratedImage[] = [];
    for (let i = 0; i < prompts.length; i++) {
      const one = latents.slice(i * size, (i + 1) * size);
      images.push({ latents: one, pixels: await this.#decode(one, [1, latentChannels, rows, columns]) });
    }
    return images;
  }

  async release(): Promise<void> {
    for (const session of [this.#unet, this.#vae, ...this.#others]) await session.release();
  }

  /** The U-Net's inputs that stay the same over the steps; unconditional first, as diffusers orders them. */
  async #condition(
    prompts: readonly string[],
    settings: GenerationSettings,
    guided: boolean,
    longPrompts: boolean,
  ): Promise<Record<string, Value>> {
    const said = guided ? [...prompts, settings.negativePrompt ?? ''] : prompts;
    const chunks = longPrompts ? Math.max(...said.map((prompt) => this.#encoder.chunksOf(prompt))) : undefined;
    const positive: PromptEmbedding[] = [];
    for (const prompt of prompts) positive.push(await this.#encoder.encode(prompt, chunks));
    let rows = positive;
    if (guided) {
      const zeros = settings.negativePrompt === null && this.folder.zerosForMissingNegative;
      const negative = zeros
        ? zeroEmbedding(positive[0]!)
        : await this.#encoder.encode(settings.negativePrompt ?? '', chunks);
      rows = [...prompts.map(() => negative), ...positive];
    }
    const { tokens, width } = rows[0]!;
    const port = this.#port('encoder_hidden_states');
    const expected = port.shape[2];
    if (typeof expected === 'number' && expected !== width) {
      throw new BadInput(
        `${this.folder.folder}: the text encoder makes ${width} numbers a token, the U-Net takes ${expected}; the parts are of different models.`,
      );
    }
    const room = port.shape[1];
    if (typeof room === 'number' && room !== tokens)
      throw new BadInput(
        `${this.folder.folder}: the U-Net takes ${room} tokens, the prompt has ${tokens}; export it with a free sequence length.`,
      );
    const condition: Record<string, Value> = {
      encoder_hidden_states: floatTensor(port, concat(rows.map((row) => row.states)), [rows.length, tokens, width]),
    };
    if (this.folder.kind === 'sdxl') {
      const pooled = rows.map((row) => row.pooled!);
      condition['text_embeds'] = floatTensor(this.#port('text_embeds'), concat(pooled), [
        rows.length,
        pooled[0]!.length,
      ]);
      // Original size, crop corner, target size: each (height, width).
      const ids = [settings.height, settings.width, 0, 0, settings.height, settings.width];
      const all = Float32Array.from(rows.flatMap(() => ids));
      condition['time_ids'] = floatTensor(this.#port('time_ids'), all, [rows.length, ids.length]);
    }
    const { guidanceWidth } = this.folder;
    if (guidanceWidth !== null) {
      const embedding = guidanceEmbedding(settings.guidance - 1, guidanceWidth);
      const all = concat(rows.map(() => embedding));
      condition['timestep_cond'] = floatTensor(this.#port('timestep_cond'), all, [rows.length, guidanceWidth]);
    }
    return condition;
  }

  async #predict(
    sample: Float32Array,
    dims: readonly number[],
    timestep: number,
    condition: Record<string, Value>,
  ): Promise<Float32Array> {
    const outputs = await this.#unet.run({
      ...condition,
      sample: floatTensor(this.#port('sample'), sample, dims),
      timestep: timestepTensor(this.#port('timestep'), timestep, dims[0]!),
    });
    return toFloat32(outputs[this.#unet.outputs[0]!.name]!);
  }

  /** x/2 + ½ to bytes, halves to even as numpy rounds. */
  async #decode(latents: Float32Array, dims: readonly number[]): Promise<Uint8Array> {
    const port = this.#vae.inputs[0]!;
    const { vaeScaling, latentStatistics } = this.folder;
    const plane = latents.length / dims[1]!;
    const unscaled =
      latentStatistics === null
        ? latents.map((x) => x / vaeScaling)
        : latents.map((x, i) => {
            const channel = Math.floor(i / plane);
            return (x * latentStatistics.deviation[channel]!) / vaeScaling + latentStatistics.mean[channel]!;
          });
    const outputs = await this.#vae.run({ [port.name]: floatTensor(port, unscaled, dims) });
    const value = outputs[this.#vae.outputs[0]!.name]!;
    const sample = toFloat32(value);
    const [height, width] = [value.dims[2]!, value.dims[3]!];
    const area = height * width;
    // Stored bytes round half to even, the same rule as numpy's.
    const pixels = new Uint8ClampedArray(area * 3);
    for (let p = 0; p < area; p++) {
      for (let c = 0; c < 3; c++) {
        const x = sample[c * area + p]!;
        if (Number.isNaN(x)) {
          throw new BadInput(
            `The VAE of ${this.folder.folder} made NaN; float16 VAEs of SDXL overflow: export it as float32.`,
          );
        }
        pixels[p * 3 + c] = 255 * (x / 2 + 0.5);
      }
    }
    return new Uint8Array(pixels.buffer);
  }

  #port(name: string): PortInfo {
    const port = this.#unet.inputs.find((input) => input.name === name);
    if (port === undefined)
      throw new BadInput(`${this.folder.folder}: the U-Net has no input ${name}; export it with optimum-cli.`);
    return port;
  }
}

/** What a U-Net can be told beside sample and timestep. */
const knownInputs = ['sample', 'timestep', 'encoder_hidden_states', 'text_embeds', 'time_ids', 'timestep_cond'];

/**
 * The guidance scale as distilled U-Nets take it: sines, then cosines, of 1000·w over frequencies from 1 down to 1/10000
 * (diffusers' get_guidance_scale_embedding).
 */
export function guidanceEmbedding(w: number, width: number): Float32Array {
  const half = Math.floor(width / 2);
  const out = new Float32Array(width);
  const step = Math.fround(Math.log(10000) / (half - 1));
  for (let i = 0; i < half; i++) {
    const angle = Math.fround(Math.fround(w * 1000) * Math.fround(Math.exp(Math.fround(i * -step))));
    out[i] = Math.sin(angle);
    out[half + i] = Math.cos(angle);
  }
  return out;
}

function concat(arrays: readonly Float32Array[]): Float32Array {
  if (arrays.length === 1) return arrays[0]!;
  const out = new Float32Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let offset = 0;
  for (const array of arrays) {
    out.set(array, offset);
    offset += array.length;
  }
  return out;
}

/** [n, …] → [2n, …], scaled. */
function doubled(latents: Float32Array, scale: number): Float32Array {
  const out = new Float32Array(latents.length * 2);
  for (let i = 0; i < latents.length; i++) out[i] = out[i + latents.length] = latents[i]! * scale;
  return out;
}

/** [2n, …] → [n, …]: u + s (c − u). */
function guide(prediction: Float32Array, scale: number, out: Float32Array): void {
  for (let i = 0; i < out.length; i++) {
    const u = prediction[i]!;
    out[i] = u + scale * (prediction[i + out.length]! - u);
  }
}
