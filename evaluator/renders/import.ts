/**
 * @file Imported images become renders. Everything is checked first, then written: a file that cannot be used
 * leaves nothing half imported.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { Database } from '../../db/open.ts';
import { findModel, insertModel } from '../../db/queries/models.ts';
import { findPromptSet, listPrompts, type Prompt } from '../../db/queries/prompts.ts';
import { insertRender, listRenders } from '../../db/queries/renders.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { readForeign } from '../engine/files/foreign-file.ts';
import type { ImageStore } from '../engine/images/store.ts';
import { thumbnailOf } from '../engine/images/thumbnail.ts';
import { csvRows, jsonRows } from '../engine/files/table-rows.ts';
import { toStillSrgb } from './convert.ts';

export interface RenderImport {
  /** A manifest (CSV or JSONL: prompt, path, seed) or a folder of 00000.png … in the prompts' order. */
  source: string;
  prompts: string;
  model: string;
  /** Every image must lie in the source's folder, links followed: for sources that a request names. */
  confined?: boolean;
  /** Stands before a file's name in what the render says of its origin, for sources that are gone afterwards. */
  origin?: string;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface RendersImported {
  imported: number;
  prompts: number;
  /** What was done to pixels that were not 8-bit sRGB, and to how many images. */
  converted: { change: string; images: number }[];
}

interface Entry {
  prompt: Prompt;
  file: string;
  seed: number;
  /** Where it stands, for messages. */
  place: string;
}

const endings: readonly string[] = ['.png', '.jpg', '.jpeg', '.webp'];
/** @throws BadInput with the file or line that cannot be used; nothing is imported then */
export async function importRenders(
  db: Database,
  images: ImageStore,
  { source, prompts: setName, model: modelName, confined = false, origin, onProgress }: RenderImport,
  now = Date.now(),
): Promise<RendersImported> {
  const set = await findPromptSet(db, setName);
  if (set === undefined) throw new BadInput(`There is no prompt set named "${setName}".`);
  const prompts = await listPrompts(db, set.id);
  const existing = await findModel(db, modelName);
  if (existing?.kind === 'pipeline') {
    throw new BadInput(`The model "${modelName}" renders its own images; import under another name.`);
  }
  const info = await stat(source).catch(() => undefined);
  if (info === undefined) throw new BadInput(`There is no file or folder ${source}.`);
  const isFolder = info.isDirectory();
  const entries = isFolder ? await folderEntries(source, prompts) : await manifestEntries(source, prompts);
  const root = confined ? (isFolder ? source : dirname(source)) : undefined;
  if (entries.length === 0) throw new BadInput(`${source} holds no images.`);
  await refuseRepeats(db, entries, existing?.id, set.id);

  // Decoded one after the other, so that a folder larger than memory can be imported; the store keeps by content, and
  // an image that no row names yet is only a spare file.
  const stored: (Awaited<ReturnType<typeof storeImage>> & { entry: Entry })[] = [];
  for (const entry of entries) {
    stored.push({ entry, ...(await storeImage(images, entry, root)) });
    onProgress?.(stored.length, entries.length);
  }
  const modelId = existing?.id ?? randomUUID();
  await db.transaction().execute(async (tx) => {
    if (existing === undefined) {
      await insertModel(tx, { id: modelId, name: modelName, kind: 'imported', settings: {}, createdAt: now });
    }
    for (const { entry, sha256, width, height, original, changes, thumbnail } of stored) {
      await insertRender(tx, {
        id: randomUUID(),
        modelId: modelId,
        promptId: entry.prompt.id,
        seed: entry.seed,
        imageSha256: sha256,
        width,
        height,
        provenance: {
          importedFrom: origin === undefined ? entry.file : `${origin}/${basename(entry.file)}`,
          originalSha256: original,
          ...(changes.length > 0 ? { changes } : {}),
        },
        createdAt: now,
        thumbnail,
      });
    }
  });
  const converted = new Map<string, number>();
  for (const change of stored.flatMap(({ changes }) => changes))
    converted.set(change, (converted.get(change) ?? 0) + 1);
  return {
    imported: stored.length,
    prompts: new Set(entries.map((entry) => entry.prompt.id)).size,
    converted: [...converted].map(([change, images]) => ({ change, images })),
  };
}

