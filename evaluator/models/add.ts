/** @file A pipeline folder, adapters and sampler settings become a model that can be rendered with. */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { Database } from '../../db/open.ts';
import { findModel, insertModel } from '../../db/queries/models.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { families } from '../engine/diffusion/families.ts';
import { readPipelineFolder, samplerFor, type PipelineFolder } from '../engine/diffusion/folder.ts';
import type { GenerationSettings } from '../engine/diffusion/pipeline.ts';
import { hashPipeline, identifyAdapter, type ModelSettings } from './settings.ts';

export interface SettingsRequest {
  sampler?: string | undefined;
  steps?: number | undefined;
  guidance?: number | undefined;
  negativePrompt?: string | undefined;
  width?: number | undefined;
  height?: number | undefined;
}

export interface ModelRequest extends SettingsRequest {
  name: string;
  pipeline: string;
  adapters: { file: string; scale: number }[];
}

/** @throws BadInput when the name is taken, a part is missing or a setting cannot be */
export async function addModel(db: Database, request: ModelRequest, now = Date.now()): Promise<ModelSettings> {
  if ((await findModel(db, request.name)) !== undefined) {
    throw new BadInput(`A model named "${request.name}" exists already; models never change, choose another name.`);
  }
  const folder = await readPipelineFolder(resolve(request.pipeline));
  const generation = defaultSettings(folder, request);
  const adapters: ModelSettings['adapters'] = [];
  for (const { file, scale } of request.adapters) {
    adapters.push(await identifyAdapter(file, scale));
  }
  const { files, sha256 } = await hashPipeline(folder.folder);
  const settings: ModelSettings = {
    pipeline: folder.folder,
    pipelineSha256: sha256,
    pipelineFiles: files,
    adapters,
    ...generation,
  };
  await insertModel(db, {
    id: randomUUID(),
    name: request.name,
    kind: 'pipeline',
    settings,
    createdAt: now,
  });
  return settings;
}

/**
 * What was asked, and the folder's own defaults for the rest.
 * @throws BadInput for a sampler or a size that cannot be, or a setting that the model does not have
 */
export function defaultSettings(folder: PipelineFolder, request: SettingsRequest): GenerationSettings {
  const { defaults, guidance, kind } = folder;
  const settings = {
    sampler: request.sampler ?? defaults.sampler,
    steps: request.steps ?? defaults.steps,
    guidance: request.guidance ?? defaults.guidance,
    negativePrompt: request.negativePrompt ?? null,
    width: request.width ?? defaults.width,
    height: request.height ?? defaults.height,
  };
  samplerFor(folder, settings);
  if (guidance === 'none' && settings.guidance !== 0)
    throw new BadInput(
      `${folder.folder} (${families[kind].title} without guidance) takes no guidance scale; ${settings.guidance} would change nothing.`,
    );
  if (guidance !== 'two runs' && settings.negativePrompt !== null)
    throw new BadInput(
      `${folder.folder} runs once a step, with no negative prompt; ${JSON.stringify(settings.negativePrompt)} would change nothing.`,
    );
  if (settings.guidance <= 1 && settings.negativePrompt !== null)
    throw new BadInput(
      `With a guidance scale of ${settings.guidance} nothing reads the negative prompt; ${JSON.stringify(settings.negativePrompt)} would change nothing.`,
    );
  return settings;
}
