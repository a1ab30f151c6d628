/**
 * @file Rows stop here: the rest of the program gets objects with camelCase names. What a column's text or number really is
 * (JSON, a boolean) is said in each noun's own file.
 */
import type { Selectable } from 'kysely';

type Camel<S> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;
/** A table's row with camelCase names. */
export type ObjectOf<Table> = { [K in keyof Selectable<Table> as Camel<K> & string]: Selectable<Table>[K] };

const camels = new Map<string, string>();
const snakes = new Map<string, string>();

function cached(names: Map<string, string>, name: string, make: (name: string) => string): string {
  let made = names.get(name);
  if (made === undefined) names.set(name, (made = make(name)));
  return made;
}

const toCamel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const toSnake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

type CamelCased<Row> = { [K in keyof Row as Camel<K> & string]: Row[K] };

export function objectOf<Row extends object>(row: Row): CamelCased<Row>;
/** @param change what JSON and 0/1 columns really are, by their new names */
export function objectOf<Row extends object, Change extends object>(
  row: Row,
  change: Change,
): Omit<CamelCased<Row>, keyof Change> & Change;
export function objectOf(row: object, change?: object): object {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(row)) out[cached(camels, key, toCamel)] = value;
  return Object.assign(out, change);
}

/** The way back; a table's columns have no capital letters. */
export function rowOf<Table>(object: Partial<ObjectOf<Table>>): Selectable<Table> {
  const out: Record<string, unknown> = {};
  for (const key in object) out[cached(snakes, key, toSnake)] = object[key];
  return out as Selectable<Table>;
}
