/**
 * @file Anybody's votes: CSV or JSONL, gzipped or not, with a vote a row. Read as a stream into columns. A row that
 * cannot be used is skipped, and every skip is counted with its reason; what makes the whole file ambiguous refuses it.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';
import { ServiceError } from '../errors.ts';
import { outcomes, sides, VoteTableBuilder, type OutcomeCode, type VoteTable } from './vote-table.ts';

export interface ForeignVotes {
  votes: VoteTable;
  modelA: string;
  modelB: string;
  /** Votes an item and criterion that most of them have. */
  votesPerPair: number;
  rows: {
    read: number;
    used: number;
    skipped: { reason: string; count: number; examples: string[] }[];
    notes: string[];
  };
}

const required = ['item', 'annotator', 'choice'] as const;
const optional = [
  'criterion',
  'category',
  'challenge',
  'model_a',
  'model_b',
  'left',
  'response_time_ms',
  'status',
] as const;
type Column = (typeof required)[number] | (typeof optional)[number];
type Cells = Partial<Record<Column, string>>;

/** Rows of one reason that are shown; all are counted. */
const shownExamples = 3;

/** @throws ServiceError bad-request when the file cannot be read, lacks a column, or compares more than two models */
export async function readForeignVotes(file: string): Promise<ForeignVotes> {
  const reader = new Reader(file);
  const stream = await openText(file);
  const plainName = file.replace(/\.gz$/i, '').toLowerCase();
  try {
    if (plainName.endsWith('.jsonl') || plainName.endsWith('.ndjson')) await readJsonLines(stream, reader);
    else if (plainName.endsWith('.csv') || plainName.endsWith('.tsv'))
      await readCsv(stream, reader, plainName.endsWith('.tsv') ? '\t' : ',');
    else
      throw refusal(
        `${file} ends in no format that visavis reads; it must be .csv, .tsv or .jsonl, with .gz after it if compressed.`,
      );
  } catch (error) {
    stream.destroy();
    if (error instanceof ServiceError) throw error;
    throw refusal(
      `${file} cannot be read${reader.read > 0 ? ` after row ${reader.read}` : ''}: ${(error as Error).message}.`,
    );
  }
  return reader.finish();
}

function refusal(message: string): ServiceError {
  return new ServiceError('bad-request', message);
}

/** Unzipped by its first bytes, whatever the file is called. */
async function openText(file: string): Promise<Readable> {
  let magic: Buffer;
  try {
    const handle = await open(file);
    magic = (await handle.read(Buffer.alloc(2), 0, 2, 0)).buffer;
    await handle.close();
  } catch (error) {
    throw refusal(`Cannot read ${file}: ${(error as NodeJS.ErrnoException).code ?? String(error)}.`);
  }
  const bytes = createReadStream(file, { highWaterMark: 1 << 18 });
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return bytes;
  const unzipped = createGunzip();
  bytes.on('error', (error) => unzipped.destroy(error));
  return bytes.pipe(unzipped);
}

async function readCsv(stream: Readable, reader: Reader, delimiter: string): Promise<void> {
  const parser = stream.pipe(parse({ bom: true, delimiter, relax_column_count: true, skip_empty_lines: true }));
  stream.on('error', (error) => parser.destroy(error));
  let columns: (Column | undefined)[] | undefined;
  const take = (record: string[]): void => {
    if (columns === undefined) {
      columns = record.map(toColumn);
      reader.checkColumns(columns);
      return;
    }
    if (record.length !== columns.length) {
      reader.skipRow(`it has ${record.length} fields, the header ${columns.length}`);
      return;
    }
    const cells: Cells = {};
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i];
      if (column !== undefined) cells[column] = record[i]!;
    }
    reader.add(cells);
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
  if (columns === undefined) throw refusal('The file is empty.');
}

