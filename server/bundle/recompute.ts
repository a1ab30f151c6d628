/** @file The report that follows from a bundle's files alone. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../../contract/report.ts';
import { importVotes } from '../../evaluator/votes/import.ts';
import { buildReport } from '../../evaluator/votes/report.ts';
import { bundledPairSchema, bundledScoreSchema, linesOf, type BundledStudy } from './files.ts';

export interface BundledTexts {
  study: BundledStudy;
  pairs: string;
  votes: string;
  scores: string;
}

/** @throws BadInput and zod's errors for files that are no bundle's */
export async function recomputed({ study, pairs, votes, scores }: BundledTexts): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'visavis-bundle-'));
  try {
    const file = join(folder, 'votes.jsonl');
    await writeFile(file, votes);
    const { pairings } = await importVotes(file);
    const pairing = pairings[0]!;
    const indexOf = new Map(pairing.votes.items.map(({ id }, index) => [id, index]));
    for (const { position, weight } of linesOf(bundledPairSchema, pairs)) {
      const item = pairing.votes.items[indexOf.get(String(position)) ?? -1];
      if (item !== undefined) item.weight = weight;
    }
    return buildReport({
      study: study.name,
      modelA: study.modelA.name,
      modelB: study.modelB.name,
      simulated: study.population === 'simulated',
      votesPerPair: study.votesPerPair,
      votes: pairing.votes,
      scores: linesOf(bundledScoreSchema, scores).flatMap((score) => {
        const position = indexOf.get(String(score.position));
        return position === undefined ? [] : [{ ...score, position }];
      }),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
