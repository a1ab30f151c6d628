/** @file Arrow: one file → data directory. */
import { constants, existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupFile } from '../../db/backup.ts';
import { DatabaseError } from '../../db/database-error.ts';
import { openDatabase } from '../../db/open.ts';
import { sha256Of } from '../../evaluator/engine/files/hashes.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import type { BackupContent } from './backup.ts';

export interface Restored extends BackupContent {
  /** When the backup was made, milliseconds since 1970. */
  createdAt: number;
  studies: number;
  votes: number;
}

/**
 * Checks the backup, every image of it too, puts the images there, then the database, migrated, under its name.
 * @throws DatabaseError when the data directory has a database, or when the file is no backup, damaged or too new
 */
export async function restore(file: string, dataFolder: string): Promise<Restored> {
  const target = join(dataFolder, 'visavis.db');
  // The log of a database that was removed would be taken for the new one's.
  for (const end of ['', '-wal', '-shm'])
    if (existsSync(target + end))
      throw new DatabaseError(`${target}${end} exists already; restore into an empty data directory (--data).`);
  if (!existsSync(file)) throw new DatabaseError(`There is no file ${file}.`);
  const source = new BackupFile(file, 'read');
  const part = `${target}.part`;
  try {
    const { createdAt } = source.origin();
    source.check();
    await mkdir(dataFolder, { recursive: true });
    const store = new ImageStore(dataFolder);
    const given = new Set<string>();
    for (const { sha256, bytes } of source.images()) {
      if (sha256Of(bytes) !== sha256)
        throw new DatabaseError(`${file} is damaged: the image ${sha256} has other bytes.`);
      await store.put(bytes);
      given.add(sha256);
    }
    const missing: string[] = [];
    // A folder of images that was copied by other means counts too.
    for (const sha256 of source.namedImages())
      if (!given.has(sha256) && !(await store.has(sha256))) missing.push(sha256);
    await copyFile(file, part, constants.COPYFILE_FICLONE);
    await chmod(part, 0o600);
    const copy = new BackupFile(part, 'write');
    try {
      copy.strip();
    } finally {
      copy.close();
    }
    const counted = await migrateAndCount(part);
    await rename(part, target);
    return { createdAt, images: given.size, missing, ...counted };
  } finally {
    source.close();
    for (const end of ['', '-wal', '-shm']) await rm(`${part}${end}`, { force: true });
  }
}

async function migrateAndCount(file: string): Promise<{ studies: number; votes: number }> {
  const db = await openDatabase(file);
  try {
    const count = async (table: 'study' | 'vote') => {
      const { rows } = await db
        .selectFrom(table)
        .select((e) => e.fn.countAll<number>().as('rows'))
        .executeTakeFirstOrThrow();
      return rows;
    };
    return { studies: await count('study'), votes: await count('vote') };
  } finally {
    await db.destroy();
  }
}
