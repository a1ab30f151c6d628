/** @file What a model is made of, as its row keeps it, and whether the files on disk are still those. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline as stream } from 'node:stream/promises';
import { BadInput } from '../engine/files/bad-input.ts';

export interface FileIdentity {
  path: string;
  size: number;
  modifiedMs: number;
  sha256: string;
}

export interface ModelSettings {
  pipeline: string;
  /** The SHA-256 over the names and hashes of the pipeline's files. */
  pipelineSha256: string;
  pipelineFiles: FileIdentity[];
  adapters: (FileIdentity & { scale: number })[];
  sampler: string;
  steps: number;
  guidance: number;
  negativePrompt: string | null;
  width: number;
  height: number;
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

export async function identifyPipeline(folder: string): Promise<{ files: FileIdentity[]; sha256: string }> {
  const files = await identifyFiles(folder, parts);
  return { files, sha256: digestOf(files) };
}

/** The SHA-256 over names and hashes, after what else decides a result. */
export function digestOf(files: readonly FileIdentity[], extra = ''): string {
  const digest = createHash('sha256').update(extra);
  for (const { path, sha256 } of files) digest.update(`${path}\0${sha256}\n`);
  return digest.digest('hex');
}

/** The files of these parts of a folder, by their paths in it. */
export async function identifyFiles(folder: string, names: readonly string[]): Promise<FileIdentity[]> {
  const files: FileIdentity[] = [];
  for (const part of names) {
    for (const name of await filesUnder(folder, part)) files.push(await identifyFile(join(folder, name), name));
  }
  return files;
}

async function filesUnder(folder: string, part: string): Promise<string[]> {
  const info = await stat(join(folder, part)).catch(() => undefined);
  if (info === undefined) return [];
  if (info.isFile()) return [part];
  const names = await readdir(join(folder, part));
  return names.sort().map((name) => `${part}/${name}`);
}

/** @param path what the identity is kept under */
export async function identifyFile(file: string, path = file): Promise<FileIdentity> {
  const info = await stat(file).catch(() => undefined);
  if (info === undefined || !info.isFile()) throw new BadInput(`There is no file ${file}.`);
  const digest = createHash('sha256');
  await stream(createReadStream(file, { highWaterMark: 1 << 20 }), digest);
  return { path, size: info.size, modifiedMs: Math.round(info.mtimeMs), sha256: digest.digest('hex') };
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

/** Compares files with what they were. Size and time are compared first; a file is hashed again only when they differ. */
export async function firstChanged(
  files: readonly FileIdentity[],
): Promise<{ path: string; isGone: boolean } | undefined> {
  for (const { path, size, modifiedMs, sha256 } of files) {
    const info = await stat(path).catch(() => undefined);
    if (info === undefined) return { path, isGone: true };
    if (info.size === size && Math.round(info.mtimeMs) === modifiedMs) continue;
    if (info.size !== size || (await identifyFile(path)).sha256 !== sha256) return { path, isGone: false };
  }
  return undefined;
}
