/**
 * @file What a pipeline folder (diffusers' layout, exported with optimum) says of itself, read without loading a network.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BadInput } from '../files/bad-input.ts';
import { readJson } from '../files/read-json.ts';
import { requireConfig, requireIndex } from './config-fields.ts';
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
  /** SDXL: of each channel; latents are multiplied by the deviation and the mean added before they are decoded. */
  latentStatistics: { mean: readonly number[]; deviation: readonly number[] } | null;
  /** Of the guidance scale's embedding, which a distilled U-Net (LCM) takes instead of two runs; null where it takes none. */
  guidanceWidth: number | null;
  /** SDXL: a missing negative prompt becomes zeros instead of the encoding of "". */
  zerosForMissingNegative: boolean;
  /** `sampler` throws when the folder names one that is not built here: only who needs the default meets it. */
  defaults: { readonly sampler: string; width: number; height: number };
}

/** What of a pipeline's folder decides its images. */
export const pipelineParts = [
  'model_index.json',
  'scheduler',
  'tokenizer',
  'tokenizer_2',
  'text_encoder',
  'text_encoder_2',
  'unet',
  'vae_decoder',
];

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
  const indexFile = join(folder, 'model_index.json');
  const index = (await readJson(indexFile)) as Record<string, unknown>;
  const has = (part: string) => Array.isArray(index[part]) && index[part].some((name) => name !== null);
  if (has('text_encoder_2') && !has('text_encoder'))
    throw new BadInput(
      `${folder} has no first text encoder: it is SDXL's refiner, which goes over another model's images; visavis renders text-to-image pipelines alone.`,
    );
  requireIndex(index, indexFile);
  const kind = has('text_encoder_2') && has('tokenizer_2') ? 'sdxl' : 'sd';
  for (const part of networks[kind]) {
    if (!existsSync(join(folder, part, 'model.onnx'))) {
      throw new BadInput(
        `${folder} has no ${part}/model.onnx; export the whole pipeline with optimum-cli (docs/models.md).`,
      );
    }
  }
  const schedulerFile = join(folder, 'scheduler', 'scheduler_config.json');
  const scheduler = parseSchedulerConfig((await readJson(schedulerFile)) as Record<string, unknown>, schedulerFile);
  const read = async (part: string, table: Parameters<typeof requireConfig>[0]) => {
    const file = join(folder, part, 'config.json');
    const config = (await readJson(file)) as Record<string, unknown>;
    requireConfig(table, config, file);
    return config;
  };
  const vae = (await read('vae_decoder', 'vae')) as {
    block_out_channels?: number[];
    scaling_factor?: number;
    latent_channels?: number;
    latents_mean?: number[] | null;
    latents_std?: number[] | null;
  };
  const unet = (await read('unet', `${kind} unet`)) as {
    sample_size?: number | [number, number];
    in_channels?: number;
    time_cond_proj_dim?: number | null;
  };
  for (const part of kind === 'sdxl' ? ['text_encoder', 'text_encoder_2'] : ['text_encoder'])
    if (existsSync(join(folder, part, 'config.json'))) await read(part, 'text');
  const vaeFactor = 2 ** ((vae.block_out_channels ?? [1, 1, 1, 1]).length - 1);
  const latentChannels = vae.latent_channels ?? 4;
  if (unet.in_channels !== undefined && unet.in_channels !== latentChannels) {
    throw new BadInput(
      `${folder}: the U-Net takes ${unet.in_channels} channels, the VAE makes ${latentChannels}; visavis renders text-to-image pipelines alone.`,
    );
  }
  const sides =
    typeof unet.sample_size === 'object' ? unet.sample_size : [unet.sample_size ?? 64, unet.sample_size ?? 64];
  const [height, width] = sides.map((side) => side * vaeFactor) as [number, number];
  return {
    folder,
    kind,
    scheduler,
    vaeFactor,
    vaeScaling: vae.scaling_factor ?? (kind === 'sdxl' ? 0.13025 : 0.18215),
    latentChannels,
    latentStatistics: statisticsOf(vae, latentChannels, kind, folder),
    guidanceWidth: unet.time_cond_proj_dim ?? null,
    zerosForMissingNegative: index['force_zeros_for_empty_prompt'] !== false && kind === 'sdxl',
    defaults: {
      get sampler() {
        return defaultSamplerId(scheduler);
      },
      width,
      height,
    },
  };
}

/** diffusers' SDXL pipeline alone takes them; its SD pipeline passes them over. */
function statisticsOf(
  { latents_mean: mean, latents_std: deviation }: { latents_mean?: number[] | null; latents_std?: number[] | null },
  channels: number,
  kind: PipelineFolder['kind'],
  folder: string,
): PipelineFolder['latentStatistics'] {
  if (kind !== 'sdxl' || !mean || !deviation) return null;
  if (mean.length !== channels || deviation.length !== channels)
    throw new BadInput(`${folder}: the VAE's latents_mean and latents_std must have ${channels} numbers each.`);
  return { mean, deviation };
}

/** @throws BadInput for a side that latents cannot be made for */
export function checkSize(name: 'width' | 'height', size: number, vaeFactor: number): void {
  const multiple = Math.max(vaeFactor, 8);
  if (!Number.isInteger(size) || size < multiple || size % multiple !== 0) {
    throw new BadInput(`The ${name} is ${size}; it must be a multiple of ${multiple}.`);
  }
}
