/**
 * @file Bytes → cells: CSV, TSV, JSONL, JSON arrays or Parquet, gzipped or not. Text is read as a stream, so that a file of a
 * million rows fits, because no row is kept here. What a file is is told by its bytes where they say it.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';
import { BadInput, cannotRead } from './bad-input.ts';
import { unescapeCell } from './spreadsheet.ts';

export interface TableSink {
  /** Rows that have come, for messages; counted from 1, without a header. */
  readonly read: number;
  /** Rows above the first one as a spreadsheet counts them: a header is one. */
  headerRows: number;
  /** The first row's column names. @throws BadInput when a needed one is missing */
  begin(names: readonly string[]): void;
  /**
   * @param names of the columns; the same array as long as they stay the same
   * @param values in the names' order; null where JSON has null, undefined where it has an object or a list
   */
  row(names: readonly string[], values: readonly (string | null | undefined)[]): void;
  /** A row with objects or lists in it, before it is taken apart. @returns whether that was all of it */
  object(row: Record<string, unknown>): boolean;
  /** A row that cannot be read as one. */
  skip(reason: string): void;
  /** Something about how the file was read that is worth knowing. */
  note(sentence: string): void;
}

export interface TableOptions {
  /** As TextDecoder names it; UTF-8, or what a byte order mark says, when absent. */
  encoding?: string | undefined;
}

/** JSON arrays and Parquet are read whole. */
const mostWhole = 512 * 2 ** 20;
const chunkRows = 4096;

/** @throws BadInput when the file cannot be read, is empty, has no known format, or is not in its encoding */
export async function readTable(file: string, sink: TableSink, options: TableOptions = {}): Promise<void> {
  const name = file.replace(/\.gz$/i, '').toLowerCase();
  const head = await firstBytes(file);
  if (head.subarray(0, 4).toString('latin1') === 'PK\x03\x04')
    throw new BadInput(`${file} is an Excel workbook or another archive, not a table of text; save it as CSV.`);
  if (head.subarray(0, 8).toString('hex') === 'd0cf11e0a1b11ae1')
    throw new BadInput(`${file} is an old Excel workbook, not a table of text; save it as CSV.`);
  try {
    if (head.subarray(0, 4).toString('latin1') === 'PAR1') {
      await readParquetTable(file, sink);
      return;
    }
    const kind = /\.(jsonl|ndjson|json|csv|tsv|txt)$/.exec(name)?.[1];
    if (kind === undefined) {
      throw new BadInput(
        `${file} ends in no format that visavis reads; it must be .csv, .tsv, .json, .jsonl or .parquet, with .gz after it if compressed.`,
      );
    }
    const stream = await openText(file, head, options.encoding);
    try {
      if (kind === 'json') await readJson(stream, sink);
      else if (kind === 'jsonl' || kind === 'ndjson') await readJsonLines(stream, sink);
      else await readCsv(stream, sink, kind === 'tsv' ? '\t' : undefined);
    } catch (error) {
      stream.destroy();
      throw error;
    }
  } catch (error) {
    if (error instanceof BadInput) throw error;
    throw new BadInput(
      `${file} cannot be read${sink.read > 0 ? ` after row ${sink.read}` : ''}: ${(error as Error).message}.`,
    );
  }
}

async function firstBytes(file: string): Promise<Buffer> {
  try {
    const handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, 0);
    await handle.close();
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw cannotRead(file, error);
  }
}

/** UTF-8, unzipped by the first bytes, whatever the file is called. */
async function openText(file: string, head: Buffer, encoding: string | undefined): Promise<Readable> {
  const bytes = createReadStream(file, { highWaterMark: 1 << 18 });
  let text: Readable = bytes;
  if (head[0] === 0x1f && head[1] === 0x8b) {
    const unzipped = createGunzip();
    bytes.on('error', (error) => unzipped.destroy(error));
    text = bytes.pipe(unzipped);
  }
  const decoder = new ToUtf8(file, encoding);
  const source = text;
  source.on('error', (error) => decoder.destroy(error));
  decoder.on('close', () => source.destroy());
  return source.pipe(decoder);
}

/**
 * Bytes in some encoding to bytes in UTF-8. Nothing is replaced: what is not in the encoding ends the reading, because a replaced
 * letter would be another prompt, silently.
 */
class ToUtf8 extends Transform {
  readonly #file: string;
  #decoder: TextDecoder | undefined;
  #began = false;
  #rest = Buffer.alloc(0);
  #offset = 0;

  constructor(file: string, encoding: string | undefined) {
    super({ highWaterMark: 1 << 18 });
    this.#file = file;
    if (encoding === undefined || /^utf-?8$/i.test(encoding)) return;
    try {
      this.#decoder = new TextDecoder(encoding, { fatal: true });
    } catch {
      throw new BadInput(
        `The encoding "${encoding}" is not known; utf-8, utf-16le, latin1 and windows-1252 are, and others of the web's.`,
      );
    }
  }

