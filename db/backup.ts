/** @file A consistent copy of a SQLite database while others write to it. */
import { existsSync } from 'node:fs';
import { chmod, rename, rm } from 'node:fs/promises';
import { sql } from 'kysely';
import { DatabaseError } from './migrate.ts';
import { isPostgres } from './engine.ts';
import { loadSqlite } from './sqlite-driver.ts';
import type { Database } from './open.ts';

/**
 * Written beside its place, checked, made readable by its owner alone (it holds the secret that signs sessions), then renamed: a
 * backup that is there is whole.
 * @throws DatabaseError on PostgreSQL, when the file exists, or when the copy cannot be written or is damaged
 */
export async function backupDatabase(db: Database, file: string): Promise<void> {
  if (isPostgres(db)) throw new DatabaseError('The database is PostgreSQL; use pg_dump.');
  if (existsSync(file)) throw new DatabaseError(`${file} exists already; a backup overwrites nothing.`);
  const part = `${file}.part`;
  // Of a backup that was killed.
  await rm(part, { force: true });
  try {
    await sql`vacuum into ${part}`.execute(db);
    await chmod(part, 0o600);
    checkCopy(part);
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw new DatabaseError(`Cannot write ${file}: ${(error as Error).message}.`);
  }
}

function checkCopy(file: string): void {
  const copy = new (loadSqlite())(file, { readonly: true });
  try {
    const [row] = copy.pragma('integrity_check') as [{ integrity_check: string }];
    if (row.integrity_check !== 'ok') throw new Error(`the copy is damaged: ${row.integrity_check}`);
  } finally {
    copy.close();
  }
}
