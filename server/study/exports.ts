/** @file A study's votes for other programs: the whole log, with what became of each vote. `analyze` reads it back. */
import { stringify } from 'csv-stringify/sync';
import { escapeCell } from '../../evaluator/engine/files/spreadsheet.ts';
import type { Database } from '../../db/open.ts';
import { modelNames } from '../../db/queries/studies.ts';
import { voteLog } from '../../db/queries/votes.ts';
import type { Population } from '../../db/tables.ts';
import { requireStudy } from './lifecycle.ts';
import { populationOf } from './summary.ts';

export interface ExportedVote {
  item: number;
  prompt: string;
  category: string | null;
  challenge: string | null;
  annotator: string;
  criterion: string;
  /** Seen from the models. */
  choice: 'a' | 'b' | 'tie';
  /** Which model was on the left. */
  left: 'a' | 'b';
  model_a: string;
  model_b: string;
  response_time_ms: number;
  created_at: string;
  /** counted, retracted (undone), or surplus (its seat had gone to somebody else). */
  status: 'counted' | 'retracted' | 'surplus';
  vote_id: string;
}

export async function exportedVotes(db: Database, name: string, population?: Population): Promise<ExportedVote[]> {
  const study = await requireStudy(db, name);
  const { modelA, modelB } = await modelNames(db, study.id);
  const log = await voteLog(db, study.id, population ?? (await populationOf(db, study.id)));
  return log.map((vote) => ({
    item: vote.item,
    prompt: vote.prompt,
    category: vote.category,
    challenge: vote.challenge,
    annotator: vote.annotator,
    criterion: vote.criterion,
    choice: vote.choice === 'tie' ? 'tie' : vote.choice === vote.sideA ? 'a' : 'b',
    left: vote.sideA === 'left' ? 'a' : 'b',
    model_a: modelA,
    model_b: modelB,
    response_time_ms: vote.responseTimeMs,
    created_at: new Date(vote.createdAt).toISOString(),
    status: vote.countedSeat !== null ? 'counted' : vote.retractedAt !== null ? 'retracted' : 'surplus',
    vote_id: vote.voteId,
  }));
}

export async function exportVotes(
  db: Database,
  name: string,
  format: 'votes-csv' | 'votes-jsonl',
  population?: Population,
): Promise<{ text: string; rows: number }> {
  const votes = await exportedVotes(db, name, population);
  const text =
    format === 'votes-csv'
      ? stringify(votes, { header: true, cast: { string: escapeCell } })
      : votes.map((vote) => `${JSON.stringify(vote)}\n`).join('');
  return { text, rows: votes.length };
}
