/** @file The drill: backed up under load, restored elsewhere, voted on there; and what is no backup is refused. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackupFile } from '../../../db/backup.ts';
import { openDatabase, type Database } from '../../../db/open.ts';
import { loadSqlite } from '../../../db/sqlite-driver.ts';
import { ImageStore } from '../../../evaluator/engine/images/store.ts';
import { backUp } from '../../../server/backup/backup.ts';
import { restore } from '../../../server/backup/restore.ts';
import { recount } from '../../../server/study/recount.ts';
import { TestClient, testServer } from '../../support/clients.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { postgresProgram, startPostgres, type PostgresServer } from '../../support/postgres.ts';
import { openStudyOf } from '../../support/studies.ts';

const made = { visavis: '0.0.0', now: 77 };

async function study() {
  const dataFolder = temporaryFolder();
  const location = join(dataFolder, 'visavis.db');
  const db = await openDatabase(location);
  const fixture = await openStudyOf(db, { pairs: 60, votesPerPair: 2, dataFolder });
  return { db, location, fixture, dataFolder, images: new ImageStore(dataFolder) };
}

async function countedIds(db: Database): Promise<Set<string>> {
  return new Set((await db.selectFrom('slot').select('vote_id').execute()).map(({ vote_id }) => vote_id));
}

/** Votes of four people; stops when told. @returns ids in the order of their acknowledgement */
function voteOn(url: string, token: string) {
  const acknowledged: string[] = [];
  let stopped = false;
  const done = Promise.all(
    ['ann', 'bob', 'cy', 'dee'].map(async (name) => {
      const client = await TestClient.connect(url, token, name);
      while (!stopped) {
        const assignment = await client.next();
        if (assignment === null) break;
        for (const criterion of assignment.criteria) {
          const id = crypto.randomUUID();
          await client.vote(assignment.id, criterion, 'left', id);
          acknowledged.push(id);
        }
      }
      client.close();
    }),
  );
  const stop = async () => {
    stopped = true;
    await done;
  };
  return { acknowledged, stop };
}

describe('a backup', () => {
  it('under load, restored elsewhere: every vote acknowledged before it is there, the images too, and voting goes on', async () => {
    const { db, fixture, dataFolder, images } = await study();
    const server = await testServer(db, dataFolder);
    const voting = voteOn(server.url, fixture.token);
    while (voting.acknowledged.length < 30) await new Promise((resolve) => setTimeout(resolve, 5));
    const before = [...voting.acknowledged];
    const file = join(temporaryFolder(), 'study.backup');
    expect(await backUp(db, images, file, made)).toEqual({ images: 120, missing: [] });
    await voting.stop();
    await server.close();
    await db.destroy();
    expect(statSync(file).mode & 0o777).toBe(0o600);

    const elsewhere = join(temporaryFolder(), 'new');
    const restored = await restore(file, elsewhere);
    expect(restored).toMatchObject({ createdAt: 77, images: 120, missing: [], studies: 1 });
    const location = join(elsewhere, 'visavis.db');
    expect(statSync(location).mode & 0o777).toBe(0o600);
    const again = await openDatabase(location);
    const counted = await countedIds(again);
    expect(before.length).toBeGreaterThanOrEqual(30);
    for (const id of before) expect(counted.has(id)).toBe(true);
    // The images of the backup are no table of a database.
    const tables = (await again.introspection.getTables()).map(({ name }) => name);
    expect(tables.filter((name) => name.startsWith('backup'))).toEqual([]);
    const second = await testServer(again, elsewhere, {}, { checksFiles: true });
    const client = await TestClient.connect(second.url, fixture.token, 'eve');
    const assignment = (await client.next())!;
    expect((await fetch(second.url + assignment.left.url)).status).toBe(200);
    while (await client.answerNext());
    client.close();
    await second.close();
    expect((await recount(again, fixture.name)).corrected).toEqual([]);
    expect((await countedIds(again)).size).toBeGreaterThan(counted.size);
    await again.destroy();
  }, 60_000);

  it('says which images are missing, and takes none with other bytes', async () => {
    const { db, images } = await study();
    const [first, second] = (await db.selectFrom('render').select('image_sha256').limit(2).execute()).map(
      ({ image_sha256 }) => image_sha256,
    ) as [string, string];
    rmSync(images.placeOf(first));
    appendFileSync(images.placeOf(second), 'x');
    const file = join(temporaryFolder(), 'a.backup');
    const { missing } = await backUp(db, images, file, made);
    expect(missing.sort()).toEqual([first, second].sort());
    expect((await restore(file, join(temporaryFolder(), 'new'))).missing.sort()).toEqual([first, second].sort());
    // Without images all are missing, but for those in a folder that was copied beside it.
    const bare = join(temporaryFolder(), 'b.backup');
    expect((await backUp(db, null, bare, made)).missing).toHaveLength(120);
    const target = join(temporaryFolder(), 'new');
    cpSync(join(images.placeOf(first), '..', '..'), join(target, 'images'), { recursive: true });
    expect((await restore(bare, target)).missing).toEqual([first]);
    await db.destroy();
  }, 30_000);

  it('that is damaged, cut, of a newer version or none at all is refused, and nothing is left', async () => {
    const { db, location, images } = await study();
    const file = join(temporaryFolder(), 'a.backup');
    await backUp(db, images, file, made);
    await db.destroy();
    const refused = async (name: string, change: (copy: string) => void) => {
      const copy = join(temporaryFolder(), name);
      writeFileSync(copy, readFileSync(file));
      change(copy);
      const target = join(temporaryFolder(), 'new');
      const message = await restore(copy, target).then(
        () => 'restored',
        (error: Error) => `${error.name}: ${error.message}`,
      );
      expect(existsSync(join(target, 'visavis.db'))).toBe(false);
      expect(existsSync(join(target, 'visavis.db.part'))).toBe(false);
      return message;
    };
    const edit = (text: string) => (copy: string) => {
      const connection = new (loadSqlite())(copy);
      connection.pragma('foreign_keys = off');
      connection.exec(text);
      connection.close();
    };
    expect(await refused('cut', (copy) => truncateSync(copy, statSync(copy).size - 20_000))).toMatch(
      /^DatabaseError: /,
    );
    expect(await refused('text', (copy) => writeFileSync(copy, 'hello, this is a text'))).toContain('is no backup');
    expect(await refused('empty', (copy) => truncateSync(copy, 0))).toContain('is no backup');
    expect(await refused('database', (copy) => writeFileSync(copy, readFileSync(location)))).toContain('is no backup');
    expect(await refused('image', edit("update backup_image set bytes = x'00'"))).toContain('has other bytes');
    expect(await refused('orphan', edit("update pair set study_id = 'none'"))).toContain('point at nothing');
    expect(await refused('newer', edit("insert into kysely_migration values ('9999-future', '2099')"))).toContain(
      'newer visavis (it has 9999-future)',
    );
    await expect(restore(join(temporaryFolder(), 'none'), temporaryFolder())).rejects.toThrow('There is no file');
  }, 30_000);

  it('is not restored over a database, nor beside the log of one', async () => {
    const { db, dataFolder, images } = await study();
    const file = join(temporaryFolder(), 'a.backup');
    await backUp(db, images, file, made);
    await db.destroy();
    await expect(restore(file, dataFolder)).rejects.toThrow('exists already');
    const beside = temporaryFolder();
    writeFileSync(join(beside, 'visavis.db-wal'), '');
    await expect(restore(file, beside)).rejects.toThrow('visavis.db-wal exists already');
    const backup = new BackupFile(file, 'read');
    expect(backup.origin()).toEqual({ createdAt: 77, visavis: '0.0.0' });
    backup.close();
  });
});

