/** @file Arrow: a file of votes collected elsewhere → vote table. The one file of this folder that reads the disk. */
import { readTable } from '../engine/files/table-stream.ts';
import { ImportedVotesReader, type ImportedVotes } from './imported-votes.ts';

/** @throws BadInput when the file cannot be read, lacks a column, or compares more than two models */
export async function importVotes(file: string): Promise<ImportedVotes> {
  const reader = new ImportedVotesReader(file);
  await readTable(file, reader);
  return reader.finish();
}
