/** @file Images without a database: a pipeline's folder and a prompt in, pixels and latents out. */
import type { GenerationSettings } from '../engine/diffusion/pipeline.ts';
import { readPipelineFolder } from '../engine/diffusion/folder.ts';
import { families } from '../engine/diffusion/families.ts';
import { cutFrom, requireChunks } from '../engine/diffusion/prompt-encoding.ts';
import { encodePng } from '../engine/images/png.ts';
import { chooseDevices } from '../engine/onnx/choose-device.ts';
import { defaultSettings, type SettingsRequest } from '../models/add.ts';
import { Renderer } from './renderer.ts';

export interface ImageRequest extends SettingsRequest {
  /** A diffusers pipeline exported to ONNX with optimum. */
  pipeline: string;
  prompt: string;
  /** As torch.manual_seed takes it; its lower 32 bits decide the noise. */
  seed: number;
  /** A prompt of more than 77 tokens is read in chunks of 77, one after the other, instead of cut. */
  longPrompts?: boolean;
  /** LoRA files, merged in this order. */
  adapters?: readonly { file: string; scale: number }[];
  /** auto, cpu, cuda[:ID], webgpu; auto by default. */
  device?: string;
  /** Ends the work between two steps; the promise rejects with an error named Stopped. */
  signal?: AbortSignal;
  onNote?: (sentence: string) => void;
}
export interface RenderedImage {
  /** With the prompt, seed and settings in its text chunks. */
  png: Buffer;
  /** float32, NCHW: [1, channels, height / 8, width / 8]. */
  latents: Float32Array;
  /** What was asked, and the folder's and the papers' defaults for the rest. */
  settings: GenerationSettings;
}

export interface ImagesRequest extends ImageRequest {
  /** So many images of the prompt. */
  count: number;
  /**
   * list: the seeds are seed, seed + 1, …, as diffusers draws with a list of generators. stream: all images come from the first
   * seed's generator, in one batch, as diffusers draws with one.
   */
  seeds?: 'list' | 'stream';
}

/** @throws BadInput when a part is missing, a setting cannot be or the device does not work */
export async function renderImage(request: ImageRequest): Promise<RenderedImage> {
  for await (const image of renderImages({ ...request, count: 1 })) return image;
  throw new Error('No image came.');
}

/** Several images of one prompt, each as soon as it is made. @throws BadInput as renderImage */
export async function* renderImages(request: ImagesRequest): AsyncGenerator<RenderedImage & { seed: number }> {
  const {
    pipeline,
    prompt,
    seed,
    adapters = [],
    device = 'auto',
    signal,
    onNote,
    count,
    longPrompts = false,
  } = request;
  const folder = await readPipelineFolder(pipeline);
  const settings = defaultSettings(folder, request);
  const hint = families[folder.kind].t5 === null ? ' (--long-prompts reads all)' : '';
  if (longPrompts) requireChunks(folder);
  else {
    const { lost, tokens } = await cutFrom(pipeline, [prompt, settings.negativePrompt ?? '']);
    for (const [i, what] of ['prompt', 'negative prompt'].entries())
      if (lost[i] !== '')
        onNote?.(`the ${what} is cut at ${tokens} tokens; ${JSON.stringify(lost[i])} is not read${hint}.`);
  }
  const { devices, notes } = await chooseDevices(device);
  for (const note of notes) onNote?.(note);
  const renderer = await Renderer.start({ folder: pipeline, adapters: [...adapters] }, devices[0]!);
  const stop = () => renderer.stop();
  signal?.addEventListener('abort', stop);
  const isStream = request.seeds === 'stream' && count > 1;
  const seeds = Array.from({ length: count }, (_, i) => (isStream ? seed : seed + i));
  const about = { ...settings, ...(longPrompts ? { longPrompts } : {}) };
  try {
    for (const batch of isStream ? [seeds] : seeds.map((each) => [each])) {
      const images = await renderer.generate({
        prompts: batch.map(() => prompt),
        seeds: batch,
        settings,
        options: { longPrompts, noise: isStream ? 'stream' : 'list' },
      });
      for (const [i, { pixels, latents }] of images.entries()) {
        const said = { prompt, seed: batch[i]!, ...(isStream ? { imageOfStream: i } : {}), ...about };
        yield {
          png: await encodePng(pixels, settings.width, settings.height, said),
          latents,
          settings,
          seed: batch[i]!,
        };
      }
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    await renderer.close();
  }
}