describe('PostgreSQL', () => {
  let postgres: PostgresServer | undefined;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres?.remove());

  it('pg_dump under load and pg_restore elsewhere, as the documentation says: every vote is there and voting goes on', async ({
    skip,
  }) => {
    if (postgres === undefined) skip('no PostgreSQL here');
    const url = postgres!.url;
    const admin = await openDatabase(url);
    await sql.raw('create database source').execute(admin);
    await sql.raw('create database target').execute(admin);
    await admin.destroy();
    const [source, target] = ['source', 'target'].map((name) => url.replace(/\/postgres$/, `/${name}`)) as [
      string,
      string,
    ];
    const db = await openDatabase(source);
    const fixture = await openStudyOf(db, { pairs: 40, votesPerPair: 2 });
    await expect(backUp(db, null, join(temporaryFolder(), 'x'), made)).rejects.toThrow('pg_dump');
    const server = await testServer(db, fixture.dataFolder);
    const voting = voteOn(server.url, fixture.token);
    while (voting.acknowledged.length < 20) await new Promise((resolve) => setTimeout(resolve, 5));
    const before = [...voting.acknowledged];
    const file = join(temporaryFolder(), 'study.dump');
    execFileSync(postgresProgram('pg_dump'), ['--format=custom', `--file=${file}`, source]);
    await voting.stop();
    await server.close();
    await db.destroy();
    execFileSync(postgresProgram('pg_restore'), ['--no-owner', '--exit-on-error', `--dbname=${target}`, file]);
    const again = await openDatabase(target);
    const counted = await countedIds(again);
    for (const id of before) expect(counted.has(id)).toBe(true);
    expect(await recount(again, fixture.name)).toMatchObject({ corrected: [] });
    const second = await testServer(again, fixture.dataFolder);
    const client = await TestClient.connect(second.url, fixture.token, 'eve');
    expect(await client.answerNext()).toBe(true);
    client.close();
    await second.close();
    expect((await countedIds(again)).size).toBe(counted.size + 3);
    await again.destroy();
  }, 60_000);
});
