/** @file From one store into another: what is missing there, checked, safe to stop and repeat. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atOnce } from './at-once.ts';
import { DamagedObject, keyOf, type ObjectId, type ObjectStore } from './object-store.ts';

export interface Copied {
  copied: number;
  bytes: number;
  /** Already there before. */
  skipped: number;
  /** Keys that the source has damaged; they were not copied. */
  damaged: string[];
  stopped: boolean;
}

const copiedAtOnce = 8;

/**
 * Every object is read whole, compared with its name, and written under the same name. One that is there already is read there
 * instead, and copied again only when it is damaged.
 */
export async function copyStore(
  from: ObjectStore,
  to: ObjectStore,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (done: number) => void } = {},
): Promise<Copied> {
  await from.check();
  const summary: Copied = { copied: 0, bytes: 0, skipped: 0, damaged: [], stopped: false };
  const folder = await mkdtemp(join(tmpdir(), 'visavis-copy-'));
  const copy = async (object: ObjectId & { size: number }) => {
    const file = join(folder, object.sha256);
    try {
      if ((await to.size(object)) === object.size && (await isWhole(to, object, file))) summary.skipped += 1;
      else {
        await from.fetch(object, file);
        await to.put(object, file, { replace: true });
        summary.copied += 1;
        summary.bytes += object.size;
      }
    } catch (error) {
      if (!(error instanceof DamagedObject)) throw error;
      summary.damaged.push(keyOf(object));
    } finally {
      await rm(file, { force: true });
    }
    onProgress?.(summary.copied + summary.skipped + summary.damaged.length);
  };
  try {
    await atOnce(copiedAtOnce, until(signal, from.list()), copy);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  summary.stopped = signal?.aborted === true;
  return summary;
}

async function isWhole(store: ObjectStore, object: ObjectId, file: string): Promise<boolean> {
  try {
    await store.fetch(object, file);
    return true;
  } catch (error) {
    if (error instanceof DamagedObject) return false;
    throw error;
  }
}

/** The list as far as the signal lets it come. */
async function* until<T>(signal: AbortSignal | undefined, list: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const item of list) {
    if (signal?.aborted === true) return;
    yield item;
  }
}
