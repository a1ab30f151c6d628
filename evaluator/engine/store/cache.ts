/** @file Copies of what a store holds, on this machine's disk: no more than so many bytes, the least used go first. */
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes that copies may take; VISAVIS_CACHE_GB, 50 by default. @throws RangeError when that is no number above 0 */
export function cacheLimit(env: NodeJS.ProcessEnv = process.env): number {
  const text = env['VISAVIS_CACHE_GB'] || '50';
  const gigabytes = Number(text);
  if (!(gigabytes > 0)) throw new RangeError(`VISAVIS_CACHE_GB is "${text}"; it must be a number above 0.`);
  return gigabytes * 2 ** 30;
}

/** Whoever trims later keeps it longer. */
export async function markUsed(path: string, now = new Date()): Promise<void> {
  await utimes(path, now, now).catch(() => undefined);
}

/**
 * Removes entries of a folder, whole folders at this depth, from the one that was used longest ago on, until four fifths of the limit are left.
 * @param depth of the entries below the folder; 1 for its own
 * @param restMs what was used within so long may be in somebody's hands, and is kept
 * @returns how many were removed
 */
export async function trimCache(
  folder: string,
  limit: number,
  { depth = 1, restMs = 3600_000, now = Date.now() }: { depth?: number; restMs?: number; now?: number } = {},
): Promise<number> {
  const entries: { path: string; bytes: number; usedMs: number }[] = [];
  const visit = async (path: string, left: number): Promise<void> => {
    for (const name of await readdir(path).catch(() => [])) {
      const entry = join(path, name);
      if (left > 1) await visit(entry, left - 1);
      else {
        const info = await stat(entry).catch(() => undefined);
        if (info !== undefined) entries.push({ path: entry, bytes: await bytesOf(entry), usedMs: info.mtimeMs });
      }
    }
  };
  await visit(folder, depth);
  let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total <= limit) return 0;
  let removed = 0;
  for (const { path, bytes, usedMs } of entries.sort((a, b) => a.usedMs - b.usedMs)) {
    if (total <= 0.8 * limit) break;
    if (now - usedMs < restMs) break;
    await rm(path, { recursive: true, force: true });
    total -= bytes;
    removed += 1;
  }
  return removed;
}

async function bytesOf(path: string): Promise<number> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return 0;
  if (!info.isDirectory()) return info.size;
  const names = await readdir(path).catch(() => []);
  const sizes = await Promise.all(names.map((name) => bytesOf(join(path, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}
