/**
 * @file Arrow: preference data → latents and prompt states. Each image goes through the VAE once and each caption through the
 * text encoders once; both are kept on the disk by the hash of what made them.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BadInput } from '../engine/files/bad-input.ts';
import { createPromptEncoder } from '../engine/diffusion/prompt-encoding.ts';
import type { PipelineFolder } from '../engine/diffusion/folder.ts';
import { decodeRgb } from '../engine/images/decode.ts';
import { bilinear, resize } from '../engine/images/resize.ts';
import type { Device } from '../engine/onnx/device.ts';
import { createSession, type Session } from '../engine/onnx/session.ts';
import { floatTensor, toFloat32 } from '../engine/onnx/tensors.ts';
import { digestOf, hashFiles } from '../engine/files/hashes.ts';
import { keyOf, VectorCache } from '../engine/files/vector-cache.ts';
import type { KeptPair } from './filter.ts';
import type { PreferenceSource } from './preference-rows.ts';
import type { NetworkShape } from './training-session.ts';

export interface EncodedPair {
  caption: string;
  /** Where the loser has a caption of its own. */
  loserCaption?: string;
  winner: string;
  loser: string;
}
export interface EncodingRequest {
  folder: PipelineFolder;
  source: PreferenceSource;
  pairs: readonly KeptPair[];
  width: number;
  height: number;
  cacheFolder: string;
  device: Device;
  onProgress?: ((progress: { task: string; done: number; total: number }) => void) | undefined;
}

/** The pairs of a run, and where their numbers are. Close it when the run ends. */
export class EncodedPairs {
  readonly pairs: readonly EncodedPair[];
  readonly shape: NetworkShape;
  readonly #latents: VectorCache;
  readonly #texts: VectorCache;
  readonly #folder: PipelineFolder;
  readonly #statesLength: number;
  readonly #size: { width: number; height: number };

  private constructor(
    pairs: readonly EncodedPair[],
    shape: NetworkShape,
    caches: { latents: VectorCache; texts: VectorCache },
    { folder, width, height }: EncodingRequest,
  ) {
    this.pairs = pairs;
    this.shape = shape;
    this.#latents = caches.latents;
    this.#texts = caches.texts;
    this.#folder = folder;
    this.#size = { width, height };
    this.#statesLength = shape.conditions['encoder_hidden_states']!.reduce((product, size) => product * size, 1);
  }

  /** Encodes what the caches lack. @throws BadInput when an image cannot be used or a part of the pipeline is missing */
  static async create(request: EncodingRequest): Promise<EncodedPairs> {
    if (request.pairs.length === 0) throw new BadInput('There are no decided pairs to train on.');
    const { latents, keys } = await encodeImages(request);
    const { texts, tokens, width: stateWidth, pooled } = await encodeCaptions(request);
    const { folder, width, height } = request;
    const shape: NetworkShape = {
      channels: folder.latentChannels,
      height: height / folder.vaeFactor,
      width: width / folder.vaeFactor,
      conditions: {
        encoder_hidden_states: [tokens, stateWidth],
        ...(pooled === 0 ? {} : { text_embeds: [pooled], time_ids: [6] }),
      },
    };
    const pairs = request.pairs.map(({ caption, loserCaption, winner, loser }) => ({
      caption,
      ...(loserCaption === undefined ? {} : { loserCaption }),
      winner: keys.get(`${winner.row.index} ${winner.side}`)!,
      loser: keys.get(`${loser.row.index} ${loser.side}`)!,
    }));
    return new EncodedPairs(pairs, shape, { latents, texts }, request);
  }

  /**
   * A sample of an image's latent, scaled as the U-Net takes it.
   * @param noise [channels, height, width]
   */
  latent(key: string, noise: Float32Array, out: Float32Array): void {
    const moments = this.#latents.get(key)!;
    const { length } = noise;
    const { vaeScaling } = this.#folder;
    for (let i = 0; i < length; i++) out[i] = (moments[i]! + moments[length + i]! * noise[i]!) * vaeScaling;
  }

