/**
 * @file What a pipeline folder (diffusers' layout, exported with optimum) says of itself, read without loading a network.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BadInput } from '../files/bad-input.ts';
import { readJson } from '../files/read-json.ts';
import { networkTitles } from './adapter-keys.ts';
import { requireConfig, requireIndex, type ConfigPart } from './config-fields.ts';
import { families, kindOf, usualOfSchnell, type PipelineKind, type TextEncoderName } from './families.ts';
import { chooseSampler, defaultSamplerId } from './samplers/choose.ts';
import type { Sampler } from './samplers/sampler.ts';
import { parseSchedulerConfig, type SchedulerConfig } from './schedule.ts';

export interface PipelineFolder {
  folder: string;
  kind: PipelineKind;
  scheduler: SchedulerConfig;
  /** Pixels per latent along a side: a power of two, 8 for Stable Diffusion. */
  vaeFactor: number;
  vaeScaling: number;
  /** Added after the latents are divided by the scaling; 0 for Stable Diffusion 1 to XL. */
  vaeShift: number;
  latentChannels: number;
  /** Of latents along a side that the network makes one token of: 1 for a U-Net. */
  patch: number;
  /** Width and height are multiples of it, in pixels. */
  sizeMultiple: number;
  /**
   * Which sides the network has positions for, in pixels: up to one of SD 3's, alone that of PixArt's, whose exports have the
   * positions of the size they were traced with; null where any length goes.
   */
  positions: { upTo: number } | { width: number; height: number } | null;
  /** SDXL: of each channel; latents are multiplied by the deviation and the mean added before they are decoded. */
  latentStatistics: { mean: readonly number[]; deviation: readonly number[] } | null;
  /**
   * How the guidance scale comes in: by a second run of the network on the negative prompt, as an input of a network that was
   * distilled with it (LCM, FLUX.1 dev), or not at all (FLUX.1 schnell).
   */
  guidance: 'two runs' | 'input' | 'none';
  /** Of the guidance scale's embedding, which a distilled U-Net takes; null of other networks. */
  guidanceWidth: number | null;
  /** SDXL: a missing negative prompt becomes zeros instead of the encoding of "". */
  zerosForMissingNegative: boolean;
  /** The numbers of a token that a transformer attends to; SD 3 fills what its text encoders leave. Null of a U-Net. */
  textWidth: number | null;
  /** In the order of the tokenizers: SD 3 may come without its third. */
  textEncoders: readonly TextEncoderName[];
  /** `sampler` throws when the folder names one that is not built here: only who needs the default meets it. */
  defaults: { readonly sampler: string; steps: number; guidance: number; width: number; height: number };
}

