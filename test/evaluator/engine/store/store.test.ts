/** @file Both stores by one set of tests; S3's against a real server, and one that lies. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImageStore } from '../../../../evaluator/engine/images/store.ts';
import { trimCache } from '../../../../evaluator/engine/store/cache.ts';
import { copyStore } from '../../../../evaluator/engine/store/copy.ts';
import { FolderStore } from '../../../../evaluator/engine/store/folder-store.ts';
import { idOf, keyOf, StoreError, type ObjectStore } from '../../../../evaluator/engine/store/object-store.ts';
import { openStore, sharedStore } from '../../../../evaluator/engine/store/open.ts';
import { partBytes, S3Store } from '../../../../evaluator/engine/store/s3-store.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { startS3, type S3Server } from '../../../support/s3.ts';

let s3: S3Server;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(() => s3.close());

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const file = (bytes: Uint8Array) => ({ kind: 'files' as const, sha256: hash(bytes) });
const listed = async (store: ObjectStore) => {
  const keys: string[] = [];
  for await (const object of store.list()) keys.push(keyOf(object));
  return keys;
};

describe.each(['folder', 's3'] as const)('a store in a %s', (kind) => {
  let prefix = 0;
  const open = () =>
    kind === 'folder'
      ? new FolderStore(temporaryFolder())
      : openStore(s3.location.replace('?', `/part-${++prefix}/of it?`), s3.env);

  it('gives back what it took, and knows what it has', async () => {
    const store = open();
    const bytes = Buffer.from('one network');
    expect(await store.size(file(bytes))).toBeUndefined();
    await store.put(file(bytes), bytes);
    await store.put(file(bytes), bytes);
    expect(await store.size(file(bytes))).toBe(11);
    const out = join(temporaryFolder(), 'deep', 'out');
    await store.fetch(file(bytes), out);
    expect(readFileSync(out)).toEqual(bytes);
    const image = { kind: 'images' as const, sha256: hash(bytes) };
    await store.put(image, out);
    expect(await listed(store)).toEqual([keyOf(image), keyOf(file(bytes))].sort());
  });

  it('refuses bytes of another name, and leaves nothing of what is not there', async () => {
    const store = open();
    const bytes = Buffer.from('a');
    await expect(store.put(file(Buffer.from('b')), bytes)).rejects.toThrow(StoreError);
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'a'), bytes);
    await expect(store.put(file(Buffer.from('b')), join(folder, 'a'))).rejects.toThrow(StoreError);
    expect(await listed(store)).toEqual([]);
    await expect(store.fetch(file(bytes), join(folder, 'out'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('takes a file of several parts', async () => {
    const store = open();
    const bytes = randomBytes(2 * partBytes + 1234);
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'large'), bytes);
    await store.put(file(bytes), join(folder, 'large'));
    expect(await store.size(file(bytes))).toBe(bytes.length);
    await store.fetch(file(bytes), join(folder, 'back'));
    expect(hash(readFileSync(join(folder, 'back')))).toBe(hash(bytes));
  });

  it('lists more than one answer of the server holds', async () => {
    const store = open();
    const many = Array.from({ length: 1010 }, (_, i) => Buffer.from(`object ${i}`));
    for (let i = 0; i < many.length; i += 50)
      await Promise.all(many.slice(i, i + 50).map((bytes) => store.put(file(bytes), bytes)));
    expect(await listed(store)).toEqual(many.map((bytes) => keyOf(file(bytes))).sort());
  });
});

describe('a store that is wrong', () => {
  it('finds damage in a folder', async () => {
    const store = new FolderStore(temporaryFolder());
    const bytes = Buffer.from('whole');
    await store.put(file(bytes), bytes);
    writeFileSync(store.path(file(bytes)), 'whale');
    await expect(store.fetch(file(bytes), join(temporaryFolder(), 'out'))).rejects.toThrow(/is damaged/);
  });

  it('finds damage in a bucket, and tries again what breaks off', async () => {
    const bytes = Buffer.from('whole');
    const answers: ((response: ServerResponse) => void)[] = [
      (response) => void response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>'),
      (response) => void response.destroy(),
      (response) => {
        response.writeHead(200, { 'content-length': '5' });
        response.write('wh');
        setTimeout(() => response.destroy(), 20);
      },
      (response) => void response.end('whole'),
      (response) => void response.end('whale'),
    ];
    const asked: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      asked.push(request);
      answers.shift()!(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const store = openStore(`s3://b?endpoint=http://127.0.0.1:${port}`, s3.env);
    const out = join(temporaryFolder(), 'out');
    await store.fetch(file(bytes), out);
    expect(readFileSync(out, 'utf8')).toBe('whole');
    expect(asked).toHaveLength(4);
    await expect(store.fetch(file(bytes), `${out}-2`)).rejects.toThrow(/is damaged/);
    expect(existsSync(`${out}-2`)).toBe(false);
    server.close();
  });

  it('does not wait for a body that has stopped, and finds one that is slow in order', async () => {
    const bytes = Buffer.from('whole');
    let [asked, slowly] = [0, false];
    const server = createServer((_request, response) => {
      asked += 1;
      response.writeHead(200, { 'content-length': '5' });
      response.write('wh');
      if (!slowly && asked < 3) return;
      for (const [i, piece] of ['o', 'l'].entries()) setTimeout(() => response.write(piece), (i + 1) * 150);
      setTimeout(() => response.end('e'), 450);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const options = {
      bucket: 'b',
      prefix: '',
      endpoint: `http://127.0.0.1:${port}`,
      region: 'x',
      sessionToken: undefined,
    };
    const store = new S3Store({ ...options, accessKeyId: 'a', secretAccessKey: 's' }, { idleMs: 300 });
    const out = join(temporaryFolder(), 'out');
    await store.fetch(file(bytes), out);
    expect(asked).toBe(3);
    slowly = true;
    await store.fetch(file(bytes), `${out}-slow`);
    expect(readFileSync(`${out}-slow`, 'utf8')).toBe('whole');
    expect(asked).toBe(4);
    server.closeAllConnections();
    server.close();
  });

  it('puts what is there with another length anew', async () => {
    const store = new FolderStore(temporaryFolder());
    const bytes = Buffer.from('whole');
    await store.put(file(bytes), bytes);
    writeFileSync(store.path(file(bytes)), 'who');
    const from = new FolderStore(temporaryFolder());
    await from.put(file(bytes), bytes);
    expect(await copyStore(from, store)).toMatchObject({ copied: 1 });
    expect(readFileSync(store.path(file(bytes)), 'utf8')).toBe('whole');
  });

  it.each(['folder', 's3'])('replaces what is damaged where it is copied to, of the same length: %s', async (where) => {
    const place = temporaryFolder();
    const damaging = new FolderStore(place);
    const store = where === 'folder' ? damaging : openStore(s3.location.replace('?', '/replaced?'), s3.env);
    const [bytes, good] = [Buffer.from('whole'), Buffer.from('good')];
    const from = new FolderStore(temporaryFolder());
    for (const each of [bytes, good]) await from.put(file(each), each);
    await copyStore(from, store);
    if (where === 'folder') writeFileSync(damaging.path(file(bytes)), 'whale');
    else await s3.overwrite(`replaced/${keyOf(file(bytes))}`, 'whale');
    expect(await copyStore(from, store)).toMatchObject({ copied: 1, skipped: 1, damaged: [] });
    const out = join(temporaryFolder(), 'out');
    await store.fetch(file(bytes), out);
    expect(readFileSync(out, 'utf8')).toBe('whole');
  });

  it('says who refuses, and what is missing', async () => {
    const wrong = { ...s3.env, AWS_SECRET_ACCESS_KEY: 'guess' };
    await expect(openStore(s3.location, wrong).check()).rejects.toThrow(/refuses us \(403 SignatureDoesNotMatch\)/);
    await expect(openStore(s3.location.replace('visavis-test', 'nobody'), s3.env).check()).rejects.toThrow(
      /There is no bucket/,
    );
    expect(() => openStore('s3://bucket', {})).toThrow(/AWS_ACCESS_KEY_ID/);
    expect(() => openStore('s3://bucket?acl=public', s3.env)).toThrow(/not "acl"/);
    expect(() => openStore('gs://bucket', s3.env)).toThrow(/"gs:\/\/bucket" is no store/);
    expect(() => openStore('s3://', s3.env)).toThrow(/is no store/);
    expect(() => openStore('s3://b?endpoint=ftp://x', s3.env)).toThrow(/must begin with https/);
    expect(sharedStore({ VISAVIS_STORE: '' })).toBeUndefined();
  });

  it('has no key for what is no object', () => {
    const sha256 = hash(Buffer.from('x'));
    expect(idOf(keyOf({ kind: 'images', sha256 }))).toEqual({ kind: 'images', sha256 });
    expect(idOf(`images/${sha256.slice(0, 2)}/${sha256}`)).toBeUndefined();
    expect(idOf(`images/00/${sha256}.png`)).toBeUndefined();
    expect(idOf('files/../../etc/passwd')).toBeUndefined();
  });
});

it('copies both ways, and goes on where it was stopped', async () => {
  const folder = new FolderStore(temporaryFolder());
  const objects = Array.from({ length: 40 }, (_, i) => Buffer.from(`object ${i}`));
  for (const bytes of objects) await folder.put(file(bytes), bytes);
  writeFileSync(folder.path(file(objects[3]!)), 'abject 3');
  const bucket = openStore(s3.location.replace('?', '/copy?'), s3.env);
  const stop = new AbortController();
  const first = await copyStore(folder, bucket, {
    signal: stop.signal,
    onProgress: (done) => void (done >= 10 && stop.abort()),
  });
  expect(first.stopped).toBe(true);
  expect(first.copied).toBeLessThan(30);
  const second = await copyStore(folder, bucket);
  expect(second).toMatchObject({ stopped: false, skipped: first.copied, damaged: [keyOf(file(objects[3]!))] });
  expect(first.copied + second.copied).toBe(39);
  const back = new FolderStore(temporaryFolder());
  expect(await copyStore(bucket, back)).toMatchObject({ copied: 39, skipped: 0, damaged: [] });
  expect(await listed(back)).toEqual((await listed(folder)).filter((key) => key !== keyOf(file(objects[3]!))));
  await expect(copyStore(new FolderStore('/nowhere/at/all'), back)).rejects.toThrow('There is no folder');
});

it('stops copying at the first object that the other store does not take, and leaves nothing behind', async () => {
  const from = new FolderStore(temporaryFolder());
  for (let i = 0; i < 40; i++) {
    const bytes = Buffer.from(`object ${i}`);
    await from.put(file(bytes), bytes);
  }
  let [puts, under] = [0, 0];
  const full: ObjectStore = {
    location: 'a full one',
    check: () => Promise.resolve(),
    size: () => Promise.resolve(undefined),
    fetch: () => Promise.reject(new Error('unused')),
    async put() {
      under += 1;
      const isFirst = ++puts === 1;
      await new Promise((resolve) => setTimeout(resolve, isFirst ? 5 : 40));
      under -= 1;
      if (isFirst) throw new StoreError('The store is full.');
    },
    async *list() {},
  };
  await expect(copyStore(from, full)).rejects.toThrow('The store is full.');
  // Those that were under way have ended, and no others began.
  expect(under).toBe(0);
  expect(puts).toBeLessThanOrEqual(8);
});

describe('images in a shared store', () => {
  it('are there for another machine, and again when the copy is gone', async () => {
    const shared = openStore(s3.location.replace('?', '/shared?'), s3.env);
    const [one, other] = [temporaryFolder(), temporaryFolder()].map((folder) => new ImageStore(folder, shared));
    const bytes = Buffer.from('no picture, but bytes');
    const sha256 = await one!.put(bytes);
    expect(await other!.has(sha256)).toBe(true);
    expect(await other!.read(sha256)).toEqual(bytes);
    const copy = await other!.file(sha256);
    await trimCache(join(copy, '..', '..'), 1, { depth: 2, restMs: 0 });
    expect(existsSync(copy)).toBe(false);
    expect(await other!.read(sha256)).toEqual(bytes);
    const gone = hash(Buffer.from('nobody has it'));
    expect(await other!.lacking([sha256, gone])).toEqual([gone]);
    await expect(other!.read(gone)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await other!.files([sha256, gone])).toHaveLength(2);
    expect(other!.placeOf(gone)).toBe(`${shared.location}/images/${gone.slice(0, 2)}/${gone}.png`);
  });
});

describe('trimCache', () => {
  const folderOf = async (names: string[]) => {
    const root = temporaryFolder();
    for (const [i, name] of names.entries()) {
      await mkdir(join(root, name, 'inside'), { recursive: true });
      writeFileSync(join(root, name, 'inside', 'weights'), Buffer.alloc(1000));
      utimesSync(join(root, name), i, i);
    }
    return root;
  };

  it('removes what was used longest ago, whole, until a fifth is free', async () => {
    const root = await folderOf(['a', 'b', 'c', 'd', 'e']);
    expect(await trimCache(root, 5000)).toBe(0);
    expect(await trimCache(root, 4000)).toBe(2);
    expect(readdirSync(root).sort()).toEqual(['c', 'd', 'e']);
    // Used within the hour: somebody may hold it.
    expect(await trimCache(root, 1000, { now: 2500 + 3600_000 })).toBe(1);
    expect(readdirSync(root).sort()).toEqual(['d', 'e']);
  });
});
