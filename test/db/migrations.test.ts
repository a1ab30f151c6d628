import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { openDatabase } from '../../db/open.ts';
import { projectRoot } from '../support/folders.ts';
import { onBothEngines } from '../support/databases.ts';
import { dumpSchema } from '../support/schema.ts';

it('migrations › schema.sql is what the migrations make', async () => {
  expect(readFileSync(join(projectRoot, 'db', 'schema.sql'), 'utf8')).toBe(await dumpSchema());
});

onBothEngines('migrations', (fresh) => {
  it('a database that is opened twice is migrated once', async () => {
    const { location } = await fresh();
    const again = await openDatabase(location);
    const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(again);
    await again.destroy();
    expect(rows).toHaveLength(9);
  });

  it('a database from a newer version is refused and left alone', async () => {
    const { db, location } = await fresh();
    await sql`insert into kysely_migration (name, timestamp) values ('9999-future', '2099')`.execute(db);
    await expect(openDatabase(location)).rejects.toThrow('newer visavis (it has 9999-future)');
  });
});
