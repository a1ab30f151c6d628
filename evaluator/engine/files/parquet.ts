/**
 * @file Parquet files: their columns, and their rows some at a time. What the library meets in a damaged file is one sentence; it
 * decodes in a thread of its own, which ends when it takes longer than any whole file would, or has no memory left.
 */
import type { FileMetaData } from 'hyparquet';
import type { Worker } from 'node:worker_threads';
import { startThread } from '../threads/start.ts';
import { BadInput } from './bad-input.ts';

export interface ParquetFile {
  file: string;
  metadata: FileMetaData;
  /** As the footer says. */
  rows: number;
  /** Milliseconds that a part may take beside those for its bytes. */
  patience: number;
}

interface Part {
  columns: string[];
  rowStart: number;
  rowEnd: number;
  /** False leaves bytes as bytes. */
  utf8?: boolean;
}

/** What the thread is asked: a file's metadata, or rows of it. */
export interface ParquetCall {
  file: string;
  part?: Part;
}
export type ParquetReply = { metadata: FileMetaData } | { rows: Record<string, unknown>[] } | { error: string };

const usualPatience = 20_000;
/** A damaged file may say any size. */
const mostMilliseconds = 1_800_000;
/** A hundredth of what the library decodes on a slow machine. */
const bytesPerMillisecond = 500;

/** @throws BadInput when the file is no complete parquet file */
export async function openParquet(file: string, patience = usualPatience): Promise<ParquetFile> {
  const reply = await ask({ file }, patience);
  if (!('metadata' in reply)) throw new BadInput(`${file} is no complete parquet file: ${problemOf(reply)}.`);
  return { file, metadata: reply.metadata, rows: Number(reply.metadata.num_rows), patience };
}

/** @throws BadInput when the part is damaged, or has fewer rows than the footer says */
export async function readParquet(
  { file, metadata, patience }: ParquetFile,
  part: Part,
): Promise<Record<string, unknown>[]> {
  const milliseconds = Math.min(mostMilliseconds, patience + bytesOf(metadata, part) / bytesPerMillisecond);
  const reply = await ask({ file, part }, milliseconds);
  if (!('rows' in reply)) throw new BadInput(`${file} is a damaged parquet file: ${problemOf(reply)}.`);
  // A damaged count may say anything.
  if (reply.rows.length !== part.rowEnd - part.rowStart)
    throw new BadInput(`${file} is a damaged parquet file: rows are missing.`);
  return reply.rows;
}

/** All rows, `chunk` of them decoded at once. */
export async function* parquetRows(parquet: ParquetFile, columns: string[], chunk: number) {
  for (let rowStart = 0; rowStart < parquet.rows; rowStart += chunk) {
    const rowEnd = Math.min(rowStart + chunk, parquet.rows);
    yield* await readParquet(parquet, { columns, rowStart, rowEnd });
  }
}

function problemOf(reply: ParquetReply): string {
  return 'error' in reply ? reply.error : 'it was read as something else';
}

/** Of the row groups that the part is in, all columns: the library reads whole groups of the asked ones. */
function bytesOf({ row_groups: groups }: FileMetaData, { rowStart, rowEnd }: Part): number {
  let [first, bytes] = [0, 0];
  for (const { num_rows, total_byte_size } of groups) {
    const end = first + Number(num_rows);
    if (first < rowEnd && end > rowStart) bytes += Math.max(0, Number(total_byte_size));
    first = end;
  }
  return Number.isFinite(bytes) ? bytes : 0;
}

let thread: Worker | undefined;
let queue: Promise<unknown> = Promise.resolve();

/** One call at a time. */
function ask(call: ParquetCall, milliseconds: number): Promise<ParquetReply> {
  const answer = queue.then(() => askNow(call, milliseconds));
  queue = answer.catch(() => undefined);
  return answer;
}

function askNow(call: ParquetCall, milliseconds: number): Promise<ParquetReply> {
  const worker = (thread ??= started());
  worker.ref();
  return new Promise((resolve) => {
    const settle = (reply: ParquetReply) => {
      clearTimeout(timer);
      worker.off('message', settle).off('error', failed).off('exit', ended);
      worker.unref();
      resolve(reply);
    };
    const fail = (error: string) => {
      forget(worker);
      settle({ error });
      void worker.terminate();
    };
    const failed = ({ message }: Error) => fail(message);
    const ended = () => fail('decoding it ended early');
    const seconds = Math.round(milliseconds / 1000);
    const timer = setTimeout(() => fail(`decoding a part of it takes more than ${seconds} s`), milliseconds);
    worker.once('message', settle).once('error', failed).once('exit', ended);
    worker.postMessage(call);
  });
}

function started(): Worker {
  const worker = startThread(new URL('./parquet-thread.js', import.meta.url), undefined);
  // What comes after an answer has no one to go to; the next call begins a new thread.
  return worker.on('error', () => forget(worker)).on('exit', () => forget(worker));
}

/** Unless another has taken its place. */
function forget(worker: Worker): void {
  if (thread === worker) thread = undefined;
}
