/** @file Files that are there whole or not at all. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Whole or not at all: written beside its place, synced, then renamed; nothing is left behind by a failure.
 * @param temporary where it grows; a name of its own for each process where several may write the same file
 */
export async function writeWhole(file: string, bytes: Uint8Array, temporary = `${file}.part`): Promise<void> {
  await writeChunks(file, [bytes], temporary);
}

/** As `writeWhole`, one chunk after the other. */
export async function writeChunks(
  file: string,
  chunks: Iterable<Uint8Array>,
  temporary = `${file}.part`,
): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await replaceWhole(file, temporary, async () => {
    const handle = await open(temporary, 'w');
    try {
      for (const bytes of chunks) await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** Renames what `write` puts at the temporary name; removes it when that fails. */
export async function replaceWhole(file: string, temporary: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
