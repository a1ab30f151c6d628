/** @file The thread that decodes Parquet: a damaged file may keep the library busy for ever, and then ends with its thread. */
import { parentPort } from 'node:worker_threads';
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  type AsyncBuffer,
  type FileMetaData,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { ParquetCall, ParquetReply } from './parquet.ts';

/** The last file: shards are read one after the other. */
let open: { file: string; buffer: AsyncBuffer; metadata: FileMetaData } | undefined;

async function opened(file: string): Promise<NonNullable<typeof open>> {
  const buffer = await asyncBufferFromFile(file);
  open = { file, buffer, metadata: await parquetMetadataAsync(buffer) };
  return open;
}

const port = parentPort!;
port.on('message', ({ file, part }: ParquetCall) => {
  const answer = async (): Promise<ParquetReply> => {
    if (part === undefined) return { metadata: (await opened(file)).metadata };
    const { buffer, metadata } = open?.file === file ? open : await opened(file);
    return { rows: await parquetReadObjects({ file: buffer, metadata, compressors, ...part }) };
  };
  answer().then(
    (reply) => port.postMessage(reply),
    (error: unknown) => port.postMessage({ error: (error as Error).message } satisfies ParquetReply),
  );
});
