/** @file Inserting many rows. */
import type { CompiledQuery, InsertObject } from 'kysely';
import { isPostgres } from '../engine.ts';
import type { Database } from '../open.ts';
import type { Tables } from '../tables.ts';

/** Values in one statement: both engines bound their number, and a statement of many more is slower, not faster. */
const valuesAtOnce = 4000;

type Row = Record<string, unknown>;

/** Built once for each table's whole statement; building takes longer than inserting. */
const inserts = new Map<string, CompiledQuery>();

/** Inserts all rows, which have the same columns, a few thousand values at a time. Call it inside a transaction. */
export async function insertRows<T extends keyof Tables>(
  db: Database,
  table: T,
  rows: readonly InsertObject<Tables, T>[],
): Promise<void> {
  if (rows.length === 0) return;
  const columns = Object.keys(rows[0]!);
  const size = Math.floor(valuesAtOnce / columns.length);
  const whole = `${isPostgres(db)} ${table} ${columns.join()}`;
  for (let start = 0; start < rows.length; start += size) {
    const some = rows.slice(start, start + size) as Row[];
    let insert = some.length === size ? inserts.get(whole) : undefined;
    if (insert === undefined) {
      insert = insertOf(db, table, columns, some.length);
      if (some.length === size) inserts.set(whole, insert);
    }
    // Row by row, as the statement asks for them.
    const parameters = new Array<unknown>(some.length * columns.length);
    let next = 0;
    for (const row of some) for (const column of columns) parameters[next++] = row[column];
    await db.executeQuery({ ...insert, parameters });
  }
}

/** The statement without its values: null stands for each. */
function insertOf(db: Database, table: keyof Tables, columns: string[], rows: number): CompiledQuery {
  const empty = Object.fromEntries(columns.map((column) => [column, null]));
  const values = Array.from({ length: rows }, () => empty);
  return db
    .insertInto(table)
    .values(values as never)
    .compile();
}
