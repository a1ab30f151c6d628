/**
 * @file The SQLite driver for this Node. better-sqlite3 13 needs Node-API 10; Node 20 stops at 9 and would crash in
 * `new Database()`, so it gets 12.x under another name (scripts/native.mjs compiles it once).
 */
import { createRequire } from 'node:module';
import type BetterSqlite3 from 'better-sqlite3';

const require = createRequire(import.meta.url);

export function loadSqlite(): typeof BetterSqlite3 {
  const name = Number(process.versions.napi) >= 10 ? 'better-sqlite3' : 'better-sqlite3-node20';
  return require(name) as typeof BetterSqlite3;
}
