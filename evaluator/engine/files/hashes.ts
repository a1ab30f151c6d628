/** @file What files are, by SHA-256, and whether those on disk are still the same. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline as stream } from 'node:stream/promises';
import { BadInput } from './bad-input.ts';

/** In hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export interface HashedFile {
  path: string;
  size: number;
  modifiedMs: number;
  sha256: string;
}

/** The SHA-256 over names and hashes, after what else decides a result. */
export function digestOf(files: readonly HashedFile[], extra = ''): string {
  const digest = createHash('sha256').update(extra);
  for (const { path, sha256 } of files) digest.update(`${path}\0${sha256}\n`);
  return digest.digest('hex');
}

/** The files of these parts of a folder, of folders in them too, by their paths in it. */
export async function hashFiles(folder: string, names: readonly string[]): Promise<HashedFile[]> {
  const files: HashedFile[] = [];
  for (const part of names) {
    for (const name of await filesUnder(folder, part)) files.push(await hashFile(join(folder, name), name));
  }
  return files;
}

async function filesUnder(folder: string, part: string): Promise<string[]> {
  const info = await stat(join(folder, part)).catch(() => undefined);
  if (info === undefined) return [];
  if (info.isFile()) return [part];
  const names = (await readdir(join(folder, part))).sort();
  const files: string[] = [];
  for (const name of names) files.push(...(await filesUnder(folder, `${part}/${name}`)));
  return files;
}

/** @param path what the identity is kept under */
export async function hashFile(file: string, path = file): Promise<HashedFile> {
  const info = await stat(file).catch(() => undefined);
  if (info === undefined || !info.isFile()) throw new BadInput(`There is no file ${file}.`);
  const digest = createHash('sha256');
  await stream(createReadStream(file, { highWaterMark: 1 << 20 }), digest);
  return { path, size: info.size, modifiedMs: Math.round(info.mtimeMs), sha256: digest.digest('hex') };
}

/** Compares files with what they were. Size and time are compared first; a file is hashed again only when they differ. */
export async function firstChanged(
  files: readonly HashedFile[],
): Promise<{ path: string; isGone: boolean } | undefined> {
  for (const { path, size, modifiedMs, sha256 } of files) {
    const info = await stat(path).catch(() => undefined);
    if (info === undefined) return { path, isGone: true };
    if (info.size === size && Math.round(info.mtimeMs) === modifiedMs) continue;
    if (info.size !== size || (await hashFile(path)).sha256 !== sha256) return { path, isGone: false };
  }
  return undefined;
}
