/** @file A consistent copy of a SQLite database while others write to it. */
import { existsSync } from 'node:fs';
import { sql } from 'kysely';
import { DatabaseError } from './migrate.ts';
import { isPostgres } from './engine.ts';
import type { Database } from './open.ts';

/** @throws DatabaseError on PostgreSQL, or when the file exists */
export async function backupDatabase(db: Database, file: string): Promise<void> {
  if (isPostgres(db)) throw new DatabaseError('The database is PostgreSQL; use pg_dump.');
  if (existsSync(file)) throw new DatabaseError(`${file} exists already; a backup overwrites nothing.`);
  await sql`vacuum into ${file}`.execute(db).catch((error: Error) => {
    throw new DatabaseError(`Cannot write ${file}: ${error.message}.`);
  });
}
