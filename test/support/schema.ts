import { sql } from 'kysely';
import { openDatabase } from '../../db/open.ts';

/** The tables and indices that the migrations make on SQLite, one statement after the other, in alphabetical order. */
export async function dumpSchema(): Promise<string> {
  const db = await openDatabase(':memory:');
  const { rows } = await sql<{ sql: string }>`
    select sql from sqlite_master where sql is not null and name not like 'kysely%' order by tbl_name, type desc, name
  `.execute(db);
  await db.destroy();
  const statements = rows.map(
    (row) =>
      `${row.sql
        .replace(/, (?=")/g, ',\n  ')
        .replace(/ \("/, ' (\n  "')
        .replace(/\s+where/, '\n  where')};`,
  );
  return `-- Generated from db/migrations by npm run schema. Read this first.\n\n${statements.join('\n\n')}\n`;
}
