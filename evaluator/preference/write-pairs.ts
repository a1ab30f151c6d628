/**
 * @file Writes kept pairs in Pick-a-Pic's columns, the winner first: parquet with the images in the rows, or CSV and JSONL that
 * name them. Appears under its name only when it is whole.
 */
import { writeFile } from 'node:fs/promises';
import { dirname, extname, isAbsolute, relative, resolve } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { escapeCell } from '../engine/files/spreadsheet.ts';
import { ParquetWriter, schemaFromColumnData, fileWriter } from 'hyparquet-writer';
import { BadInput } from '../engine/files/bad-input.ts';
import { replaceWhole } from '../engine/files/write-whole.ts';
import type { KeptPair } from './filter.ts';
import type { PreferenceSource } from './preference-rows.ts';

/** Pairs whose images are in memory at once. */
const group = 256;

export async function writePairs(file: string, source: PreferenceSource, pairs: readonly KeptPair[]): Promise<void> {
  const temporary = `${file}.part`;
  const format = extname(file).toLowerCase();
  await replaceWhole(file, temporary, async () => {
    if (format === '.parquet') await writeParquet(temporary, source, pairs);
    else if (format === '.jsonl') {
      const lines = pairs.map((pair) => JSON.stringify(withPaths(fieldsOf(pair), source, file)));
      await writeFile(temporary, lines.map((line) => `${line}\n`).join(''));
    } else if (format === '.csv') {
      const rows = pairs.map((pair) => withPaths(fieldsOf(pair), source, file));
      await writeFile(
        temporary,
        stringify(rows, { header: true, columns: Object.keys(rows[0] ?? fieldsNone), cast: { string: escapeCell } }),
      );
    } else throw new BadInput(`${file} must end in .parquet, .jsonl or .csv.`);
  });
}

const fieldsNone = { caption: '', image_0_uid: '', image_1_uid: '', label_0: 1, label_1: 0 };

function fieldsOf({ caption, winner, loser }: KeptPair) {
  const { row } = winner;
  return {
    caption,
    image_0_uid: row.images[winner.side],
    image_1_uid: loser.row.images[loser.side],
    label_0: 1,
    label_1: 0,
    model_0: row.models[winner.side],
    model_1: loser.row.models[loser.side],
    created_at: Number.isNaN(row.createdAt) ? null : new Date(row.createdAt).toISOString(),
    ranking_id: Number.isNaN(row.rankingId) ? null : row.rankingId,
  };
}

/** Where a manifest named files, the new one names them from its own place. */
function withPaths(fields: ReturnType<typeof fieldsOf>, source: PreferenceSource, file: string) {
  if (source.folder === undefined) return fields;
  const from = (uid: string) => {
    const path = source.imagePath(uid);
    if (path === undefined) return undefined;
    const absolute = resolve(source.folder!, path);
    return isAbsolute(path) ? path : relative(dirname(resolve(file)), absolute);
  };
  const [a, b] = [from(fields.image_0_uid), from(fields.image_1_uid)];
  return a === undefined || b === undefined ? fields : { ...fields, image_0: a, image_1: b };
}

async function writeParquet(file: string, source: PreferenceSource, pairs: readonly KeptPair[]): Promise<void> {
  const columns = (rows: (ReturnType<typeof fieldsOf> & { jpg_0: Uint8Array; jpg_1: Uint8Array })[]) => [
    ...(['caption', 'image_0_uid', 'image_1_uid', 'model_0', 'model_1', 'created_at'] as const).map((name) => ({
      name,
      data: rows.map((row) => row[name]),
      type: 'STRING' as const,
      nullable: true,
    })),
    ...(['label_0', 'label_1'] as const).map((name) => ({
      name,
      data: rows.map((row) => row[name]),
      type: 'DOUBLE' as const,
      nullable: true,
    })),
    {
      name: 'ranking_id',
      data: rows.map((row) => (row.ranking_id === null ? null : BigInt(row.ranking_id))),
      type: 'INT64' as const,
      nullable: true,
    },
    ...(['jpg_0', 'jpg_1'] as const).map((name) => ({
      name,
      data: rows.map((row) => row[name]),
      type: 'BYTE_ARRAY' as const,
      nullable: true,
    })),
  ];
  const schema = schemaFromColumnData({ columnData: columns([]) });
  const writer = new ParquetWriter({ writer: fileWriter(file), schema, statistics: false });
  for (let start = 0; start < pairs.length; start += group) {
    const part = pairs.slice(start, start + group);
    const images = new Map<number, [Uint8Array, Uint8Array]>();
    const indices = [...new Set(part.flatMap(({ winner, loser }) => [winner.row.index, loser.row.index]))];
    for await (const read of source.readImages(indices)) images.set(read.index, read.images);
    const rows = part.map((pair) => ({
      ...fieldsOf(pair),
      jpg_0: images.get(pair.winner.row.index)![pair.winner.side],
      jpg_1: images.get(pair.loser.row.index)![pair.loser.side],
    }));
    await writer.write({ columnData: columns(rows), rowGroupSize: group });
  }
  await writer.finish();
}
