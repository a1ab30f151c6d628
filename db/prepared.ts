/**
 * @file Queries that are asked thousands of times a second: built and compiled once an engine, then run with other values.
 * Building one takes longer than SQLite takes to answer it.
 */
import type { Compilable, CompiledQuery, QueryResult } from 'kysely';
import { isPostgres } from './engine.ts';
import type { Database } from './open.ts';

/** Stands in the built query for a value that comes with each call. */
class Placeholder {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const names = new Map<string, string>();

/** The name under which PostgreSQL keeps this statement's plan; undefined for a query that is built each time. */
export function statementName(text: string): string | undefined {
  return names.get(text);
}

/**
 * @param build the query, with `p.name` wherever a value of that name goes; it must not look at the values
 * @returns runs it on a database or in a transaction
 */
export function prepared<Values extends object, Row>(
  build: (db: Database, p: Values) => Compilable<Row>,
): (db: Database, values: Values) => Promise<QueryResult<Row>> {
  const compiled = new Map<boolean, CompiledQuery<Row>>();
  return (db, values) => {
    const engine = isPostgres(db);
    let query = compiled.get(engine);
    if (query === undefined) {
      const placeholders = new Proxy({}, { get: (_, name) => new Placeholder(String(name)) }) as Values;
      query = build(db, placeholders).compile();
      compiled.set(engine, query);
      if (engine && !names.has(query.sql)) names.set(query.sql, `visavis_${names.size}`);
    }
    const parameters = query.parameters.map((value) =>
      value instanceof Placeholder ? values[value.name as keyof Values] : value,
    );
    return db.executeQuery({ ...query, parameters });
  };
}
