/**
 * @file Vectors of one width on the disk, by SHA-256: embeddings of images and prompts, latents. A second scorer on the same
 * tower, or the same image again, needs no network. Append-only; may be deleted at any time. Layout: "VVE1", width as
 * uint32, then records of a SHA-256 (32 bytes) and `width` float32, little-endian.
 */
import { closeSync, existsSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { createHash } from 'node:crypto';

const header = 8;
const keyBytes = 32;

export class VectorCache {
  readonly #file: string | undefined;
  readonly #offsets = new Map<string, number>();
  readonly #fresh = new Map<string, Float32Array>();
  #handle: number | undefined;
  #width = 0;

  /** @param file where it is kept; without one it lives as long as this object */
  constructor(file: string | undefined) {
    this.#file = file;
    if (file !== undefined && existsSync(file)) this.#open(file);
  }

  has(key: string): boolean {
    return this.#fresh.has(key) || this.#offsets.has(key);
  }

  get(key: string): Float32Array | undefined {
    const offset = this.#offsets.get(key);
    if (offset === undefined) return this.#fresh.get(key);
    const bytes = new Uint8Array(this.#width * 4);
    return readSync(this.#handle!, bytes, 0, bytes.length, offset) === bytes.length
      ? new Float32Array(bytes.buffer)
      : undefined;
  }

  /** @param key a SHA-256 in hex */
  put(key: string, embedding: Float32Array): void {
    if (this.has(key)) return;
    if (this.#file === undefined) {
      this.#fresh.set(key, embedding);
      return;
    }
    this.#width ||= embedding.length;
    if (this.#handle === undefined) {
      mkdirSync(dirname(this.#file), { recursive: true });
      this.#open(this.#file);
    }
    // One write a record: another process may append to the same file.
    const record = Buffer.concat([
      Buffer.from(key, 'hex'),
      new Uint8Array(embedding.buffer, embedding.byteOffset, this.#width * 4),
    ]);
    writeSync(this.#handle!, record);
    this.#offsets.set(key, fstatSync(this.#handle!).size - this.#width * 4);
  }

  close(): void {
    if (this.#handle !== undefined) closeSync(this.#handle);
    this.#handle = undefined;
  }

  #open(file: string): void {
    const handle = openSync(file, 'a+');
    this.#handle = handle;
    const start = Buffer.alloc(header);
    if (readSync(handle, start, 0, header, 0) < header || start.toString('latin1', 0, 4) !== 'VVE1') {
      ftruncateSync(handle, 0);
      start.write('VVE1', 'latin1');
      start.writeUInt32LE(this.#width, 4);
      if (this.#width > 0) writeSync(handle, start);
      return;
    }
    this.#width = start.readUInt32LE(4);
    const record = keyBytes + this.#width * 4;
    const { size } = fstatSync(handle);
    const count = Math.floor((size - header) / record);
    // A process was killed, or the disk was full, in the middle of a record.
    if (header + count * record < size) ftruncateSync(handle, header + count * record);
    const key = Buffer.alloc(keyBytes);
    for (let i = 0; i < count; i++) {
      readSync(handle, key, 0, keyBytes, header + i * record);
      this.#offsets.set(key.toString('hex'), header + i * record + keyBytes);
    }
  }
}

/** The key of an image's bytes or of a text: its SHA-256 in hex. */
export function keyOf(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}