async function folderEntries(folder: string, prompts: readonly Prompt[]): Promise<Entry[]> {
  const names = (await readdir(folder)).filter((name) => endings.includes(extname(name).toLowerCase())).sort();
  return names.map((name) => {
    const file = join(folder, name);
    const match = /^(\d+)\.\w+$/.exec(name);
    if (match === null) throw new BadInput(`${file} is not named by its prompt's number, as 00000.png.`);
    const prompt = prompts[Number(match[1])];
    if (prompt === undefined) {
      throw new BadInput(`${file} is for prompt ${Number(match[1])}; the set has ${prompts.length}, counted from 0.`);
    }
    return { prompt, file, seed: 0, place: file };
  });
}

async function manifestEntries(file: string, prompts: readonly Prompt[]): Promise<Entry[]> {
  const text = (await readForeign(file)).toString('utf8');
  const rows = /\.jsonl$/i.test(file) ? jsonRows(text, file) : csvRows(text, file);
  // Some published sets have a prompt twice: its rows are then for one after the other, in the set's order.
  const byText = new Map<string, Prompt[]>();
  for (const prompt of prompts) byText.set(prompt.text, [...(byText.get(prompt.text) ?? []), prompt]);
  const met = new Map<string, number>();
  return rows.map(({ line, fields }) => {
    const place = `${file}, line ${line}`;
    const { prompt: text, path, seed } = fields;
    if (typeof text !== 'string' || typeof path !== 'string' || text === '' || path === '') {
      throw new BadInput(`${place}: a row needs a prompt and a path.`);
    }
    const same = byText.get(text);
    if (same === undefined) throw new BadInput(`${place}: the prompt ${JSON.stringify(text)} is not in the set.`);
    const number = seed === undefined || seed === '' ? 0 : Number(seed);
    if (!Number.isSafeInteger(number) || number < 0)
      throw new BadInput(`${place}: the seed is ${String(seed)}; it must be a whole number.`);
    const key = `${number} ${text}`;
    const before = met.get(key) ?? 0;
    met.set(key, before + 1);
    const prompt = same[Math.min(before, same.length - 1)]!;
    return { prompt, file: resolve(dirname(file), path), seed: number, place };
  });
}

async function refuseRepeats(
  db: Database,
  entries: readonly Entry[],
  modelId: string | undefined,
  promptSetId: string,
): Promise<void> {
  const seen = new Map<string, string>();
  if (modelId !== undefined) {
    for (const render of await listRenders(db, { promptSetId, modelId }))
      seen.set(`${render.promptId} ${render.seed}`, 'the database');
  }
  for (const { prompt, seed, place } of entries) {
    const key = `${prompt.id} ${seed}`;
    const earlier = seen.get(key);
    if (earlier !== undefined) {
      throw new BadInput(
        `${place}: prompt ${JSON.stringify(prompt.text)} with seed ${seed} has an image already (${earlier}).`,
      );
    }
    seen.set(key, place);
  }
}

async function storeImage(images: ImageStore, { file, place }: Entry, root: string | undefined) {
  const bytes = await readForeign(file, { root, place });
  try {
    const { png, width, height, changes } = await toStillSrgb(bytes, `${place}: ${file}`);
    const original = createHash('sha256').update(bytes).digest('hex');
    return { sha256: await images.put(png), width, height, original, changes, thumbnail: await thumbnailOf(png) };
  } catch (error) {
    if (error instanceof BadInput || (error as NodeJS.ErrnoException).code !== undefined) throw error;
    throw new BadInput(`${place}: ${file} does not decode: ${(error as Error).message.split('\n')[0]!}.`);
  }
}
