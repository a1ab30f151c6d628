/**
 * @file The files of models and rewards on another machine: put into the shared store by their hashes, fetched from it where
 * they are not. Fetched folders are copies; the least used make room for others.
 */
import { stat, utimes } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { BadInput } from '../engine/files/bad-input.ts';
import { digestOf, firstChanged, type HashedFile } from '../engine/files/hashes.ts';
import { cacheLimit, markUsed, trimCache } from '../engine/store/cache.ts';
import type { ObjectStore } from '../engine/store/object-store.ts';
import type { NetworkSettings } from '../rewards/add.ts';
import type { AdapterIdentity, ModelSettings } from './settings.ts';

/** Where a worker finds files that its machine has not. */
export interface Networks {
  store: ObjectStore;
  /** Of the data directory. */
  cacheFolder: string;
}

/** @throws BadInput when a file is gone or changed since the model was added */
export async function shareModel(store: ObjectStore, { pipeline, pipelineFiles, adapters }: ModelSettings) {
  await shareFiles(store, inFolder(pipeline, pipelineFiles));
  for (const adapter of adapters) await shareFiles(store, filesOf(adapter));
}

export async function shareNetwork(store: ObjectStore, { network, files }: NetworkSettings): Promise<void> {
  await shareFiles(store, inFolder(network.folder, files));
}

export function totalBytes(files: readonly Pick<HashedFile, 'size'>[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** Of a model's networks and adapters, on the disk. */
export function bytesOf({ pipelineFiles, adapters }: ModelSettings): number {
  return totalBytes(pipelineFiles) + totalBytes(adapters);
}

export async function shareFiles(store: ObjectStore, files: readonly HashedFile[]): Promise<void> {
  const changed = await firstChanged(files);
  if (changed !== undefined)
    throw new BadInput(`${changed.path} ${changed.isGone ? 'is gone' : 'has changed'}; it cannot be shared.`);
  for (const { path, sha256 } of files) await store.put({ kind: 'files', sha256 }, path);
}

/** The model as this machine has it: where it was added, or fetched. @throws BadInput when it is nowhere */
export async function localModel(networks: Networks, settings: ModelSettings): Promise<ModelSettings> {
  const { pipeline, pipelineFiles, pipelineSha256 } = settings;
  const adapters: AdapterIdentity[] = [];
  for (const adapter of settings.adapters) {
    const files = filesOf(adapter);
    if ((await firstChanged(files)) === undefined) adapters.push(adapter);
    else {
      const named = files.map((file) => ({ ...file, path: basename(file.path) }));
      const folder = await fetchFolder(networks, digestOf(named), named);
      const [weights, config] = inFolder(folder, named);
      adapters.push({ ...adapter, ...weights!, ...(config === undefined ? {} : { config }) });
    }
  }
  if ((await firstChanged(inFolder(pipeline, pipelineFiles))) === undefined) return { ...settings, adapters };
  return { ...settings, adapters, pipeline: await fetchFolder(networks, pipelineSha256, pipelineFiles) };
}

/** The reward's network likewise. */
export async function localNetwork(networks: Networks, settings: NetworkSettings): Promise<NetworkSettings> {
  const { network, files } = settings;
  if ((await firstChanged(inFolder(network.folder, files))) === undefined) return settings;
  const folder = await fetchFolder(networks, digestOf(files), files);
  return { ...settings, network: { ...network, folder } };
}

/** @param digest names the folder @param files their paths in it @returns the folder */
export async function fetchFolder(
  { store, cacheFolder }: Networks,
  digest: string,
  files: readonly HashedFile[],
): Promise<string> {
  const root = join(cacheFolder, 'networks');
  const folder = join(root, digest);
  let fetched = 0;
  for (const { path } of files) requireInside(path);
  for (const { path, sha256, size, modifiedMs } of files) {
    const file = join(folder, path);
    if ((await stat(file).catch(() => undefined))?.size === size) continue;
    await store.fetch({ kind: 'files', sha256 }, file).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT'
        ? new BadInput(
            `${path} is neither on this machine nor in ${store.location}; machines share files through VISAVIS_STORE (docs/scale-out.md).`,
          )
        : error;
    });
    // So that it is not hashed again at every use.
    await utimes(file, new Date(modifiedMs), new Date(modifiedMs));
    fetched += 1;
  }
  await markUsed(folder);
  if (fetched > 0) await trimCache(root, cacheLimit());
  return folder;
}

/** @throws BadInput for a path that leads out of the folder that it is meant in */
export function requireInside(path: string): void {
  if (path === '' || isAbsolute(path) || path.includes('\\') || path.includes('\0') || path.split('/').includes('..'))
    throw new BadInput(`A job names the file ${JSON.stringify(path)}, which is in no folder of it.`);
}

const inFolder = (folder: string, files: readonly HashedFile[]): HashedFile[] =>
  files.map((file) => ({ ...file, path: join(folder, file.path) }));

function filesOf({ scale: _, config, ...weights }: AdapterIdentity): HashedFile[] {
  return config === undefined ? [weights] : [weights, config];
}
