/** @file A consistent copy of a SQLite database while others write to it, and the images that it carries. */
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { sql } from 'kysely';
import { isPostgres } from './engine.ts';
import { DatabaseError } from './database-error.ts';
import { migrate, migrations, pendingMigrations } from './migrate.ts';
import { connect, type Database } from './open.ts';
import { loadSqlite } from './sqlite-driver.ts';

/** The tables of a backup that a database does not have. */
const tables = `
  create table backup (created_at integer not null, visavis text not null);
  create table backup_image (sha256 text primary key, bytes blob not null) without rowid;`;

/**
 * Copies the database, then hands the copy to `fill`, checks it and gives it its name: readable by its owner alone from its
 * first byte (it holds the secret that signs sessions), whole or not there.
 * @throws DatabaseError on PostgreSQL, when the file exists, or when the copy cannot be written or is damaged
 */
export async function copyDatabase(
  db: Database,
  file: string,
  fill: (copy: BackupFile) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  if (isPostgres(db))
    throw new DatabaseError(
      'The database is PostgreSQL: back it up with pg_dump, and copy the folder images of the data directory (docs/deployment.md).',
    );
  if (existsSync(file)) throw new DatabaseError(`${file} exists already; a backup overwrites nothing.`);
  const part = `${file}.part`;
  // Of a backup that was killed.
  await rm(part, { force: true });
  try {
    // SQLite writes into an empty file that is there, and leaves its mode.
    await writeFile(part, '', { mode: 0o600, flag: 'wx' });
    await sql`vacuum into ${part}`.execute(db);
    const copy = new BackupFile(part, 'write');
    try {
      await fill(copy);
      copy.check();
    } finally {
      copy.close();
    }
    await sync(part);
    await rename(part, file);
    await sync(dirname(file));
  } catch (error) {
    await rm(part, { force: true });
    if (error instanceof DatabaseError) throw error;
    throw new DatabaseError(`Cannot write ${file}: ${(error as Error).message}.`);
  }
}

/** Before a migration. @returns a sentence on where the copy is, or why there is none */
export async function backUpBefore(db: Database, location: string, migration: string): Promise<string> {
  if (isPostgres(db))
    return `The database is PostgreSQL and is migrated (${migration}) without a backup: pg_dump makes one.`;
  const file = `${location}.before-${migration}`;
  // Of a migration that was tried before; what it holds is older than any half-done one.
  if (existsSync(file)) return `A backup from before ${migration} is at ${file}.`;
  await copyDatabase(db, file);
  return `The database is migrated (${migration}); a backup from before is at ${file}.`;
}

/** Migrates a copy, checks it and removes it. @throws DatabaseError as copyDatabase, or what a migration throws */
export async function rehearse(location: string): Promise<{ migrations: string[]; seconds: number }> {
  const db = connect(location);
  const copy = `${location}.rehearsal`;
  try {
    const pending = await pendingMigrations(db);
    if (pending.length === 0) return { migrations: [], seconds: 0 };
    await rm(copy, { force: true });
    await copyDatabase(db, copy);
    const begun = performance.now();
    const migrated = connect(copy);
    await migrate(migrated).finally(() => migrated.destroy());
    const seconds = (performance.now() - begun) / 1000;
    const file = new BackupFile(copy, 'read');
    try {
      file.check();
    } finally {
      file.close();
    }
    return { migrations: pending, seconds };
  } finally {
    await db.destroy();
    for (const end of ['', '-wal', '-shm']) await rm(copy + end, { force: true });
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync().finally(() => handle.close());
}

export interface BackupOrigin {
  createdAt: number;
  /** The version that made it. */
  visavis: string;
}

/** A backup that is being written or read. */
export class BackupFile {
  readonly #file: string;
  readonly #connection: BetterSqlite3.Database;

  /** @throws DatabaseError when it is no SQLite file */
  constructor(file: string, use: 'read' | 'write') {
    this.#file = file;
    try {
      this.#connection = new (loadSqlite())(file, { readonly: use === 'read', fileMustExist: true });
      this.#connection.pragma('schema_version');
    } catch (error) {
      throw new DatabaseError(`${file} is no backup: ${(error as Error).message}.`);
    }
  }

  begin({ createdAt, visavis }: BackupOrigin): void {
    // The copy alone is a database that nothing waits for; it is synced once, at the end.
    this.#connection.pragma('synchronous = off');
    this.#connection.exec(tables);
    this.#connection.prepare('insert into backup values (?, ?)').run(createdAt, visavis);
  }

  addImage(sha256: string, bytes: Uint8Array): void {
    this.#connection.prepare('insert into backup_image values (?, ?)').run(sha256, bytes);
  }

  /** The SHA-256 of every image that a render names. */
  namedImages(): string[] {
    return this.#connection.prepare('select distinct image_sha256 from render order by 1').pluck().all() as string[];
  }

  *images(): Generator<{ sha256: string; bytes: Buffer }> {
    const rows = this.#connection.prepare('select sha256, bytes from backup_image order by sha256').iterate();
    for (const row of rows) yield row as { sha256: string; bytes: Buffer };
  }

  /** @throws DatabaseError when it is none, is of a newer version, or is damaged */
  origin(): BackupOrigin {
    const has = (table: string) =>
      this.#connection.prepare("select 1 from sqlite_master where type = 'table' and name = ?").get(table) !==
      undefined;
    if (!has('backup') || !has('backup_image') || !has('kysely_migration'))
      throw new DatabaseError(`${this.#file} is no backup: visavis backup makes one.`);
    const names = this.#connection.prepare('select name from kysely_migration').pluck().all() as string[];
    const unknown = names.filter((name) => !(name in migrations));
    if (unknown.length > 0)
      throw new DatabaseError(
        `${this.#file} was written by a newer visavis (it has ${unknown.join(', ')}); update visavis to restore it.`,
      );
    const row = this.#connection.prepare('select created_at as createdAt, visavis from backup').get();
    return row as BackupOrigin;
  }

  /** @throws DatabaseError when pages or references are damaged */
  check(): void {
    const [integrity] = this.#connection.pragma('integrity_check(1)') as [{ integrity_check: string }];
    if (integrity.integrity_check !== 'ok')
      throw new DatabaseError(`${this.#file} is damaged: ${integrity.integrity_check}.`);
    const orphans = this.#connection.pragma('foreign_key_check') as { table: string }[];
    if (orphans.length > 0)
      throw new DatabaseError(
        `${this.#file} is damaged: ${orphans.length} rows of ${orphans[0]!.table} point at nothing.`,
      );
  }

  /** Leaves the database alone, without the images. */
  strip(): void {
    this.#connection.exec('drop table backup_image; drop table backup; vacuum;');
  }

  close(): void {
    this.#connection.close();
  }
}
