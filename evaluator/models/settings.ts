/** @file What a model is made of, as its row keeps it, and whether the files on disk are still those. */
import { join, resolve } from 'node:path';
import { adapterFiles } from '../engine/diffusion/adapter-config.ts';
import { pipelineParts } from '../engine/diffusion/folder.ts';
import { readAdapter } from '../engine/diffusion/lora.ts';
import type { GenerationSettings } from '../engine/diffusion/pipeline.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { digestOf, firstChanged, hashFile, hashFiles, type HashedFile } from '../engine/files/hashes.ts';

export interface ModelSettings extends GenerationSettings {
  pipeline: string;
  /** The SHA-256 over the names and hashes of the pipeline's files. */
  pipelineSha256: string;
  pipelineFiles: HashedFile[];
  adapters: AdapterIdentity[];
}

/** An adapter's weights, and PEFT's file beside them that decides their strength, where there is one. */
export type AdapterIdentity = HashedFile & { scale: number; config?: HashedFile };

/** @param path of the file, or of PEFT's folder @throws BadInput when it is no adapter */
export async function identifyAdapter(path: string, scale: number): Promise<AdapterIdentity> {
  const { weights, config } = adapterFiles(resolve(path));
  const identity = { ...(await hashFile(weights)), scale };
  await readAdapter(weights);
  return config === undefined ? identity : { ...identity, config: await hashFile(config) };
}

/** @param others parts that decide something else, as training's vae_encoder */
export async function hashPipeline(
  folder: string,
  others: readonly string[] = [],
): Promise<{ files: HashedFile[]; sha256: string }> {
  const files = await hashFiles(folder, [...pipelineParts, ...others]);
  return { files, sha256: digestOf(files) };
}

/** @throws BadInput when a file of the model is gone or changed: its renders would no longer be of the same model */
export async function checkModelFiles(model: string, settings: ModelSettings): Promise<void> {
  const all = [
    ...settings.pipelineFiles.map((file) => ({ ...file, path: join(settings.pipeline, file.path) })),
    ...settings.adapters,
    ...settings.adapters.flatMap(({ config }) => config ?? []),
  ];
  for (const { path, config } of settings.adapters) {
    const beside = adapterFiles(path).config;
    if (config === undefined && beside !== undefined)
      throw new BadInput(
        `${beside} decides the strength of ${path} and was not there, or not counted, when the model "${model}" was added; add it again under a new name.`,
      );
  }
  const changed = await firstChanged(all);
  if (changed === undefined) return;
  if (changed.isGone) throw new BadInput(`The model "${model}" needs ${changed.path}, which is gone.`);
  throw new BadInput(
    `${changed.path} has changed since the model "${model}" was added; add it again under a new name.`,
  );
}
