/** @file Arrow: a file of votes collected elsewhere → vote tables. The one file of this folder that reads the disk. */
import { readTable } from '../engine/files/table-stream.ts';
import { ImportedVotesReader, type ImportedVotes, type ImportOptions } from './imported-votes.ts';

/** @throws BadInput when the file cannot be read or lacks a column, or when what it says is ambiguous */
export async function importVotes(
  file: string,
  { encoding, ...options }: ImportOptions & { encoding?: string | undefined } = {},
): Promise<ImportedVotes> {
  const reader = new ImportedVotesReader(file, options);
  await readTable(file, reader, { encoding });
  return reader.finish();
}
