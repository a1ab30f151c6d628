/** @file Images by the SHA-256 of their bytes: images/ab/abcd….png. Written once, never changed. */
import { createHash, randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '../files/write-whole.ts';
import { leastPadding, padPng, withoutMetadata } from './png.ts';

/** Lengths of images that annotators get are multiples of it. */
const lengthClass = 4096;

export class ImageStore {
  readonly #folder: string;
  readonly #blindFolder: string;
  /** When each image was last seen on the disk. */
  readonly #seen = new Map<string, number>();

  /** @param dataFolder the data directory; blind copies are kept in its cache and may be deleted at any time */
  constructor(dataFolder: string) {
    this.#folder = join(dataFolder, 'images');
    this.#blindFolder = join(dataFolder, 'cache', 'blind-2');
  }

  path(sha256: string): string {
    return pathIn(this.#folder, sha256);
  }

  /** Whether the folder is there at all; not when its disk is away. */
  isThere(): Promise<boolean> {
    return exists(this.#folder);
  }

  read(sha256: string): Promise<Buffer> {
    return readFile(this.path(sha256));
  }

  /** Whether the image is there; asked of the disk at most once a minute for one that is. */
  async has(sha256: string, now = Date.now()): Promise<boolean> {
    const seen = this.#seen.get(sha256);
    if (seen !== undefined && Math.abs(now - seen) < 60_000) return true;
    this.#seen.delete(sha256);
    if (!(await exists(this.path(sha256)))) return false;
    if (this.#seen.size >= 50_000) this.#seen.clear();
    this.#seen.set(sha256, now);
    return true;
  }

  /** On the disk when the promise resolves. @returns the SHA-256 in hex */
  async put(bytes: Uint8Array): Promise<string> {
    const sha256 = sha256Of(bytes);
    await writeOnce(this.path(sha256), bytes);
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
    const file = pathIn(folder, sha256);
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
}

/** In hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function pathIn(folder: string, sha256: string): string {
  return join(folder, sha256.slice(0, 2), `${sha256}.png`);
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
