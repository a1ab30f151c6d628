/**
 * @file Images by the SHA-256 of their bytes: images/ab/abcd….png. Written once, never changed. They lie in the data
 * directory; with a shared store (VISAVIS_STORE) they lie there, and the data directory's cache has copies.
 */
import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Of } from '../files/hashes.ts';
import { writeWhole } from '../files/write-whole.ts';
import { atOnce } from '../store/at-once.ts';
import { cacheLimit, markUsed, trimCache } from '../store/cache.ts';
import { keyOf, type ObjectStore } from '../store/object-store.ts';
import { sharedStore } from '../store/open.ts';
import { leastPadding, padPng, withoutMetadata } from './png.ts';

/** Lengths of images that annotators get are multiples of it. */
const lengthClass = 4096;
/** Images that are fetched from a shared store, or asked for there, at the same time. */
const fetchedAtOnce = 16;
/** After so many new copies the cache is looked through. */
const trimEvery = 500;

export class ImageStore {
  readonly #folder: string;
  readonly #blindFolder: string;
  readonly #shared: ObjectStore | undefined;
  /** When each image was last seen. */
  readonly #seen = new Map<string, number>();
  #newCopies = 0;

  /**
   * @param dataFolder the data directory; blind copies are kept in its cache and may be deleted at any time
   * @param shared the store that all machines use; VISAVIS_STORE's when absent, none when null
   */
  constructor(dataFolder: string, shared: ObjectStore | null | undefined = sharedStore()) {
    this.#shared = shared ?? undefined;
    this.#folder = this.#shared === undefined ? dataFolder : join(dataFolder, 'cache', 'shared');
    this.#blindFolder = join(dataFolder, 'cache', 'blind-2');
  }

  /** The store's name, where it is not the data directory. */
  get sharedLocation(): string | undefined {
    return this.#shared?.location;
  }

  /** Where the image lies, or lay, for people to look. */
  placeOf(sha256: string): string {
    return this.#shared === undefined
      ? this.#path(sha256)
      : `${this.#shared.location}/${keyOf({ kind: 'images', sha256 })}`;
  }

  /** The image as a file of this machine, fetched when it is not here. @throws ENOENT when it is nowhere */
  async file(sha256: string): Promise<string> {
    const file = this.#path(sha256);
    if (this.#shared === undefined) return file;
    if (await exists(file)) {
      await markUsed(file);
      return file;
    }
    await this.#shared.fetch({ kind: 'images', sha256 }, file);
    await this.#trim();
    return file;
  }

  async #trim(): Promise<void> {
    this.#newCopies += 1;
    if (this.#newCopies % trimEvery === 0) await trimCache(join(this.#folder, 'images'), cacheLimit(), { depth: 2 });
  }

  /** As `file`, of many; the path where it would be for one that is nowhere. */
  async files(hashes: readonly string[]): Promise<string[]> {
    const files = hashes.map((sha256) => this.#path(sha256));
    if (this.#shared === undefined) return files;
    await atOnce(fetchedAtOnce, [...new Set(hashes)], async (sha256) => {
      await this.file(sha256).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      });
    });
    return files;
  }

  /** Whether the place of the images is there at all; not when its disk is away, or its bucket. */
  async isThere(): Promise<boolean> {
    if (this.#shared === undefined) return exists(join(this.#folder, 'images'));
    return this.#shared.check().then(
      () => true,
      () => false,
    );
  }

  /** @throws ENOENT when it is not there */
  async read(sha256: string): Promise<Buffer> {
    return readFile(await this.file(sha256));
  }

  /** Whether the image is there; asked of the disk or the store at most once a minute for one that is. */
  async has(sha256: string, now = Date.now()): Promise<boolean> {
    const seen = this.#seen.get(sha256);
    if (seen !== undefined && Math.abs(now - seen) < 60_000) return true;
    this.#seen.delete(sha256);
    const there =
      (await exists(this.#path(sha256))) || (await this.#shared?.size({ kind: 'images', sha256 })) !== undefined;
    if (!there) return false;
    if (this.#seen.size >= 50_000) this.#seen.clear();
    this.#seen.set(sha256, now);
    return true;
  }

  /** Those that are not there. */
  async lacking(hashes: readonly string[]): Promise<string[]> {
    const missing: string[] = [];
    await atOnce(fetchedAtOnce, hashes, async (sha256) => {
      if (!(await this.has(sha256))) missing.push(sha256);
    });
    return missing;
  }

  /** On the disk, and in the shared store, when the promise resolves. @returns the SHA-256 in hex */
  async put(bytes: Uint8Array): Promise<string> {
    const sha256 = sha256Of(bytes);
    await this.#shared?.put({ kind: 'images', sha256 }, bytes);
    await writeOnce(this.#path(sha256), bytes);
    if (this.#shared !== undefined) await this.#trim();
    return sha256;
  }

  /**
   * An image of a pair for annotators: the same pixels, no metadata, and as many bytes as the pair's other image has.
   * @param other the SHA-256 of that one
   * @param longest a copy whose longest side has so many pixels, if the image has more; made once
   */
  async readBlind(sha256: string, other: string, longest?: number): Promise<Buffer> {
    const [image, beside] = await Promise.all([this.#blind(sha256, longest), this.#blind(other, longest)]);
    const needed = Math.max(image.length, beside.length) + leastPadding;
    return padPng(image, Math.ceil(needed / lengthClass) * lengthClass);
  }

  /** Without metadata; smaller where `longest` says so. @throws ENOENT for an image that is missing */
  copy(sha256: string, longest?: number): Promise<Buffer> {
    return this.#blind(sha256, longest);
  }

  async #blind(sha256: string, longest: number | undefined): Promise<Buffer> {
    const folder = longest === undefined ? this.#blindFolder : join(this.#blindFolder, `at-${longest}`);
    const file = join(folder, sha256.slice(0, 2), `${sha256}.png`);
    try {
      return await readFile(file);
    } catch {
      // Many ask for a pair at once; it is made for all of them.
      let making = this.#making.get(file);
      if (making === undefined) {
        making = this.#makeBlind(sha256, longest, file).finally(() => this.#making.delete(file));
        this.#making.set(file, making);
      }
      return making;
    }
  }
  readonly #making = new Map<string, Promise<Buffer>>();

  async #makeBlind(sha256: string, longest: number | undefined, file: string): Promise<Buffer> {
    const blind = await withoutMetadata(await this.read(sha256), longest);
    await writeOnce(file, blind);
    return blind;
  }

  #path(sha256: string): string {
    return join(this.#folder, keyOf({ kind: 'images', sha256 }));
  }
}

async function writeOnce(file: string, bytes: Uint8Array): Promise<void> {
  if (!(await exists(file))) await writeWhole(file, bytes, `${file}.${randomUUID()}`);
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
