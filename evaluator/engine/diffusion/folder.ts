/**
 * @file What a pipeline folder (diffusers' layout, exported with optimum) says of itself, read without loading a network.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BadInput } from '../files/bad-input.ts';
import { readJson } from '../files/read-json.ts';
import { defaultSamplerId } from './samplers/choose.ts';
import { parseSchedulerConfig, type SchedulerConfig } from './schedule.ts';

export interface PipelineFolder {
  folder: string;
  kind: 'sd' | 'sdxl';
  scheduler: SchedulerConfig;
  /** Pixels per latent along a side: a power of two, 8 for Stable Diffusion. */
  vaeFactor: number;
  vaeScaling: number;
  latentChannels: number;
  /** SDXL: a missing negative prompt becomes zeros instead of the encoding of "". */
  zerosForMissingNegative: boolean;
  /** `sampler` throws when the folder names one that is not built here: only who needs the default meets it. */
  defaults: { readonly sampler: string; width: number; height: number };
}

const networks = {
  sd: ['text_encoder', 'unet', 'vae_decoder'],
  sdxl: ['text_encoder', 'text_encoder_2', 'unet', 'vae_decoder'],
};

/** Where the network is that is trained. */
export function unetOf(folder: string): string {
  return join(folder, 'unet', 'model.onnx');
}

/** @throws BadInput when a part is missing or is of another kind of model */
export async function readPipelineFolder(folder: string): Promise<PipelineFolder> {
  if (!existsSync(folder)) throw new BadInput(`There is no folder ${folder}.`);
  if (!existsSync(join(folder, 'model_index.json'))) {
    throw new BadInput(`${folder} has no model_index.json; export the pipeline with optimum-cli (docs/models.md).`);
  }
  const index = (await readJson(join(folder, 'model_index.json'))) as Record<string, unknown>;
  const kind = index['text_encoder_2'] !== undefined && index['tokenizer_2'] !== undefined ? 'sdxl' : 'sd';
  for (const part of networks[kind]) {
    if (!existsSync(join(folder, part, 'model.onnx'))) {
      throw new BadInput(
        `${folder} has no ${part}/model.onnx; export the whole pipeline with optimum-cli (docs/models.md).`,
      );
    }
  }
  const schedulerFile = join(folder, 'scheduler', 'scheduler_config.json');
  const scheduler = parseSchedulerConfig((await readJson(schedulerFile)) as Record<string, unknown>, schedulerFile);
  const vae = (await readJson(join(folder, 'vae_decoder', 'config.json'))) as {
    block_out_channels?: number[];
    scaling_factor?: number;
    latent_channels?: number;
  };
  const unet = (await readJson(join(folder, 'unet', 'config.json'))) as { sample_size?: number; in_channels?: number };
  const vaeFactor = 2 ** ((vae.block_out_channels ?? [1, 1, 1, 1]).length - 1);
  const latentChannels = vae.latent_channels ?? 4;
  if (unet.in_channels !== undefined && unet.in_channels !== latentChannels) {
    throw new BadInput(
      `${folder}: the U-Net takes ${unet.in_channels} channels, the VAE makes ${latentChannels}; visavis renders text-to-image pipelines alone.`,
    );
  }
  const size = (unet.sample_size ?? 64) * vaeFactor;
  return {
    folder,
    kind,
    scheduler,
    vaeFactor,
    vaeScaling: vae.scaling_factor ?? (kind === 'sdxl' ? 0.13025 : 0.18215),
    latentChannels,
    zerosForMissingNegative: index['force_zeros_for_empty_prompt'] !== false && kind === 'sdxl',
    defaults: {
      get sampler() {
        return defaultSamplerId(scheduler);
      },
      width: size,
      height: size,
    },
  };
}

/** @throws BadInput for a side that latents cannot be made for */
export function checkSize(name: 'width' | 'height', size: number, vaeFactor: number): void {
  const multiple = Math.max(vaeFactor, 8);
  if (!Number.isInteger(size) || size < multiple || size % multiple !== 0) {
    throw new BadInput(`The ${name} is ${size}; it must be a multiple of ${multiple}.`);
  }
}