  /** One caption's conditions by input name. SDXL's time_ids say: nothing cropped, the size that is trained at. */
  conditions(caption: string): Record<string, Float32Array> {
    const vector = this.#texts.get(keyOf(caption))!;
    const states = vector.subarray(0, this.#statesLength);
    if (vector.length === this.#statesLength) return { encoder_hidden_states: states };
    const { width, height } = this.#size;
    return {
      encoder_hidden_states: states,
      text_embeds: vector.subarray(this.#statesLength),
      time_ids: Float32Array.of(height, width, 0, 0, height, width),
    };
  }

  close(): void {
    this.#latents.close();
    this.#texts.close();
  }
}

async function encodeImages(request: EncodingRequest): Promise<{ latents: VectorCache; keys: Map<string, string> }> {
  const { folder, source, pairs, width, height, cacheFolder, device, onProgress } = request;
  const file = join(folder.folder, 'vae_encoder', 'model.onnx');
  if (!existsSync(file))
    throw new BadInput(`${folder.folder} has no vae_encoder/model.onnx; training needs it to read images.`);
  const name = digestOf(await hashFiles(folder.folder, ['vae_encoder']), `${width}x${height}`);
  const latents = new VectorCache(join(cacheFolder, `${name}.vve`));
  const indices = [...new Set(pairs.flatMap(({ winner, loser }) => [winner.row.index, loser.row.index]))];
  const needed = new Set(
    pairs.flatMap(({ winner, loser }) => [winner, loser].map(({ row, side }) => `${row.index} ${side}`)),
  );
  const keys = new Map<string, string>();
  let session: Session | undefined;
  let done = 0;
  for await (const { index, images } of source.readImages(indices)) {
    for (const side of [0, 1] as const) {
      if (!needed.has(`${index} ${side}`)) continue;
      const key = keyOf(images[side]);
      keys.set(`${index} ${side}`, key);
      if (latents.has(key)) continue;
      session ??= await createSession({ file }, device);
      const place = `${source.path}, pair ${index}, image ${side}`;
      const pixels = await pixelsOf(images[side], width, height, place);
      latents.put(key, await encodeImage(session, pixels, width, height, folder.latentChannels, place));
    }
    onProgress?.({ task: 'encode images', done: ++done, total: indices.length });
  }
  await session?.release();
  return { latents, keys };
}

/** Short side to the size with Pillow's bilinear, centre crop, −1 … 1, as the published trainers do. */
async function pixelsOf(bytes: Uint8Array, width: number, height: number, name: string): Promise<Float32Array> {
  const image = await decodeRgb(bytes, name);
  const scale = Math.max(width / image.width, height / image.height);
  const [w, h] = [Math.max(width, Math.round(image.width * scale)), Math.max(height, Math.round(image.height * scale))];
  const region = { left: Math.floor((w - width) / 2), top: Math.floor((h - height) / 2), width, height };
  const { pixels } = resize(image, w, h, region, bilinear);
  const plane = width * height;
  const out = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) for (let c = 0; c < 3; c++) out[c * plane + i] = pixels[i * 3 + c]! / 127.5 - 1;
  return out;
}

/** [2, channels, h, w]: mean, then standard deviation; 0 for an encoder that samples by itself. */
async function encodeImage(
  session: Session,
  pixels: Float32Array,
  width: number,
  height: number,
  channels: number,
  name: string,
): Promise<Float32Array> {
  const port = session.inputs[0]!;
  const output = session.outputs[0]!.name;
  const result = await session.run({ [port.name]: floatTensor(port, pixels, [1, 3, height, width]) });
  const { dims } = result[output]!;
  const values = toFloat32(result[output]!);
  const half = dims[1] === channels ? values.length : values.length / 2;
  const out = new Float32Array(2 * half);
  for (let i = 0; i < half; i++) {
    out[i] = values[i]!;
    if (half < values.length) out[half + i] = Math.exp(0.5 * Math.min(20, Math.max(-30, values[half + i]!)));
  }
  if (!out.every(Number.isFinite))
    throw new BadInput(`${name}: the VAE gives numbers that are not finite; use a float32 export.`);
  return out;
}

async function encodeCaptions({ folder, pairs, cacheFolder, device, onProgress }: EncodingRequest) {
  const names = folder.kind === 'sdxl' ? ['text_encoder', 'text_encoder_2'] : ['text_encoder'];
  const tokenizers = ['tokenizer', 'tokenizer_2'].slice(0, names.length);
  const name = digestOf(await hashFiles(folder.folder, [...names, ...tokenizers]), 'states');
  const texts = new VectorCache(join(cacheFolder, `${name}.vve`));
  const sessions = await Promise.all(
    names.map((part) => createSession({ file: join(folder.folder, part, 'model.onnx') }, device)),
  );
  const encoder = await createPromptEncoder(folder, sessions);
  const captions = [...new Set(pairs.flatMap(({ caption, loserCaption }) => [caption, loserCaption ?? caption]))];
  // The first is encoded in any case: it says the shapes.
  const { tokens, width, pooled } = await encoder.encode(captions[0]!);
  for (const [i, caption] of captions.entries()) {
    const key = keyOf(caption);
    if (!texts.has(key)) {
      const { states, pooled: vector } = await encoder.encode(caption);
      const joined = new Float32Array(states.length + (vector?.length ?? 0));
      joined.set(states);
      if (vector !== undefined) joined.set(vector, states.length);
      texts.put(key, joined);
    }
    onProgress?.({ task: 'encode captions', done: i + 1, total: captions.length });
  }
  await Promise.all(sessions.map((session) => session.release()));
  return { texts, tokens, width, pooled: pooled?.length ?? 0 };
}
