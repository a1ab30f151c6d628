/** @file Arrow: a file of votes collected elsewhere → report. */
import type { Analysis, ManyModelsAnalysis } from '../../contract/report.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { importVotes } from './import.ts';
import type { ImportOptions } from './imported-votes.ts';
import { isOfMany } from './models.ts';
import { reportOf } from './ratings.ts';

export interface AnalysisOptions extends ImportOptions {
  /** The report's name for the study; the file's name by default. */
  name?: string;
  /** Votes an item needs to be decided; what the file says or the most common number in it, for each criterion, by default. */
  votesPerPair?: number;
  /** Of the bootstraps. */
  seed?: number;
  /** Of the file's bytes, as TextDecoder names it; UTF-8, or what its byte order mark says, by default. */
  encoding?: string | undefined;
}

/**
 * Of two models a report; of more, one for each two and all on one scale.
 * @throws BadInput when the file cannot be read or lacks a column, or when what it says is ambiguous
 */
export async function analyzeAny(
  file: string,
  { name = file.split(/[\\/]/).at(-1)!, votesPerPair, seed = 0, ...options }: AnalysisOptions = {},
): Promise<Analysis | ManyModelsAnalysis> {
  const { pairings, simulated, rows } = await importVotes(file, options);
  const whole = pairings.map((pairing) => ({ ...pairing, votesPerPair: votesPerPair ?? pairing.votesPerPair }));
  const became = {
    skipped: rows.skipped.map(({ reason, count }) => ({ reason, rows: count })),
    notes: rows.notes,
    rows,
  };
  return { ...reportOf({ study: name, simulated, seed, pairings: whole }), ...became };
}

/**
 * Of a file with two models.
 * @throws BadInput as analyzeAny, and when the file compares more than two models
 */
export async function analyze(file: string, options: AnalysisOptions = {}): Promise<Analysis> {
  const report = await analyzeAny(file, options);
  if (isOfMany(report))
    throw new BadInput(
      `${file} compares ${report.models.length} models (${report.models.join(', ')}); analyzeAny reports on all.`,
    );
  return report;
}
