/** @file Every database test runs on both engines, each test on a fresh database. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, describe, inject } from 'vitest';
import { openDatabase, type Database } from '../../db/open.ts';
import { temporaryFolder } from './folders.ts';

export interface FreshDatabase {
  db: Database;
  /** What openDatabase takes to open the same one again. */
  location: string;
}
/** Makes where a database can be, with nothing in it. */
type Locate = () => Promise<string>;

/** Calls `define` once an engine; `fresh` makes a database that ends with the test, `empty` a place for one. */
export function onBothEngines(
  name: string,
  define: (fresh: () => Promise<FreshDatabase>, empty: Locate) => void,
): void {
  const postgresUrl = inject('postgresUrl');
  describe(`${name} (SQLite)`, () => define(freshOn(newSqliteFile), newSqliteFile));
  describe.skipIf(postgresUrl === '')(`${name} (PostgreSQL)`, () => {
    const empty = () => newPostgresDatabase(postgresUrl);
    define(freshOn(empty), empty);
  });
}

const newSqliteFile: Locate = () => Promise.resolve(join(temporaryFolder(), 'visavis.db'));

export const freshSqlite = freshOn(newSqliteFile);

function freshOn(locate: Locate): () => Promise<FreshDatabase> {
  const open: Database[] = [];
  afterEach(async () => {
    for (const db of open.splice(0)) await db.destroy();
  });
  return async () => {
    const location = await locate();
    const db = await openDatabase(location);
    open.push(db);
    return { db, location };
  };
}

export async function newPostgresDatabase(serverUrl: string): Promise<string> {
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  return serverUrl.replace(/\/postgres$/, `/${name}`);
}
