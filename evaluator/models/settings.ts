/** @file What a model is made of, as its row keeps it, and whether the files on disk are still those. */
import { join } from 'node:path';
import type { GenerationSettings } from '../engine/diffusion/pipeline.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { digestOf, firstChanged, hashFiles, type HashedFile } from '../engine/files/hashes.ts';

export interface ModelSettings extends GenerationSettings {
  pipeline: string;
  /** The SHA-256 over the names and hashes of the pipeline's files. */
  pipelineSha256: string;
  pipelineFiles: HashedFile[];
  adapters: (HashedFile & { scale: number })[];
}

/** The parts of a pipeline folder that decide its images. */
const parts = [
  'model_index.json',
  'scheduler',
  'tokenizer',
  'tokenizer_2',
  'text_encoder',
  'text_encoder_2',
  'unet',
  'vae_decoder',
];

export async function hashPipeline(folder: string): Promise<{ files: HashedFile[]; sha256: string }> {
  const files = await hashFiles(folder, parts);
  return { files, sha256: digestOf(files) };
}

/** @throws BadInput when a file of the model is gone or changed: its renders would no longer be of the same model */
export async function checkModelFiles(model: string, settings: ModelSettings): Promise<void> {
  const all = [
    ...settings.pipelineFiles.map((file) => ({ ...file, path: join(settings.pipeline, file.path) })),
    ...settings.adapters,
  ];
  const changed = await firstChanged(all);
  if (changed === undefined) return;
  if (changed.isGone) throw new BadInput(`The model "${model}" needs ${changed.path}, which is gone.`);
  throw new BadInput(
    `${changed.path} has changed since the model "${model}" was added; add it again under a new name.`,
  );
}
