/** @file Published prompt sets, downloaded once and checked against their SHA-256. */
import { unzipSync } from 'fflate';
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Database } from '../../db/open.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { linesOf } from '../engine/files/table-rows.ts';
import { writeWhole } from '../engine/files/write-whole.ts';
import { storePrompts, type ImportedPrompts } from './import.ts';
import { parsePrompts, type ParsedPrompt } from './parse.ts';
import { publishedSets, type PublishedFile, type PublishedSet } from './published.ts';

export interface FetchedPrompts extends ImportedPrompts {
  licence: string;
  cite: string;
  source: string;
  /** Of what was read. */
  sha256: string;
  note: string | null;
}

export interface FetchOptions {
  set: string;
  name: string;
  /** The data directory, whose cache keeps the files. */
  cacheFolder: string;
  /** For tests: other sets than the published ones, and another place than GitHub. */
  sets?: Readonly<Record<string, PublishedSet>>;
  hosts?: { raw: string; archive: string };
}

const github = { raw: 'https://raw.githubusercontent.com', archive: 'https://codeload.github.com' };

/** @throws BadInput for a set that is not known, a file that is not the published one, or one that cannot be reached */
export async function fetchPrompts(
  db: Database,
  { set: name, name: as, cacheFolder, sets = publishedSets, hosts = github }: FetchOptions,
): Promise<FetchedPrompts> {
  const set = Object.hasOwn(sets, name) ? sets[name]! : undefined;
  if (set === undefined)
    throw new BadInput(`There is no published set "${name}"; visavis knows ${Object.keys(sets).join(', ')}.`);
  const folder = join(cacheFolder, 'cache', 'prompts', name);
  const read =
    set.folder === undefined
      ? await readFiles(set, name, folder, hosts.raw)
      : await readArchive(set, name, set.folder, folder, hosts.archive);
  const imported = await storePrompts(db, { name: as, prompts: read.prompts, sha256: read.sha256 });
  const source = `github.com/${set.repository}`;
  const { licence, cite, note = null } = set;
  return { ...imported, licence, cite, source, sha256: read.sha256, note };
}

async function readFiles(set: PublishedSet, name: string, folder: string, host: string) {
  const prompts: ParsedPrompt[] = [];
  const hashes: string[] = [];
  for (const file of set.files) {
    const kept = join(folder, basename(file.path));
    let bytes = await readFile(kept).catch(() => undefined);
    if (bytes === undefined || sha256Of(bytes) !== file.sha256) {
      const url = `${host}/${set.repository}/${set.commit}/${file.path}`;
      bytes = await download(url).catch(() => {
        throw new BadInput(
          `${url} cannot be reached. Get ${file.path} of github.com/${set.repository} elsewhere, put it as ${kept}, and run the command again${
            file.form !== 'json-list' && set.files.length === 1
              ? `; or: visavis prompts import ${basename(file.path)} --name ${name}`
              : ''
          }.`,
        );
      });
      if (sha256Of(bytes) !== file.sha256)
        throw new BadInput(`${url} is not the published file: its SHA-256 is ${sha256Of(bytes)}, not ${file.sha256}.`);
      await keep(kept, bytes);
    }
    hashes.push(file.sha256);
    prompts.push(...promptsOf(bytes, file));
  }
  // One file's own hash, as an import of it would have; of several the hash of their hashes.
  return { prompts, sha256: hashes.length === 1 ? hashes[0]! : sha256Of(Buffer.from(hashes.join('\n'))) };
}

/** A folder of texts, from the repository's archive; kept as JSONL, whose hash is printed. */
async function readArchive(set: PublishedSet, name: string, inside: string, folder: string, host: string) {
  const kept = join(folder, `${name}.jsonl`);
  let bytes = await readFile(kept).catch(() => undefined);
  if (bytes === undefined) {
    const url = `${host}/${set.repository}/zip/refs/heads/${set.commit}`;
    const archive = await download(url).catch(() => {
      throw new BadInput(
        `${url} cannot be reached. Get the folder ${inside} of github.com/${set.repository} elsewhere, put its texts into one file, a prompt a line, and run: visavis prompts import FILE.txt --name ${name}`,
      );
    });
    const files = Object.entries(
      unzipSync(archive, { filter: ({ name: path }) => path.includes(`/${inside}/`) && path.endsWith('.txt') }),
    ).sort(([a], [b]) => (a < b ? -1 : 1));
    if (files.length === 0) throw new BadInput(`${url} holds no ${inside}/*.txt any more.`);
    const rows = files.map(([path, content]) => ({
      prompt: Buffer.from(content).toString().trim().replace(/\s+/g, ' '),
      note: basename(path, '.txt'),
    }));
    bytes = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    await keep(kept, bytes);
  }
  return { prompts: parsePrompts(bytes, kept), sha256: sha256Of(bytes) };
}

function promptsOf(bytes: Buffer, { path, form, category, categories }: PublishedFile): ParsedPrompt[] {
  if (form === 'prompts') return parsePrompts(bytes, path);
  const none = { category: category ?? null, challenge: null, note: null };
  if (form === 'lines')
    return linesOf(bytes.toString()).map(({ line, content }) => ({ ...none, text: content.trim(), line }));
  if (form === 'geneval')
    return linesOf(bytes.toString()).map(({ line, content }) => {
      const { prompt, tag } = JSON.parse(content) as { prompt: string; tag: string };
      return { ...none, text: prompt, category: tag, line };
    });
  return (JSON.parse(bytes.toString()) as { prompt: string }[]).map(({ prompt }, i) => ({
    ...none,
    text: prompt,
    category: categories?.names[Math.floor(i / categories.each)] ?? null,
    line: i + 1,
  }));
}

async function keep(file: string, bytes: Buffer): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeWhole(file, bytes);
}

async function download(url: string): Promise<Buffer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(120_000) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