  override _transform(chunk: Buffer, _: string, done: (error?: Error | null, data?: Buffer | string) => void): void {
    try {
      done(null, this.#convert(chunk, false));
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: (error?: Error | null, data?: Buffer | string) => void): void {
    try {
      done(null, this.#convert(Buffer.alloc(0), true));
    } catch (error) {
      done(error as Error);
    }
  }

  #convert(chunk: Buffer, isEnd: boolean): Buffer | string {
    if (!this.#began && chunk.length > 0) {
      this.#began = true;
      const mark = chunk.subarray(0, 2).toString('hex');
      if (mark === 'fffe') this.#decoder ??= new TextDecoder('utf-16le', { fatal: true });
      if (mark === 'feff') this.#decoder ??= new TextDecoder('utf-16be', { fatal: true });
    }
    if (this.#decoder !== undefined) {
      try {
        return this.#decoder.decode(chunk, { stream: !isEnd });
      } catch {
        throw new BadInput(`${this.#file} is not in the encoding ${this.#decoder.encoding}.`);
      }
    }
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = isEnd || isAscii(bytes) ? bytes.length : wholeCharacters(bytes);
    const whole = bytes.subarray(0, end);
    if (!isUtf8(whole)) {
      throw new BadInput(
        `${this.#file} is not UTF-8 (byte 0x${firstWrong(whole).byte.toString(16)} at ${this.#offset + firstWrong(whole).at}); say what it is with --encoding, e.g. --encoding latin1.`,
      );
    }
    this.#offset += end;
    this.#rest = Buffer.from(bytes.subarray(end));
    return whole;
  }
}

/** How many bytes hold whole characters: the last one may go on in the next chunk. */
function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return bytes.length;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? bytes.length - back : bytes.length;
    }
  }
  return bytes.length;
}

function firstWrong(bytes: Buffer): { byte: number; at: number } {
  let [low, high] = [0, bytes.length];
  // The longest prefix that is UTF-8, but for a character that is cut.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const prefix = bytes.subarray(0, middle);
    if (isUtf8(prefix.subarray(0, wholeCharacters(prefix)))) low = middle;
    else high = middle - 1;
  }
  // Where the prefix ends in a character that does not go on, that one is wrong.
  const at = wholeCharacters(bytes.subarray(0, low));
  return { byte: bytes[at] ?? 0, at };
}

const isQuoted = (cell: string): boolean => cell.charCodeAt(0) === 39;
const delimiters = [',', ';', '\t', '|'];
const names: Record<string, string> = { ';': 'semicolons', '\t': 'tabs', '|': 'bars' };

/** @param given undefined: what the header is separated by */
async function readCsv(stream: Readable, sink: TableSink, given: string | undefined): Promise<void> {
  const { head, line } = await firstLine(stream);
  // Excel's own first line.
  const said = /^sep=(.)\s*$/i.exec(line.replace(/^\ufeff/, '').replace(/\r?\n$/, ''))?.[1];
  let header = line;
  let skipped = 0;
  if (said !== undefined) {
    skipped = Buffer.byteLength(line);
    header = /^[^\n]*/.exec(head.subarray(skipped).toString())![0];
  }
  const delimiter = said ?? given ?? mostUsed(header);
  if (delimiter !== ',' && said === undefined && given === undefined)
    sink.note(`The columns are separated by ${names[delimiter]}.`);
  sink.headerRows = 1;
  let columns: string[] | undefined;
  /** @param mayBeEscaped false where no cell begins with an apostrophe */
  const take = (record: string[], mayBeEscaped = true): void => {
    if (columns === undefined) {
      columns = record;
      sink.begin(columns);
    } else if (record.length !== columns.length) {
      sink.skip(`it has ${record.length} fields, the header ${columns.length}`);
    } else sink.row(columns, mayBeEscaped && record.some(isQuoted) ? record.map(unescapeCell) : record);
  };
  await readRecords(stream, head.subarray(skipped), delimiter, take);
  if (columns === undefined) throw new BadInput('The file is empty.');
}

/**
 * Lines up to the first quote need no parser: they are split, which is five times as fast. From there on csv-parse reads.
 * @param head what was read of the stream before
 */
async function readRecords(
  stream: Readable,
  head: Buffer,
  delimiter: string,
  take: (record: string[], mayBeEscaped?: boolean) => void,
): Promise<void> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer | string>;
  const lineEnd = /^[^\r\n]*(\r?\n)/.exec(head.toString())?.[1];
  let lines = 0;
  let rest = '';
  let chunk: Buffer | string | undefined = head;
  while (chunk !== undefined && lineEnd !== undefined && !chunk.includes('"')) {
    const text: string = rest + chunk.toString();
    const whole = (lines === 0 ? text.replace(/^\ufeff/, '') : text).split(lineEnd);
    rest = whole.pop()!;
    const mayBeEscaped = text.includes("'");
    for (const line of whole) if (line !== '') take(line.split(delimiter), mayBeEscaped);
    lines += whole.length;
    const next = await chunks.next();
    chunk = next.done === true ? undefined : next.value;
  }
  if (chunk === undefined) {
    if (rest !== '') take(rest.split(delimiter));
    return;
  }
  const left = async function* () {
    yield rest + chunk.toString();
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
  };
  const parser = parse({
    ...{ bom: lines === 0, delimiter, relax_column_count: true, skip_empty_lines: true },
    ...(lines > 0 ? { record_delimiter: lineEnd! } : {}),
  });
  // What it says of a line counts those before it.
  Object.assign(parser.info, { lines: lines + 1 });
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
    const source = Readable.from(left());
    source.on('error', (error) => parser.destroy(error));
    source.pipe(parser);
  });
}

