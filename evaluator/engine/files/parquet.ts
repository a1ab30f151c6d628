/** @file Parquet files: their columns, and their rows some at a time. What the library meets in a damaged file is one sentence. */
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  type AsyncBuffer,
  type FileMetaData,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { BadInput } from './bad-input.ts';

export interface ParquetFile {
  file: string;
  buffer: AsyncBuffer;
  metadata: FileMetaData;
  /** As the footer says. */
  rows: number;
}

interface Part {
  columns: string[];
  rowStart: number;
  rowEnd: number;
  /** False leaves bytes as bytes. */
  utf8?: boolean;
}

/** @throws BadInput when the file is no complete parquet file */
export async function openParquet(file: string): Promise<ParquetFile> {
  try {
    const buffer = await asyncBufferFromFile(file);
    const metadata = await parquetMetadataAsync(buffer);
    return { file, buffer, metadata, rows: Number(metadata.num_rows) };
  } catch (error) {
    throw new BadInput(`${file} is no complete parquet file: ${(error as Error).message}.`);
  }
}

/** @throws BadInput when the part is damaged, or has fewer rows than the footer says */
export async function readParquet({ file, buffer, metadata }: ParquetFile, part: Part) {
  let read;
  try {
    read = await parquetReadObjects({ file: buffer, metadata, compressors, ...part });
  } catch (error) {
    throw new BadInput(`${file} is a damaged parquet file: ${(error as Error).message}.`);
  }
  // A damaged count may say anything.
  if (read.length !== part.rowEnd - part.rowStart)
    throw new BadInput(`${file} is a damaged parquet file: rows are missing.`);
  return read;
}

/** All rows, `chunk` of them decoded at once. */
export async function* parquetRows(parquet: ParquetFile, columns: string[], chunk: number) {
  for (let rowStart = 0; rowStart < parquet.rows; rowStart += chunk) {
    const rowEnd = Math.min(rowStart + chunk, parquet.rows);
    yield* await readParquet(parquet, { columns, rowStart, rowEnd });
  }
}
