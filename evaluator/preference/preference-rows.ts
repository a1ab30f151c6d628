/**
 * @file Preference pairs as Pick-a-Pic v2 has them (Kirstain et al. 2023, arXiv:2305.01569): rows without their images, which
 * are read when they are needed. Sources: a parquet file, a folder of parquet shards, CSV or JSONL, which may hold single images too; a file larger than memory
 * is read row group by row group.
 */
import { readdir, stat } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { BadInput } from '../engine/files/bad-input.ts';
import { readForeign } from '../engine/files/foreign-file.ts';
import { openParquet, parquetRows, readParquet, type ParquetFile } from '../engine/files/parquet.ts';
import { csvRows, jsonRows } from '../engine/files/table-rows.ts';

export interface PreferenceRow {
  /** Its place in the source, over all shards, left-out rows counted. */
  index: number;
  caption: string;
  /** Two names of images, unique within the source; a path where a manifest gives no uid. */
  images: readonly [string, string];
  /** 1: the first image won; 0: the second; ½: a tie. Of a single image: 1 liked, 0 not. */
  label: 0 | 0.5 | 1;
  /** One image that was liked or not, twice in `images`. */
  isSingle?: true;
  models: readonly [string | null, string | null];
  /** Milliseconds, or NaN. */
  createdAt: number;
  rankingId: number;
}

export interface PreferenceSource {
  path: string;
  rows: PreferenceRow[];
  /** Rows that are no preference, and why; the first of each kind by its place. */
  skipped: { reason: string; count: number; example: string }[];
  /** A manifest's folder, from which its paths are meant; undefined for parquet. */
  folder: string | undefined;
  /** A manifest's path of an image; undefined where there is none. */
  imagePath(uid: string): string | undefined;
  /** Both images' bytes of these rows, in ascending order of the rows. @throws BadInput when the source has none */
  readImages(indices: readonly number[]): AsyncGenerator<{ index: number; images: [Uint8Array, Uint8Array] }>;
}

const columns = [
  'caption',
  'image_0_uid',
  'image_1_uid',
  'label_0',
  'label_1',
  'model_0',
  'model_1',
  'created_at',
  'ranking_id',
  'has_label',
] as const;
/** Rows of a parquet file that are decoded at once. */
const chunk = 4096;
/** With their images. */
const imageChunk = 64;

export interface PreferenceOptions {
  /** A row that is no preference refuses the source; it is left out and counted by default. */
  strict?: boolean | undefined;
  /** Milliseconds that decoding a part of a Parquet file may take beside those for its bytes. */
  patience?: number | undefined;
}

/** @throws BadInput when the source cannot be read, or not one row of it is a preference */
export async function openPreferences(path: string, options: PreferenceOptions = {}): Promise<PreferenceSource> {
  const source = await open(path, new Rows(options.strict === true), options.patience);
  const [first] = source.skipped;
  if (source.rows.length === 0 && first !== undefined) throw new BadInput(`${first.example}: ${first.reason}.`);
  return source;
}

/** Rows one after another; those that are none are counted. */
class Rows {
  readonly rows: PreferenceRow[] = [];
  readonly #skipped = new Map<string, { count: number; example: string }>();
  readonly #strict: boolean;
  readonly #intern = interner();
  /** Rows of the source so far. */
  count = 0;

  constructor(strict: boolean) {
    this.#strict = strict;
  }

