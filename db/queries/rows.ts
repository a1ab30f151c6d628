/** @file Inserting many rows: both engines bound the number of parameters in one statement. */
import type { InsertObject } from 'kysely';
import type { Database } from '../open.ts';
import type { Tables } from '../tables.ts';

const maxParameters = 30_000;

/** Inserts all rows, in statements of at most 30,000 parameters. Call it inside a transaction. */
export async function insertRows<T extends keyof Tables>(
  db: Database,
  table: T,
  rows: InsertObject<Tables, T>[],
): Promise<void> {
  if (rows.length === 0) return;
  const size = Math.floor(maxParameters / Object.keys(rows[0]!).length);
  for (let start = 0; start < rows.length; start += size) {
    await db
      .insertInto(table)
      .values(rows.slice(start, start + size))
      .execute();
  }
}
