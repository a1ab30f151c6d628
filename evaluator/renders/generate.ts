/** @file One image without a database: a pipeline's folder and a prompt in, pixels and latents out. */
import type { GenerationSettings } from '../engine/diffusion/pipeline.ts';
import { readPipelineFolder } from '../engine/diffusion/folder.ts';
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

/** @throws BadInput when a part is missing, a setting cannot be or the device does not work */
export async function renderImage(request: ImageRequest): Promise<RenderedImage> {
  const { pipeline, prompt, seed, adapters = [], device = 'auto', signal, onNote } = request;
  const settings = defaultSettings(await readPipelineFolder(pipeline), request);
  const { devices, notes } = await chooseDevices(device);
  for (const note of notes) onNote?.(note);
  const renderer = await Renderer.start({ folder: pipeline, adapters: [...adapters] }, devices[0]!);
  const stop = () => renderer.stop();
  signal?.addEventListener('abort', stop);
  try {
    const [image] = await renderer.generate({ prompts: [prompt], seeds: [seed], settings });
    const png = await encodePng(image!.pixels, settings.width, settings.height, { prompt, seed, ...settings });
    return { png, latents: image!.latents, settings };
  } finally {
    signal?.removeEventListener('abort', stop);
    await renderer.close();
  }
}
