/** @file The report that follows from a bundle's files alone. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnyReport } from '../../contract/report.ts';
import { BadInput } from '../../evaluator/engine/files/bad-input.ts';
import { importVotes } from '../../evaluator/votes/import.ts';
import { reportOf, type PairingInput } from '../../evaluator/votes/ratings.ts';
import { inOrder, type VoteTable } from '../../evaluator/votes/vote-table.ts';
import { bundledPairSchema, bundledScoreSchema, linesOf, type BundledStudy } from './files.ts';

export interface BundledTexts {
  study: BundledStudy;
  pairs: string;
  votes: string;
  scores: string;
}

/** @throws BadInput and zod's errors for files that are no bundle's */
export async function recomputed({ study, pairs, votes, scores }: BundledTexts): Promise<AnyReport> {
  const folder = await mkdtemp(join(tmpdir(), 'visavis-bundle-'));
  try {
    const file = join(folder, 'votes.jsonl');
    await writeFile(file, votes);
    const imported = (await importVotes(file)).pairings;
    const ownPairs = linesOf(bundledPairSchema, pairs);
    const ownScores = linesOf(bundledScoreSchema, scores);
    const inputs = study.pairings.map(({ modelA, modelB }, pairing): PairingInput => {
      const found = imported.find((each) => each.modelA === modelA && each.modelB === modelB);
      if (found === undefined) throw new BadInput(`votes.jsonl has no pair of ${modelA} and ${modelB}`);
      const indexOf = new Map(found.votes.items.map(({ id }, index) => [id, index]));
      const indices = new Map<number, number>();
      for (const { position, item, weight, drawWeight, pairing: own } of ownPairs) {
        const index = own === pairing ? indexOf.get(String(item)) : undefined;
        if (index === undefined) continue;
        indices.set(position, index);
        found.votes.items[index]!.weight = weight;
        if (drawWeight != null) found.votes.items[index]!.drawWeight = drawWeight;
      }
      return {
        modelA,
        modelB,
        votesPerPair: study.votesPerPair,
        primary: study.plan?.primary,
        votes: asAsked(found.votes, study),
        scores: ownScores.flatMap((score) => {
          const position = score.position === null ? undefined : indices.get(score.position);
          return position === undefined ? [] : [{ ...score, position }];
        }),
        otherScores: ownScores.filter((score) => score.position === null && score.pairing === pairing),
      };
    });
    return reportOf({ study: study.name, simulated: study.population === 'simulated', pairings: inputs });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws BadInput for a vote on what the study does not ask */
function asAsked(votes: VoteTable, { criteria, bothBad }: BundledStudy): VoteTable {
  const foreign = votes.criteria.find((name) => !criteria.includes(name));
  if (foreign !== undefined) throw new BadInput(`votes.jsonl has votes on "${foreign}", which the study does not ask`);
  return { ...inOrder(votes, criteria), ...(bothBad === true ? { bothBad: votes.bothBad ?? [] } : {}) };
}