  get skipped(): PreferenceSource['skipped'] {
    return [...this.#skipped].map(([reason, entry]) => ({ reason, ...entry }));
  }

  add(fields: Record<string, unknown>, place: string): void {
    const index = this.count++;
    // Pairs that nobody has labelled are part of the dataset.
    if (fields['has_label'] === false || fields['has_label'] === 'false') {
      this.#skip('nobody has labelled it (has_label is false)', place);
      return;
    }
    try {
      this.rows.push(rowOf(fields, index, this.#intern));
    } catch (error) {
      if (!(error instanceof BadInput)) throw error;
      if (this.#strict) throw new BadInput(`${place}: ${error.message}`);
      this.#skip(error.message.replace(/\.$/, ''), place);
    }
  }

  #skip(reason: string, place: string): void {
    const entry = this.#skipped.get(reason) ?? { count: 0, example: place };
    entry.count += 1;
    this.#skipped.set(reason, entry);
  }
}

async function open(path: string, all: Rows, patience?: number): Promise<PreferenceSource> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) throw new BadInput(`There is no file or folder ${path}.`);
  if (!info.isDirectory())
    return extname(path).toLowerCase() === '.parquet'
      ? openShards(path, [path], all, patience)
      : openManifest(path, all);
  const names = (await readdir(path)).sort();
  const shards = names.filter((name) => name.endsWith('.parquet'));
  if (shards.length > 0)
    return openShards(
      path,
      shards.map((name) => join(path, name)),
      all,
      patience,
    );
  const manifest = names.find((name) => /^(manifest|preferences|pairs)\.(jsonl|csv)$/.test(name));
  if (manifest === undefined)
    throw new BadInput(`${path} holds no parquet shards and no manifest.jsonl or manifest.csv of preference pairs.`);
  return openManifest(join(path, manifest), all);
}

interface Shard {
  parquet: ParquetFile;
  /** Its first row's place in the source. */
  first: number;
}

async function openShards(
  path: string,
  files: readonly string[],
  all: Rows,
  patience?: number,
): Promise<PreferenceSource> {
  const shards: Shard[] = [];
  for (const file of files) {
    const first = all.count;
    const parquet = await openParquet(file, patience);
    const names = parquet.metadata.schema.slice(1).map(({ name }) => name);
    const missing = ['caption', 'image_0_uid', 'image_1_uid', 'label_0'].find((name) => !names.includes(name));
    if (missing !== undefined) throw new BadInput(`${file} has no column ${missing}; it is no Pick-a-Pic table.`);
    const wanted = columns.filter((name) => names.includes(name));
    for await (const fields of parquetRows(parquet, wanted, chunk))
      all.add(fields, `${file}, row ${all.count - first}`);
    shards.push({ parquet, first });
  }
  return {
    path,
    rows: all.rows,
    skipped: all.skipped,
    folder: undefined,
    imagePath: () => undefined,
    readImages: (indices) => parquetImages(shards, indices),
  };
}

async function* parquetImages(shards: readonly Shard[], indices: readonly number[]) {
  for (const { parquet, first } of shards) {
    const { file, metadata, rows: count } = parquet;
    const own = indices.filter((index) => index >= first && index < first + count).sort((x, y) => x - y);
    if (own.length > 0 && !metadata.schema.some(({ name }) => name === 'jpg_0'))
      throw new BadInput(`${file} has no columns jpg_0 and jpg_1; download the variant with images.`);
    // Neighbours are read together, gaps are skipped.
    for (let i = 0; i < own.length;) {
      const start = own[i]! - first;
      let next = i;
      while (next < own.length && own[next]! - first < start + imageChunk) next += 1;
      const end = own[next - 1]! - first + 1;
      const part = { columns: ['jpg_0', 'jpg_1'], rowStart: start, rowEnd: end, utf8: false };
      const read = await readParquet(parquet, part);
      for (; i < next; i++) {
        const row = read[own[i]! - first - start]! as { jpg_0: unknown; jpg_1: unknown };
        const [a, b] = [bytesOf(row.jpg_0), bytesOf(row.jpg_1)];
        if (a === undefined || b === undefined)
          throw new BadInput(`${file}, row ${own[i]! - first}: an image is missing.`);
        yield { index: own[i]!, images: [a, b] as [Uint8Array, Uint8Array] };
      }
    }
  }
}

/** Bytes, or Hugging Face's image feature: { bytes, path }. */
function bytesOf(value: unknown): Uint8Array | undefined {
  const bytes = value instanceof Uint8Array ? value : (value as { bytes?: unknown } | null)?.bytes;
  return bytes instanceof Uint8Array ? bytes : undefined;
}

async function openManifest(file: string, all: Rows): Promise<PreferenceSource> {
  const text = (await readForeign(file)).toString('utf8');
  const read = /\.jsonl$/i.test(file) ? jsonRows(text, file) : csvRows(text, file);
  const paths: [string, string][] = [];
  for (const { line, fields: own } of read) {
    const fields = withSingle(own);
    const path = (side: 0 | 1) => textOf(fields[`image_${side}`] ?? fields[`path_${side}`]);
    paths.push([path(0) ?? '', path(1) ?? '']);
    const uids = { image_0_uid: fields['image_0_uid'] ?? path(0), image_1_uid: fields['image_1_uid'] ?? path(1) };
    all.add({ ...fields, ...uids }, `${file}, line ${line}`);
  }
  const { rows } = all;
  const byUid = new Map(
    rows.flatMap(({ images, index }) => images.map((uid, side) => [uid, paths[index]![side]!] as const)),
  );
  return {
    path: file,
    rows,
    skipped: all.skipped,
    folder: dirname(file),
    imagePath: (uid) => byUid.get(uid) || undefined,
    async *readImages(indices) {
      for (const index of [...indices].sort((x, y) => x - y)) {
        const [first, second] = paths[index]!;
        const image = async (path: string) => {
          if (path === '') throw new BadInput(`${file}: row ${index + 1} names no image files.`);
          return readForeign(resolve(dirname(file), path), { place: file });
        };
        const one = image(first);
        const images = await Promise.all([one, second === first ? one : image(second)]);
        yield { index, images };
      }
    },
  };
}

const isGiven = (value: unknown) => value !== undefined && value !== null && value !== '';
const ofPairs = ['image_0', 'image_1', 'path_0', 'path_1', 'image_0_uid', 'image_1_uid', 'label_0'];

/** A row of one image that was liked or not as one of two; other rows as they are. Columns that a row leaves empty are not there. */
function withSingle(row: Record<string, unknown>): Record<string, unknown> {
  const { image, liked } = row;
  if (!isGiven(image) || !('liked' in row)) return row;
  if (ofPairs.some((name) => isGiven(row[name]))) return isGiven(liked) ? { ...row, isBoth: true } : row;
  const said = liked === true || liked === 'true' ? 1 : liked === false || liked === 'false' ? 0 : liked;
  const own = Object.fromEntries(Object.entries(row).filter(([name]) => !ofPairs.includes(name)));
  return { ...own, image_0: image, image_1: image, label_0: said, isSingle: true };
}

/** Captions and models repeat by the thousand: one string each. */
function interner(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const first = known.get(text);
    if (first === undefined) known.set(text, text);
    return first ?? text;
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function rowOf(fields: Record<string, unknown>, index: number, intern: (text: string) => string): PreferenceRow {
  const caption = textOf(fields['caption'] ?? fields['prompt']);
  const isSingle = fields['isSingle'] === true;
  if (fields['isBoth'] === true)
    throw new BadInput(`it has a pair and an image that was liked or not; a row is one of them.`);
  const [a, b] = [textOf(fields['image_0_uid']), textOf(fields['image_1_uid'])];
  if (caption === undefined || a === undefined || b === undefined)
    throw new BadInput(
      `a pair needs a caption and two images (image_0_uid and image_1_uid, or paths image_0 and image_1).`,
    );
  if (a === b && !isSingle) throw new BadInput(`both images are ${a}.`);
  const label = Number(fields['label_0']);
  if (isSingle && (!isGiven(fields['liked']) || ![0, 1].includes(label)))
    throw new BadInput(`liked is ${String(fields['liked'])}; it must be true or false, 1 or 0.`);
  if (fields['label_0'] === '' || fields['label_0'] == null || ![0, 0.5, 1].includes(label))
    throw new BadInput(`label_0 is ${String(fields['label_0'])}; it must be 1, 0 or 0.5 (a tie).`);
  const model = (side: 0 | 1) => {
    const name = textOf(fields[`model_${side}`]);
    return name === undefined ? null : intern(name);
  };
  return {
    index,
    caption: intern(caption),
    images: [a, b],
    label: label as PreferenceRow['label'],
    ...(isSingle && { isSingle: true as const }),
    models: [model(0), model(1)],
    createdAt: timeOf(fields['created_at']),
    rankingId: fields['ranking_id'] == null || fields['ranking_id'] === '' ? NaN : Number(fields['ranking_id']),
  };
}

function timeOf(value: unknown): number {
  if (value instanceof Date) return value.getTime();
  if (typeof value === 'bigint' || typeof value === 'number') return Number(value);
  return typeof value === 'string' ? Date.parse(value) : NaN;
}
