/**
 * @file Imported images become renders. Everything is checked first, then written: a file that cannot be used
 * leaves nothing half imported.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import sharp from 'sharp';
import type { Database } from '../../db/open.ts';
import { findModel, insertModel } from '../../db/queries/models.ts';
import { findPromptSet, listPrompts, type Prompt } from '../../db/queries/prompts.ts';
import { insertRender, listRenders } from '../../db/queries/renders.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { readForeign } from '../engine/files/foreign-file.ts';
import { withoutMetadata } from '../engine/images/png.ts';
import type { ImageStore } from '../engine/images/store.ts';
import { csvRows, jsonRows } from '../engine/files/table-rows.ts';

export interface RenderImport {
  /** A manifest (CSV or JSONL: prompt, path, seed) or a folder of 00000.png … in the prompts' order. */
  source: string;
  prompts: string;
  model: string;
  /** Every image must lie in the source's folder, links followed: for sources that a request names. */
  confined?: boolean;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

interface Entry {
  prompt: Prompt;
  file: string;
  seed: number;
  /** Where it stands, for messages. */
  place: string;
}

const formats: Record<string, string> = { '.png': 'png', '.jpg': 'jpeg', '.jpeg': 'jpeg', '.webp': 'webp' };
/** Longest side: beyond it no page shows an image and decoding alone takes gigabytes. */
const mostPixels = 16_384;
/** 8192²: a file of a megabyte may unfold to more, and take a quarter of a minute. */
const mostArea = 2 ** 26;

/** @throws BadInput with the file or line that cannot be used; nothing is imported then */
export async function importRenders(
  db: Database,
  images: ImageStore,
  { source, prompts: setName, model: modelName, confined = false, onProgress }: RenderImport,
  now = Date.now(),
): Promise<{ imported: number; prompts: number }> {
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
  const stored: { entry: Entry; sha256: string; width: number; height: number; original: string }[] = [];
  for (const entry of entries) {
    stored.push({ entry, ...(await storeImage(images, entry, root)) });
    onProgress?.(stored.length, entries.length);
  }
  const modelId = existing?.id ?? randomUUID();
  await db.transaction().execute(async (tx) => {
    if (existing === undefined) {
      await insertModel(tx, { id: modelId, name: modelName, kind: 'imported', settings: {}, createdAt: now });
    }
    for (const { entry, sha256, width, height, original } of stored) {
      await insertRender(tx, {
        id: randomUUID(),
        modelId: modelId,
        promptId: entry.prompt.id,
        seed: entry.seed,
        imageSha256: sha256,
        width,
        height,
        provenance: { importedFrom: entry.file, originalSha256: original },
        createdAt: now,
      });
    }
  });
  return { imported: stored.length, prompts: new Set(entries.map((entry) => entry.prompt.id)).size };
}

async function folderEntries(folder: string, prompts: readonly Prompt[]): Promise<Entry[]> {
  const names = (await readdir(folder)).filter((name) => formats[extname(name).toLowerCase()] !== undefined).sort();
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
  const byText = new Map(prompts.map((prompt) => [prompt.text, prompt]));
  return rows.map(({ line, fields }) => {
    const place = `${file}, line ${line}`;
    const { prompt: text, path, seed } = fields;
    if (typeof text !== 'string' || typeof path !== 'string' || text === '' || path === '') {
      throw new BadInput(`${place}: a row needs a prompt and a path.`);
    }
    const prompt = byText.get(text);
    if (prompt === undefined) throw new BadInput(`${place}: the prompt ${JSON.stringify(text)} is not in the set.`);
    const number = seed === undefined || seed === '' ? 0 : Number(seed);
    if (!Number.isSafeInteger(number) || number < 0)
      throw new BadInput(`${place}: the seed is ${String(seed)}; it must be a whole number.`);
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
    const { format, width, height, pages = 1 } = await sharp(bytes).metadata();
    if (!Object.values(formats).includes(format))
      throw new BadInput(`${place}: ${file} is ${format}; it must be PNG, JPEG or WebP.`);
    if (pages > 1) throw new BadInput(`${place}: ${file} is animated; a render is one still image.`);
    if (Math.max(width, height) > mostPixels) {
      throw new BadInput(`${place}: ${file} is ${width} × ${height}; the longest side may be ${mostPixels}.`);
    }
    if (width * height > mostArea) {
      throw new BadInput(
        `${place}: ${file} is ${width} × ${height}; an image may have ${mostArea / 2 ** 20} Mi pixels.`,
      );
    }
    const png = await withoutMetadata(bytes);
    const size = await sharp(png).metadata();
    return {
      sha256: await images.put(png),
      width: size.width,
      height: size.height,
      original: createHash('sha256').update(bytes).digest('hex'),
    };
  } catch (error) {
    if (error instanceof BadInput || (error as NodeJS.ErrnoException).code !== undefined) throw error;
    throw new BadInput(`${place}: ${file} does not decode: ${(error as Error).message.split('\n')[0]!}.`);
  }
}
