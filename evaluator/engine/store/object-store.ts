/**
 * @file Objects by the SHA-256 of their bytes: images, and files (networks, adapters, preference data). Written once, never
 * changed; every reading checks the bytes against the name.
 */
import { stat } from 'node:fs/promises';

export const objectKinds = ['files', 'images'] as const;

export interface ObjectId {
  kind: (typeof objectKinds)[number];
  /** In hex. */
  sha256: string;
}

export interface ObjectStore {
  /** As VISAVIS_STORE names it, for sentences. */
  readonly location: string;
  /** @throws StoreError when it cannot be reached or refuses us, with what to do */
  check(): Promise<void>;
  /** In bytes; undefined for an object that is not there. */
  size(id: ObjectId): Promise<number | undefined>;
  /**
   * There whole, durably, when the promise resolves; nothing happens when it is there already, as long as it should be, unless it is
   * replaced.
   * @param source the bytes, or a file that holds them
   * @throws StoreError when the bytes are not those of the name
   */
  put(id: ObjectId, source: Uint8Array | string, options?: { replace?: boolean }): Promise<void>;
  /**
   * Copies the object into a file, whole or not at all.
   * @throws StoreError when it is damaged; an error with the code ENOENT when it is not there
   */
  fetch(id: ObjectId, file: string): Promise<void>;
  list(): AsyncGenerator<ObjectId & { size: number }>;
}

/** What a store refuses or cannot do, in a sentence. */
export class StoreError extends Error {
  override name = 'StoreError';
}

export class DamagedObject extends StoreError {
  constructor(location: string, id: ObjectId) {
    super(`${keyOf(id)} in ${location} is damaged: its bytes are not those of its name.`);
  }
}

/** @param source the bytes, or a file that holds them */
export async function bytesOf(source: Uint8Array | string): Promise<number> {
  return typeof source === 'string' ? (await stat(source)).size : source.length;
}

/** Where an object lies in its store: images/ab/abcd….png, files/ab/abcd…. */
export function keyOf({ kind, sha256 }: ObjectId): string {
  return `${kind}/${sha256.slice(0, 2)}/${sha256}${kind === 'images' ? '.png' : ''}`;
}

/** Undefined for a key that is no object's. */
export function idOf(key: string): ObjectId | undefined {
  const match = /^(images|files)\/([0-9a-f]{2})\/(\2[0-9a-f]{62})(\.png)?$/.exec(key);
  if (match === null) return undefined;
  const id = { kind: match[1] as ObjectId['kind'], sha256: match[3]! };
  return keyOf(id) === key ? id : undefined;
}

export function notThere(location: string, id: ObjectId): Error {
  return Object.assign(new Error(`${keyOf(id)} is not in ${location}.`), { code: 'ENOENT' });
}