/** The first line with its end, and all the bytes that were read to have it. */
async function firstLine(stream: Readable): Promise<{ head: Buffer; line: string }> {
  const chunks: Buffer[] = [];
  const limit = 1 << 20;
  await new Promise<void>((resolve, reject) => {
    const finish = () => {
      stream.off('readable', take);
      stream.off('end', finish);
      stream.off('error', reject);
      resolve();
    };
    const take = () => {
      for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null) {
        chunks.push(Buffer.from(chunk));
        // Two lines, where the first is Excel's.
        if (
          chunk.filter((byte) => byte === 10).length >= 2 ||
          chunks.reduce((n, { length }) => n + length, 0) > limit
        ) {
          finish();
          return;
        }
      }
    };
    stream.on('readable', take);
    stream.once('end', finish);
    stream.once('error', reject);
  });
  const head = Buffer.concat(chunks);
  const end = head.indexOf(10);
  return { head, line: head.subarray(0, end === -1 ? head.length : end + 1).toString() };
}

/** The delimiter that gives the header most columns; a comma where there is none. */
function mostUsed(header: string): string {
  const bare = header.replace(/"(?:[^"]|"")*"/g, '');
  const count = (delimiter: string) => bare.split(delimiter).length;
  return delimiters.reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best), ',');
}

async function readJsonLines(stream: Readable, sink: TableSink): Promise<void> {
  const rows = new ObjectRows(sink);
  let isFirst = true;
  for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
    const line = isFirst ? text.replace(/^\ufeff/, '') : text;
    if (line.trim() === '') continue;
    isFirst = false;
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch {
      sink.skip('it is not valid JSON');
      continue;
    }
    rows.add(row);
  }
  if (isFirst) throw new BadInput('The file is empty.');
}

async function readJson(stream: Readable, sink: TableSink): Promise<void> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk as Buffer | string);
    length += bytes.length;
    if (length > mostWhole) throw new BadInput('A JSON file of more than 512 MiB is not read whole; make it JSONL');
    chunks.push(bytes);
  }
  const text = Buffer.concat(chunks)
    .toString()
    .replace(/^\ufeff/, '');
  if (text.trim() === '') throw new BadInput('The file is empty.');
  const all: unknown = JSON.parse(text);
  // An array of rows, or an object that holds one.
  const list = Array.isArray(all)
    ? all
    : Object.values((all ?? {}) as Record<string, unknown>).find((value) => Array.isArray(value));
  if (!Array.isArray(list)) throw new BadInput('The file holds no array of rows.');
  const rows = new ObjectRows(sink);
  for (const row of list) rows.add(row);
}

async function readParquetTable(file: string, sink: TableSink): Promise<void> {
  if ((await stat(file)).size > mostWhole) throw new BadInput(`${file} has more than 512 MiB.`);
  // Loaded for such a file alone.
  const { parquetSchema } = await import('hyparquet');
  const { openParquet, parquetRows } = await import('./parquet.ts');
  const parquet = await openParquet(file);
  // Bytes that are no text are images.
  const columns = parquetSchema(parquet.metadata)
    .children.map(({ element }) => element)
    .filter(
      ({ type, converted_type, logical_type }) =>
        type !== 'BYTE_ARRAY' || converted_type !== undefined || logical_type !== undefined,
    )
    .map(({ name }) => name);
  const rows = new ObjectRows(sink);
  for await (const row of parquetRows(parquet, columns, chunkRows)) rows.add(row);
  if (parquet.rows === 0) throw new BadInput('The file is empty.');
}

/** Objects to rows of cells. */
class ObjectRows {
  readonly #sink: TableSink;
  #names: string[] | undefined;
  #began = false;

  constructor(sink: TableSink) {
    this.#sink = sink;
  }

  add(row: unknown): void {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      this.#sink.skip('it is no JSON object');
      return;
    }
    const fields = row as Record<string, unknown>;
    if (this.#sink.object(fields)) return;
    const keys = Object.keys(fields);
    const known = this.#names;
    if (known?.length !== keys.length || keys.some((key, i) => key !== known[i])) this.#names = keys;
    if (!this.#began) this.#sink.begin(this.#names!);
    this.#began = true;
    this.#sink.row(this.#names!, Object.values(fields).map(cellOf));
  }
}

function cellOf(value: unknown): string | null | undefined {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? undefined : String(value);
}
