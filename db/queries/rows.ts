/** @file Inserting many rows. */
import type { InsertObject } from 'kysely';
import type { Database } from '../open.ts';
import { prepared } from '../prepared.ts';
import type { Tables } from '../tables.ts';

/** Values in one statement: both engines bound their number, and a statement of many more is slower, not faster. */
const valuesAtOnce = 4000;

type Row = Record<string, unknown>;
type Insert = ReturnType<typeof prepared<Row, unknown>>;
const inserts = new Map<string, Insert>();

/** Inserts all rows, which have the same columns, a few thousand values at a time. Call it inside a transaction. */
export async function insertRows<T extends keyof Tables>(
  db: Database,
  table: T,
  rows: readonly InsertObject<Tables, T>[],
): Promise<void> {
  if (rows.length === 0) return;
  const columns = Object.keys(rows[0]!);
  const size = Math.floor(valuesAtOnce / columns.length);
  for (let start = 0; start < rows.length; start += size) {
    const some = rows.slice(start, start + size) as Row[];
    const values: Row = {};
    some.forEach((row, i) => columns.forEach((column) => (values[`${i} ${column}`] = row[column])));
    // The last, shorter one is built anew: there are as many of its kind as there are lengths.
    const insert = some.length === size ? wholeInsert(table, columns, size) : insertOf(table, columns, some.length);
    await insert(db, values);
  }
}

function wholeInsert(table: keyof Tables, columns: string[], size: number): Insert {
  const key = `${table} ${columns.join()}`;
  let insert = inserts.get(key);
  if (insert === undefined) inserts.set(key, (insert = insertOf(table, columns, size)));
  return insert;
}

function insertOf(table: keyof Tables, columns: string[], size: number): Insert {
  return prepared<Row, unknown>(
    (db, p) =>
      db
        .insertInto(table)
        .values(
          Array.from({ length: size }, (_, i) =>
            Object.fromEntries(columns.map((column) => [column, p[`${i} ${column}`]])),
          ) as never,
        ),
    { keepPlan: false },
  );
}
