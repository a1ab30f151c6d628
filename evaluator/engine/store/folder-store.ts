/** @file Objects in a folder of this machine, or one that several machines share: the default. */
import { constants } from 'node:fs';
import { copyFile, mkdir, open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { hashFile, sha256Of } from '../files/hashes.ts';
import { replaceWhole, writeWhole } from '../files/write-whole.ts';
import {
  bytesOf,
  DamagedObject,
  idOf,
  keyOf,
  notThere,
  objectKinds,
  StoreError,
  type ObjectId,
  type ObjectStore,
} from './object-store.ts';

export class FolderStore implements ObjectStore {
  readonly location: string;

  /** @param folder made when it is not there */
  constructor(folder: string) {
    this.location = folder;
  }

  path(id: ObjectId): string {
    return join(this.location, keyOf(id));
  }

  async check(): Promise<void> {
    const info = await stat(this.location).catch(() => undefined);
    if (info?.isDirectory() !== true) throw new StoreError(`There is no folder ${this.location}.`);
  }

  async size(id: ObjectId): Promise<number | undefined> {
    return stat(this.path(id)).then(
      ({ size }) => size,
      () => undefined,
    );
  }

  async put(id: ObjectId, source: Uint8Array | string, { replace = false } = {}): Promise<void> {
    const file = this.path(id);
    if (!replace && (await this.size(id)) === (await bytesOf(source))) return;
    const temporary = `${file}.${randomUUID()}`;
    if (typeof source === 'string') await copyWhole(source, file, temporary, id, source);
    else if (sha256Of(source) === id.sha256) await writeWhole(file, source, temporary);
    else throw new StoreError(`These bytes are not ${keyOf(id)}; nothing was written to ${this.location}.`);
  }

  async fetch(id: ObjectId, file: string): Promise<void> {
    const source = this.path(id);
    if ((await this.size(id)) === undefined) throw notThere(this.location, id);
    await copyWhole(source, file, `${file}.${randomUUID()}`, id, this.location);
  }

  async *list(): AsyncGenerator<ObjectId & { size: number }> {
    for (const kind of objectKinds) {
      const parts = await readdir(join(this.location, kind)).catch(() => []);
      for (const part of parts.sort()) {
        const names = await readdir(join(this.location, kind, part)).catch(() => []);
        for (const name of names.sort()) {
          const id = idOf(`${kind}/${part}/${name}`);
          const size = id && (await this.size(id));
          if (id !== undefined && size !== undefined) yield { ...id, size };
        }
      }
    }
  }
}

/** Shares the bytes where the file system can. @throws StoreError when they are not the object's */
async function copyWhole(from: string, to: string, temporary: string, id: ObjectId, owner: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await replaceWhole(to, temporary, async () => {
    await copyFile(from, temporary, constants.COPYFILE_FICLONE);
    if ((await hashFile(temporary)).sha256 !== id.sha256) throw new DamagedObject(owner, id);
    const handle = await open(temporary, 'r+');
    await handle.sync().finally(() => handle.close());
  });
}
