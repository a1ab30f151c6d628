/** @file Published sets from a made-up GitHub: every form, the hash, the cache, and what to do without a network. */
import { zipSync } from 'fflate';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPromptSet, listPrompts } from '../../../db/queries/prompts.ts';
import { fetchPrompts } from '../../../evaluator/prompts/fetch.ts';
import { publishedSets, type PromptForm, type PublishedSet } from '../../../evaluator/prompts/published.ts';
import { freshSqlite } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const contents: Record<string, string> = {
  'a.tsv': 'Prompt\tCategory\tChallenge\tNote\na cat\tAnimals\tBasic\t\n',
  'list.json': JSON.stringify(['a', 'b', 'b', 'c'].map((prompt) => ({ prompt }))),
  'g.jsonl': '{"tag": "counting", "include": [], "prompt": "two dogs"}\n{"tag": "colors", "prompt": "a red car"}\n',
  'one.txt': 'a red door\r\na blue door\n',
  'two.txt': 'a round door\n',
};
const about = { repository: 'owner/name', commit: 'c0ffee', prompts: 1, licence: 'MIT', cite: 'Somebody (2023)' };
const fileOf = (path: string, form: PromptForm, more: object = {}) => ({
  path,
  sha256: sha256(contents[path]!),
  form,
  ...more,
});
const sets: Record<string, PublishedSet> = {
  table: { ...about, files: [fileOf('a.tsv', 'prompts')] },
  styles: { ...about, files: [fileOf('list.json', 'json-list', { categories: { names: ['x', 'y'], each: 2 } })] },
  tags: { ...about, files: [fileOf('g.jsonl', 'geneval')] },
  parts: {
    ...about,
    files: [fileOf('one.txt', 'lines', { category: 'colour' }), fileOf('two.txt', 'lines', { category: 'shape' })],
  },
  texts: { ...about, commit: 'main', files: [], folder: 'bench/prompts', note: 'No hash.' },
  wrong: { ...about, files: [{ path: 'a.tsv', sha256: sha256('something else'), form: 'prompts' }] },
};

describe('prompts fetch', () => {
  let server: Server;
  let hosts: { raw: string; archive: string };
  let asked: string[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url!);
      const name = request.url!.replace('/owner/name/c0ffee/', '');
      if (request.url === '/owner/name/zip/refs/heads/main')
        response.end(
          zipSync({
            'name-main/bench/prompts/b.txt': Buffer.from('second\n  prompt '),
            'name-main/bench/prompts/a.txt': Buffer.from('first prompt\n'),
            'name-main/other/c.txt': Buffer.from('not one'),
          }),
        );
      else if (contents[name] !== undefined) response.end(contents[name]);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    hosts = { raw: host, archive: host };
  });
  afterAll(() => server.close());

  async function fetched(set: string, cacheFolder = temporaryFolder(), from = hosts) {
    const { db } = await freshSqlite();
    const result = await fetchPrompts(db, { set, name: set, cacheFolder, sets, hosts: from });
    const rows = await listPrompts(db, (await findPromptSet(db, set))!.id);
    return { result, rows: rows.map(({ text, category }) => [text, category]) };
  }

  it('every form, with its categories', async () => {
    expect((await fetched('table')).rows).toEqual([['a cat', 'Animals']]);
    // A prompt that the benchmark has twice is there twice.
    expect((await fetched('styles')).rows).toEqual([
      ['a', 'x'],
      ['b', 'x'],
      ['b', 'y'],
      ['c', 'y'],
    ]);
    expect((await fetched('tags')).rows).toEqual([
      ['two dogs', 'counting'],
      ['a red car', 'colors'],
    ]);
    const { rows, result } = await fetched('parts');
    expect(rows).toEqual([
      ['a red door', 'colour'],
      ['a blue door', 'colour'],
      ['a round door', 'shape'],
    ]);
    expect(result).toMatchObject({
      prompts: 3,
      licence: 'MIT',
      cite: 'Somebody (2023)',
      source: 'github.com/owner/name',
    });
    expect((await fetched('texts')).rows).toEqual([
      ['first prompt', null],
      ['second prompt', null],
    ]);
  });

  it('a second time from the cache; another file than the published one is refused, there too', async () => {
    const cache = temporaryFolder();
    await fetched('table', cache);
    asked = [];
    const first = await fetched('table', cache);
    expect(asked).toEqual([]);
    expect(first.result.sha256).toBe(sha256(contents['a.tsv']!));
    writeFileSync(join(cache, 'cache', 'prompts', 'table', 'a.tsv'), 'Prompt\nsomething\n');
    expect((await fetched('table', cache)).rows).toEqual([['a cat', 'Animals']]);
    expect(asked).toEqual(['/owner/name/c0ffee/a.tsv']);
    await expect(fetched('wrong')).rejects.toThrow(
      `is not the published file: its SHA-256 is ${sha256(contents['a.tsv']!)}, not ${sha256('something else')}.`,
    );
  });

  it('without a network it says where the file is, takes it from where it says, and how to import it', async () => {
    const nowhere = { raw: 'http://127.0.0.1:9', archive: 'http://127.0.0.1:9' };
    const cache = temporaryFolder();
    const place = join(cache, 'cache', 'prompts', 'table', 'a.tsv');
    await expect(fetched('table', cache, nowhere)).rejects.toThrow(
      `http://127.0.0.1:9/owner/name/c0ffee/a.tsv cannot be reached. Get a.tsv of github.com/owner/name elsewhere, put it as ${place}, and run the command again; or: visavis prompts import a.tsv --name table.`,
    );
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, contents['a.tsv']!);
    expect((await fetched('table', cache, nowhere)).rows).toHaveLength(1);
    await expect(fetched('tags', cache, nowhere)).rejects.toThrow('visavis prompts import g.jsonl --name tags');
    // Neither one file's import is the whole set, nor is a JSON list one that import reads.
    for (const name of ['parts', 'styles'])
      await expect(fetched(name, cache, nowhere)).rejects.toThrow(/and run the command again\.$/);
    await expect(fetched('texts', cache, nowhere)).rejects.toThrow('visavis prompts import FILE.txt --name texts');
  });

  it('an unknown set is refused with the list; the published ones are pinned', async () => {
    await expect(fetched('constructor')).rejects.toThrow(
      'There is no published set "constructor"; visavis knows table, styles,',
    );
    expect(Object.entries(publishedSets).map(([name, { prompts }]) => [name, prompts])).toEqual([
      ['parti-prompts', 1632],
      ['hpsv2', 3200],
      ['pick-a-pic-v2-test', 487],
      ['geneval', 553],
      ['t2i-compbench', 2400],
      ['dpg-bench', 1065],
      ['ocr', 1018],
    ]);
    for (const { files, folder, commit } of Object.values(publishedSets)) {
      if (folder === undefined) expect(commit).toMatch(/^[0-9a-f]{40}$/);
      for (const { sha256: pinned } of files) expect(pinned).toMatch(/^[0-9a-f]{64}$/);
    }
  });
});
