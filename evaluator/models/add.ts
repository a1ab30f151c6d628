/** @file A pipeline folder, adapters and sampler settings become a model that can be rendered with. */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { Database } from '../../db/open.ts';
import { findModel, insertModel } from '../../db/queries/models.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { checkSize, readPipelineFolder, type PipelineFolder } from '../engine/diffusion/folder.ts';
import type { GenerationSettings } from '../engine/diffusion/pipeline.ts';
import { chooseSampler } from '../engine/diffusion/samplers/choose.ts';
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

/** The settings of the papers: 50 steps, guidance 7.5 (METHOD: inference settings). */
const paperSteps = 50;
const paperGuidance = 7.5;

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

/** What was asked, and the folder's and the papers' defaults for the rest. @throws BadInput for a sampler that cannot be */
export function defaultSettings(folder: PipelineFolder, request: SettingsRequest): GenerationSettings {
  const sampler = request.sampler ?? folder.defaults.sampler;
  const steps = request.steps ?? paperSteps;
  chooseSampler(sampler, folder.scheduler, steps);
  for (const name of ['width', 'height'] as const)
    checkSize(name, request[name] ?? folder.defaults[name], folder.vaeFactor);
  return {
    sampler,
    steps,
    guidance: request.guidance ?? paperGuidance,
    negativePrompt: request.negativePrompt ?? null,
    width: request.width ?? folder.defaults.width,
    height: request.height ?? folder.defaults.height,
  };
}
