/**
 * @file Text-to-image pipelines from ONNX networks, as diffusers' StableDiffusionPipeline, StableDiffusionXLPipeline,
 * StableDiffusion3Pipeline, FluxPipeline and PixArtSigmaPipeline run them. Runs in a worker thread.
 *
 * Latents: Float32Array, [images, channels, height / 8, width / 8]. Classifier-free guidance (Ho & Salimans 2022,
 * arXiv:2207.12598): ε = ε_u + s (ε_c − ε_u), both halves in one run.
 */
import { join } from 'node:path';
import { BadInput } from '../files/bad-input.ts';
import type { Device } from '../onnx/device.ts';
import { createSession, type Session } from '../onnx/session.ts';
import type { Denoiser, LatentShape } from './denoisers/denoiser.ts';
import { flux } from './denoisers/flux.ts';
import { pixart } from './denoisers/pixart.ts';
import { sd3 } from './denoisers/sd3.ts';
import { unet } from './denoisers/unet.ts';
import { families, type PipelineKind } from './families.ts';
import { readPipelineFolder, samplerFor, type PipelineFolder } from './folder.ts';
import { networkNames, networkTitles } from './adapter-keys.ts';
import { mergeAdapters, readAdapter, type Adapter, type NetworkName } from './lora.ts';
import { createPromptEncoder, zeroEmbedding, type PromptEmbedding, type PromptEncoder } from './prompt-encoding.ts';
import { floatTensor, stack, toFloat32 } from '../onnx/tensors.ts';
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
  /** Called before every run of the denoising network; true ends the render there. */
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

/** Trainers call T5 the third text encoder, whichever it is in the pipeline. */
function ofFamily(adapter: Adapter, { kind }: PipelineFolder): Adapter {
  const encoder = families[kind].t5?.encoder ?? 'text_encoder_3';
  const { text_encoder_3: t5, ...modules } = adapter.modules;
  if (encoder === 'text_encoder_3' || t5.size === 0) return adapter;
  const own = new Map([...modules[encoder], ...t5]);
  return { ...adapter, modules: { ...modules, [encoder]: own, text_encoder_3: new Map() } };
}

const denoisers: Record<PipelineKind, (session: Session, folder: PipelineFolder) => Denoiser> = {
  sd: unet,
  sdxl: unet,
  sd3,
  flux,
  pixart,
};

export class Pipeline {
  readonly folder: PipelineFolder;
  readonly #encoder: PromptEncoder;
  readonly #denoiser: Denoiser;
  readonly #vae: Session;
  readonly #sessions: Session[];

  private constructor(
    folder: PipelineFolder,
    encoder: PromptEncoder,
    denoiser: Denoiser,
    vae: Session,
    sessions: Session[],
  ) {
    this.folder = folder;
    this.#encoder = encoder;
    this.#denoiser = denoiser;
    this.#vae = vae;
    this.#sessions = sessions;
  }

  /** Makes every session once. @throws BadInput when a part is missing, damaged, or an adapter does not fit */
  static async load(source: PipelineSource, device: Device, threads?: number): Promise<Pipeline> {
    const folder = await readPipelineFolder(source.folder);
    const adapters = await Promise.all(
      source.adapters.map(async ({ file, scale }) => ({ adapter: ofFamily(await readAdapter(file), folder), scale })),
    );
    const names: NetworkName[] = [...folder.textEncoders, families[folder.kind].network];
    for (const { adapter } of adapters) {
      const foreign = networkNames.find((name) => adapter.modules[name].size > 0 && !names.includes(name));
      if (foreign !== undefined)
        throw new BadInput(
          `${adapter.file} changes the ${networkTitles[foreign]}, which ${source.folder} (${families[folder.kind].title}) does not have; it is an adapter of another model.`,
        );
    }
    const sessions: Session[] = [];
    for (const name of names) {
      const merged = await mergeAdapters(join(source.folder, name, 'model.onnx'), name, adapters);
      sessions.push(await createSession(merged, device, threads));
    }
    const denoiser = denoisers[folder.kind](sessions.at(-1)!, folder);
    const vae = await createSession({ file: join(source.folder, 'vae_decoder', 'model.onnx') }, device, threads);
    return new Pipeline(folder, await createPromptEncoder(folder, sessions.slice(0, -1)), denoiser, vae, sessions);
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
    const sampler = samplerFor(this.folder, settings);
    const [rows, columns] = [settings.height / vaeFactor, settings.width / vaeFactor];
    const size = latentChannels * rows * columns;
    const generators = (noise === 'stream' ? seeds.slice(0, 1) : seeds).map((seed) => new TorchGenerator(seed));
    const perGenerator = (size * prompts.length) / generators.length;
    const draw = (): Float32Array => stack(generators.map((generator) => generator.randn(perGenerator)));
    const latents = draw();
    for (let i = 0; i < latents.length; i++) latents[i]! *= sampler.initNoiseSigma;

    const guided = settings.guidance > 1 && this.folder.guidance === 'two runs';
    const said = await this.#embeddings(prompts, settings, guided, longPrompts);
    const shape: LatentShape = [said.length, latentChannels, rows, columns];
    const condition = this.#denoiser.condition(said, settings, shape);
    const output = new Float32Array(latents.length);
    for (const [index, timestep] of sampler.timesteps.entries()) {
      if (hooks.shouldStop()) throw new Stopped('stopped between two denoising steps');
      const scaled = guided
        ? doubled(latents, sampler.inputScale(index))
        : latents.map((x) => x * sampler.inputScale(index));
      const prediction = await this.#denoiser.predict(scaled, shape, timestep, condition);
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
    for (const session of [...this.#sessions, this.#vae]) await session.release();
  }

  /** One a row of the batch; unconditional first, as diffusers orders them. */
  async #embeddings(
    prompts: readonly string[],
    settings: GenerationSettings,
    guided: boolean,
    longPrompts: boolean,
  ): Promise<PromptEmbedding[]> {
    const said = guided ? [...prompts, settings.negativePrompt ?? ''] : prompts;
    const chunks = longPrompts ? Math.max(...said.map((prompt) => this.#encoder.chunksOf(prompt))) : undefined;
    const positive: PromptEmbedding[] = [];
    for (const prompt of prompts) positive.push(await this.#encoder.encode(prompt, chunks));
    if (!guided) return positive;
    const zeros = settings.negativePrompt === null && this.folder.zerosForMissingNegative;
    const negative = zeros
      ? zeroEmbedding(positive[0]!)
      : await this.#encoder.encode(settings.negativePrompt ?? '', chunks);
    return [...prompts.map(() => negative), ...positive];
  }

  /** x/2 + ½ to bytes, halves to even as numpy rounds. */
  async #decode(latents: Float32Array, dims: readonly number[]): Promise<Uint8Array> {
    const port = this.#vae.inputs[0]!;
    const { vaeScaling, vaeShift, latentStatistics } = this.folder;
    const plane = latents.length / dims[1]!;
    const unscaled =
      latentStatistics === null
        ? latents.map((x) => x / vaeScaling + vaeShift)
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
