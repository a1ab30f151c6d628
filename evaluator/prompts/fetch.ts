/** @file Published prompt sets, downloaded once and checked against their SHA-256. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Database } from '../../db/open.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { importPrompts, type ImportedPrompts } from './import.ts';

const published: Record<string, { url: string; sha256: string; file: string; page: string }> = {
  // 1,632 prompts, Apache-2.0, google-research/parti.
  'parti-prompts': {
    url: 'https://raw.githubusercontent.com/google-research/parti/main/PartiPrompts.tsv',
    sha256: 'fab29e41bb512a169b56acab4cf2a41dcb675e285df2efcde6640c7dd3c440eb',
    file: 'PartiPrompts.tsv',
    page: 'https://github.com/google-research/parti',
  },
};

export async function fetchPrompts(
  db: Database,
  { set, name, cacheFolder }: { set: string; name: string; cacheFolder: string },
): Promise<ImportedPrompts> {
  const source = published[set];
  if (source === undefined) {
    throw new BadInput(`There is no published set "${set}"; visavis knows ${Object.keys(published).join(', ')}.`);
  }
  const file = join(cacheFolder, 'cache', 'prompts', source.file);
  const cached = await readFile(file).catch(() => undefined);
  if (cached === undefined || sha256(cached) !== source.sha256) {
    const bytes = await download(source.url).catch(() => {
      throw new BadInput(
        `${source.url} cannot be reached. Get ${source.file} from ${source.page} and run: visavis prompts import ${source.file} --name ${name}`,
      );
    });
    if (sha256(bytes) !== source.sha256) {
      throw new BadInput(
        `${source.url} is not the published file: its SHA-256 is ${sha256(bytes)}, not ${source.sha256}.`,
      );
    }
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
  return importPrompts(db, { file, name });
}

async function download(url: string): Promise<Buffer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
