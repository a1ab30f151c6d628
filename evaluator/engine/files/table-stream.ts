/**
 * @file Bytes → cells: CSV, TSV or JSONL, gzipped or not, read as a stream. A file of a million rows fits, because no row
 * is kept here.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';
import { BadInput, cannotRead } from './bad-input.ts';
import { unescapeCell } from './spreadsheet.ts';

export interface TableSink {
  /** Rows that have come, for messages; counted from 1, without a header. */
  readonly read: number;
  /** The first row's column names. @throws BadInput when a needed one is missing */
  begin(names: readonly string[]): void;
  /**
   * @param names of the columns; the same array as long as they stay the same
   * @param values in the names' order; null where JSON has null, undefined where it has an object or a list
   */
  row(names: readonly string[], values: readonly (string | null | undefined)[]): void;
  /** A row that cannot be read as one. */
  skip(reason: string): void;
}

/** @throws BadInput when the file cannot be read, is empty, or has no known ending */
export async function readTable(file: string, sink: TableSink): Promise<void> {
  const name = file.replace(/\.gz$/i, '').toLowerCase();
  const stream = await openText(file);
  try {
    if (/\.(jsonl|ndjson)$/.test(name)) await readJsonLines(stream, sink);
    else if (/\.[ct]sv$/.test(name)) await readCsv(stream, sink, name.endsWith('.tsv') ? '\t' : ',');
    else {
      throw new BadInput(
        `${file} ends in no format that visavis reads; it must be .csv, .tsv or .jsonl, with .gz after it if compressed.`,
      );
    }
  } catch (error) {
    stream.destroy();
    if (error instanceof BadInput) throw error;
    throw new BadInput(
      `${file} cannot be read${sink.read > 0 ? ` after row ${sink.read}` : ''}: ${(error as Error).message}.`,
    );
  }
}

/** Unzipped by its first bytes, whatever the file is called. */
async function openText(file: string): Promise<Readable> {
  let magic: Buffer;
  try {
    const handle = await open(file);
    magic = (await handle.read(Buffer.alloc(2), 0, 2, 0)).buffer;
    await handle.close();
  } catch (error) {
    throw cannotRead(file, error);
  }
  const bytes = createReadStream(file, { highWaterMark: 1 << 18 });
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return bytes;
  const unzipped = createGunzip();
  bytes.on('error', (error) => unzipped.destroy(error));
  return bytes.pipe(unzipped);
}

const isQuoted = (cell: string): boolean => cell.charCodeAt(0) === 39;

async function readCsv(stream: Readable, sink: TableSink, delimiter: string): Promise<void> {
  const parser = stream.pipe(parse({ bom: true, delimiter, relax_column_count: true, skip_empty_lines: true }));
  stream.on('error', (error) => parser.destroy(error));
  let names: string[] | undefined;
  const take = (record: string[]): void => {
    if (names === undefined) {
      names = record;
      sink.begin(names);
    } else if (record.length !== names.length) {
      sink.skip(`it has ${record.length} fields, the header ${names.length}`);
    } else sink.row(names, record.some(isQuoted) ? record.map(unescapeCell) : record);
  };
  // Events instead of an async iterator: a million of its promises take a second.
  await new Promise<void>((resolve, reject) => {
    parser.on('data', (record: string[]) => {
      try {
        take(record);
      } catch (error) {
        parser.destroy(error as Error);
      }
    });
    parser.once('end', resolve);
    parser.once('error', reject);
  });
  if (names === undefined) throw new BadInput('The file is empty.');
}

async function readJsonLines(stream: Readable, sink: TableSink): Promise<void> {
  let names: string[] | undefined;
  let isFirst = true;
  for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
    const line = isFirst ? text.replace(/^\ufeff/, '') : text;
    if (line.trim() === '') continue;
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch {
      sink.skip('it is not valid JSON');
      continue;
    }
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      sink.skip('it is no JSON object');
      continue;
    }
    const keys = Object.keys(row);
    const known = names;
    if (known?.length !== keys.length || keys.some((key, i) => key !== known[i])) names = keys;
    if (isFirst) sink.begin(names!);
    isFirst = false;
    const values = Object.values(row as Record<string, unknown>);
    sink.row(
      names!,
      values.map((value) => (value === null ? null : typeof value === 'object' ? undefined : String(value))),
    );
  }
  if (isFirst) throw new BadInput('The file is empty.');
}
