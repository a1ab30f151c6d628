/** @file Arrow: a file of votes collected elsewhere → report. */
import type { Analysis } from '../../contract/report.ts';
import { importVotes } from './import.ts';
import { buildReport } from './report.ts';

export interface AnalysisOptions {
  /** The report's name for the study; the file's name by default. */
  name?: string;
  /** Votes an item needs to be decided; the most common number in the file by default. */
  votesPerPair?: number;
  /** Of the bootstraps. */
  seed?: number;
}

/** @throws BadInput when the file cannot be read, lacks a column, or compares more than two models */
export async function analyze(file: string, options: AnalysisOptions = {}): Promise<Analysis> {
  const { rows, votesPerPair, ...imported } = await importVotes(file);
  const report = buildReport({
    ...imported,
    study: options.name ?? file.split(/[\\/]/).at(-1)!,
    simulated: false,
    votesPerPair: options.votesPerPair ?? votesPerPair,
    seed: options.seed ?? 0,
  });
  return { ...report, rows };
}