/** What of a pipeline's folder decides its images. */
export const pipelineParts = [
  'model_index.json',
  'scheduler',
  'tokenizer',
  'tokenizer_2',
  'tokenizer_3',
  'text_encoder',
  'text_encoder_2',
  'text_encoder_3',
  'unet',
  'transformer',
  'vae_decoder',
];

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
  const className = String(index['_class_name'] ?? '');
  if (has('text_encoder_2') && !has('text_encoder') && !/StableDiffusion3|Flux/.test(className))
    throw new BadInput(
      `${folder} has no first text encoder: it is SDXL's refiner, which goes over another model's images; visavis renders text-to-image pipelines alone.`,
    );
  requireIndex(index, indexFile);
  const kind = kindOf(className, has('text_encoder_2') && has('tokenizer_2'));
  const family = families[kind];
  const encoders = family.textEncoders.filter((name) => name !== 'text_encoder_3' || has(name));
  for (const part of [...encoders, family.network])
    if (Array.isArray(index[part]) && !has(part))
      throw new BadInput(`${indexFile} says that the pipeline has no ${part}, which a ${family.title} pipeline needs.`);
  for (const part of [...encoders, family.network, 'vae_decoder']) {
    if (!existsSync(join(folder, part, 'model.onnx'))) {
      throw new BadInput(
        `${folder} has no ${part}/model.onnx; export the whole pipeline with optimum-cli (docs/models.md).`,
      );
    }
  }
  const schedulerFile = join(folder, 'scheduler', 'scheduler_config.json');
  const scheduler = parseSchedulerConfig((await readJson(schedulerFile)) as Record<string, unknown>, schedulerFile);
  const read = async (part: string, table: ConfigPart) => {
    const file = join(folder, part, 'config.json');
    const config = (await readJson(file)) as Record<string, unknown>;
    requireConfig(table, config, file);
    return config;
  };
  for (const part of encoders)
    if (existsSync(join(folder, part, 'config.json'))) await read(part, family.t5?.encoder === part ? 't5' : 'text');
  const vae = (await read('vae_decoder', family.flow === null ? 'vae' : 'flow vae')) as VaeConfig;
  const vaeFactor = 2 ** ((vae.block_out_channels ?? [1, 1, 1, 1]).length - 1);
  const latentChannels = vae.latent_channels ?? 4;
  const network = (await read(family.network, `${kind} network`)) as NetworkConfig;
  const isFlux = kind === 'flux';
  const patch = family.network === 'unet' ? 1 : isFlux ? 2 : (network.patch_size ?? 2);
  // FLUX's config counts the channels of a token.
  const channels = network.in_channels === undefined ? undefined : network.in_channels / (isFlux ? patch ** 2 : 1);
  if (channels !== undefined && channels !== latentChannels) {
    throw new BadInput(
      `${folder}: the ${networkTitles[family.network]} takes ${channels} channels, the VAE makes ${latentChannels}; visavis renders text-to-image pipelines alone.`,
    );
  }
  if (isFlux && network.out_channels != null && network.out_channels !== network.in_channels)
    throw new BadInput(
      `${folder}: the transformer takes ${network.in_channels} channels a token and makes ${network.out_channels}; visavis renders text-to-image pipelines alone.`,
    );
  const { latentsOfSide, vaeScaling, ...usual } = family.usual;
  // FLUX's config does not say its size.
  const side = isFlux ? latentsOfSide : (network.sample_size ?? latentsOfSide);
  const [height, width] = (typeof side === 'object' ? side : [side, side]).map((latents) => latents * vaeFactor) as [
    number,
    number,
  ];
  const isSchnell = isFlux && network.guidance_embeds !== true;
  const guidanceWidth = network.time_cond_proj_dim ?? null;
  return {
    folder,
    kind,
    scheduler,
    vaeFactor,
    vaeScaling: vae.scaling_factor ?? vaeScaling,
    vaeShift: vae.shift_factor ?? 0,
    latentChannels,
    patch,
    sizeMultiple: family.network === 'unet' ? Math.max(vaeFactor, 8) : vaeFactor * patch,
    positions:
      kind === 'sd3'
        ? { upTo: (network.pos_embed_max_size ?? 96) * patch * vaeFactor }
        : kind === 'pixart'
          ? { width, height }
          : null,
    latentStatistics: statisticsOf(vae, latentChannels, kind, folder),
    guidance: isSchnell ? 'none' : guidanceWidth !== null || isFlux ? 'input' : 'two runs',
    guidanceWidth,
    zerosForMissingNegative: index['force_zeros_for_empty_prompt'] !== false && kind === 'sdxl',
    textWidth: network.joint_attention_dim ?? null,
    textEncoders: encoders,
    defaults: {
      get sampler() {
        return defaultSamplerId(scheduler);
      },
      ...(isSchnell ? usualOfSchnell : usual),
      width,
      height,
    },
  };
}

interface VaeConfig {
  block_out_channels?: number[];
  scaling_factor?: number;
  shift_factor?: number | null;
  latent_channels?: number;
  latents_mean?: number[] | null;
  latents_std?: number[] | null;
}

/** The U-Net's, or a transformer's. */
interface NetworkConfig {
  sample_size?: number | [number, number];
  in_channels?: number;
  out_channels?: number | null;
  time_cond_proj_dim?: number | null;
  patch_size?: number;
  pos_embed_max_size?: number;
  joint_attention_dim?: number;
  guidance_embeds?: boolean;
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
export function checkSize(
  name: 'width' | 'height',
  size: number,
  { sizeMultiple, positions }: Pick<PipelineFolder, 'sizeMultiple' | 'positions'>,
): void {
  if (!Number.isInteger(size) || size < sizeMultiple || size % sizeMultiple !== 0) {
    throw new BadInput(`The ${name} is ${size}; it must be a multiple of ${sizeMultiple}.`);
  }
  if (positions === null) return;
  if ('upTo' in positions ? size > positions.upTo : size !== positions[name])
    throw new BadInput(
      `The ${name} is ${size}; the transformer has positions for ${'upTo' in positions ? `${positions.upTo} pixels a side` : `${positions.width} × ${positions.height} pixels alone`}.`,
    );
}

/** @throws BadInput for a size, a sampler or a number of steps that cannot be on this pipeline */
export function samplerFor(
  folder: PipelineFolder,
  { sampler, steps, width, height }: { sampler: string; steps: number; width: number; height: number },
): Sampler {
  checkSize('width', width, folder);
  checkSize('height', height, folder);
  const { kind, vaeFactor, patch, scheduler } = folder;
  const { flow } = families[kind];
  if (flow === null) return chooseSampler(sampler, scheduler, steps);
  const tokens = (width / vaeFactor / patch) * (height / vaeFactor / patch);
  return chooseSampler(sampler, scheduler, steps, { tokens, lowest: flow });
}