async function readJsonLines(stream: Readable, reader: Reader): Promise<void> {
  let first = true;
  for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
    const line = first ? text.replace(/^\ufeff/, '') : text;
    if (line.trim() === '') continue;
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch {
      reader.skipRow('it is not valid JSON');
      continue;
    }
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      reader.skipRow('it is no JSON object');
      continue;
    }
    const cells: Cells = {};
    let odd: Column | undefined;
    for (const [key, value] of Object.entries(row) as [string, unknown][]) {
      const column = toColumn(key);
      if (column === undefined || value === null) continue;
      if (typeof value === 'object') odd = column;
      else cells[column] = String(value);
    }
    if (first) reader.checkColumns(Object.keys(row).map(toColumn));
    first = false;
    if (odd === undefined) reader.add(cells);
    else reader.skipRow('the value is no text or number', odd);
  }
  if (first) throw refusal('The file is empty.');
}

function toColumn(name: string): Column | undefined {
  const plain = name.trim().toLowerCase();
  return ([...required, ...optional] as string[]).includes(plain) ? (plain as Column) : undefined;
}

const choices = new Map<string, 'a' | 'b' | 'tie'>([
  ['a', 'a'],
  ['b', 'b'],
  ['tie', 'tie'],
]);

/** Without outer space and capitals; most cells have neither, and there are millions. */
function plain(cell = ''): string {
  return cell === '' || choices.has(cell) ? cell : cell.trim().toLowerCase();
}

class Reader {
  readonly #file: string;
  readonly #table = new VoteTableBuilder();
  readonly #skipped = new Map<string, { count: number; examples: string[] }>();
  /** Of each vote, for the message when it turns out to be a second one. */
  readonly #rowOf: number[] = [];
  #models: [string, string] | undefined;
  #swapped = 0;
  read = 0;

  constructor(file: string) {
    this.#file = file;
  }

  checkColumns(columns: readonly (Column | undefined)[]): void {
    const missing = required.filter((name) => !columns.includes(name));
    if (missing.length > 0) {
      throw refusal(
        `${this.#file} has no column ${missing.join(', ')}; a vote needs ${required.join(', ')} (choice: a, b or tie).`,
      );
    }
  }

  /** @param row counted already where the caller has read it */
  skipRow(reason: string, column = 'row'): void {
    this.read += 1;
    this.#skip(reason, column);
  }

  #skip(reason: string, column: string, row = this.read): void {
    const entry = this.#skipped.get(reason) ?? { count: 0, examples: [] };
    entry.count += 1;
    // Rows are counted without the header, from 1.
    if (entry.examples.length < shownExamples) entry.examples.push(`row ${row}, ${column}`);
    this.#skipped.set(reason, entry);
  }

  add(cells: Cells): void {
    this.read += 1;
    const { item = '', annotator = '', criterion = '' } = cells;
    if (item === '') return this.#skip('the item is empty', 'item');
    const status = cells.status ?? '';
    if (status !== '' && status !== 'counted') return this.#skip(`its status is ${status}, not counted`, 'status');
    const itemIndex = this.#table.itemIndex({
      id: item,
      category: cells.category || null,
      challenge: cells.challenge || null,
    });
    const text = plain(cells.choice);
    if (text === '') return this.#skip('the item has no vote here: the choice is empty', 'choice');
    let choice = choices.get(text);
    if (choice === undefined) return this.#skip('the choice is not a, b or tie', 'choice');
    if (annotator === '') return this.#skip('the annotator is empty', 'annotator');
    let left = plain(cells.left);
    if (left !== '' && left !== 'a' && left !== 'b') return this.#skip('left is not a or b', 'left');
    if (this.#isSwapped(cells)) {
      this.#swapped += 1;
      choice = choice === 'a' ? 'b' : choice === 'b' ? 'a' : 'tie';
      left = left === 'a' ? 'b' : left === 'b' ? 'a' : '';
    }
    const annotatorIndex = this.#table.annotatorIndex(annotator);
    const criterionIndex = this.#table.criterionIndex(criterion === '' ? 'general' : criterion);
    if (criterionIndex > 255) throw refusal(`${this.#file} has more than 256 criteria; is that the right column?`);
    const time = Number(cells.response_time_ms ?? '');
    this.#table.add({
      item: itemIndex,
      annotator: annotatorIndex,
      criterion: criterionIndex,
      outcome: outcomes[choice] as OutcomeCode,
      sideOfA: left === '' ? sides.unknown : left === 'a' ? sides.left : sides.right,
      responseTimeMs:
        cells.response_time_ms === undefined || cells.response_time_ms === '' || !Number.isFinite(time) ? NaN : time,
    });
    this.#rowOf.push(this.read);
  }

  /** The first row's models are A and B; the same two the other way round are turned, others refuse the file. */
  #isSwapped({ model_a: a = '', model_b: b = '' }: Cells): boolean {
    if (a === '' && b === '') return false;
    this.#models ??= [a, b];
    const [first, second] = this.#models;
    if (a === first && b === second) return false;
    if (a === second && b === first) return true;
    throw refusal(
      `${this.#file}, row ${this.read}: it compares ${a} with ${b}, the rows before ${first} with ${second}; analyze one pair of models at a time.`,
    );
  }

  finish(): ForeignVotes {
    const votes = this.#withoutRepeats(this.#table.finish());
    if (votes.count === 0)
      throw refusal(`${this.#file} has ${this.read} rows and not one vote that can be used${this.#firstReason()}.`);
    const notes = [];
    if (this.#swapped > 0)
      notes.push(`${this.#swapped} rows name the models the other way round; their choices were turned.`);
    const without = votes.items.length - new Set(votes.item.subarray(0, votes.count)).size;
    if (without > 0) notes.push(`${without} items have no vote; they count as incomplete pairs.`);
    return {
      votes,
      modelA: this.#models?.[0] ?? 'A',
      modelB: this.#models?.[1] ?? 'B',
      votesPerPair: usualVotes(votes),
      rows: {
        read: this.read,
        used: votes.count,
        skipped: [...this.#skipped].map(([reason, entry]) => ({ reason, ...entry })),
        notes,
      },
    };
  }

  /** Sorting numbers finds out fast that nobody voted twice; only then is it worth asking who. */
  #withoutRepeats(votes: VoteTable): VoteTable {
    const people = votes.annotators.length;
    const criteria = votes.criteria.length;
    const keyOf = (i: number) => (votes.item[i]! * people + votes.annotator[i]!) * criteria + votes.criterion[i]!;
    const keys = Float64Array.from({ length: votes.count }, (_, i) => keyOf(i));
    const sorted = keys.slice().sort();
    if (!sorted.some((key, i) => i > 0 && key === sorted[i - 1])) return votes;
    const seen = new Set<number>();
    let kept = 0;
    for (let i = 0; i < votes.count; i++) {
      if (seen.has(keys[i]!)) {
        const reason = 'this annotator has voted on this item and criterion already; the first vote counts';
        this.#skip(reason, 'annotator', this.#rowOf[i]);
        continue;
      }
      seen.add(keys[i]!);
      for (const column of [
        votes.item,
        votes.annotator,
        votes.criterion,
        votes.outcome,
        votes.sideOfA,
        votes.responseTimeMs,
      ]) {
        column[kept] = column[i]!;
      }
      kept += 1;
    }
    return { ...votes, count: kept };
  }

  #firstReason(): string {
    const [first] = this.#skipped;
    return first === undefined ? '' : ` (${first[1].examples[0]!}: ${first[0]})`;
  }
}

/** The most common number of votes an item and criterion; of two as common, the larger. */
function usualVotes(votes: VoteTable): number {
  const perItem = new Int32Array(votes.items.length * votes.criteria.length);
  for (let i = 0; i < votes.count; i++) perItem[votes.item[i]! * votes.criteria.length + votes.criterion[i]!]!++;
  const frequency = new Map<number, number>();
  for (const count of perItem) if (count > 0) frequency.set(count, (frequency.get(count) ?? 0) + 1);
  return [...frequency].sort(([x, n], [y, m]) => m - n || y - x)[0]![0];
}
