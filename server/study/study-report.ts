/** @file Our own study's votes, in the shape that a report is built from, and what else its report tells. */
import type { AnyReport } from '../../contract/report.ts';
import type { Database } from '../../db/open.ts';
import { studyFacts } from '../../db/queries/immutable.ts';
import {
  listOtherScores,
  type Study,
  listPairings,
  listPairScores,
  listPairsWithPrompts,
} from '../../db/queries/studies.ts';
import { countedVotes, type CountedVote } from '../../db/queries/votes.ts';
import type { Population } from '../../db/tables.ts';
import type { PairingInput } from '../../evaluator/votes/ratings.ts';
import { reportOfVotes, withBeside, type Beside, type StudyVotes } from '../../evaluator/votes/study-votes.ts';
import { outcomes, sides, VoteTableBuilder, type VoteTable } from '../../evaluator/votes/vote-table.ts';
import { checksOfStudy, visitOf } from './checks.ts';
import { displayReport } from './display.ts';
import { evidenceOverTime } from './evidence.ts';
import { excludedNow } from './exclusions.ts';
import { choiceOf, itemsOf } from './exports.ts';
import { requireStudy } from './lifecycle.ts';
import { planOf, studyPlan } from './plan.ts';
import { ruleDepartures } from './quality.ts';
import { populationOf } from './summary.ts';

/**
 * Of two models a report; of more, one for each pairing and all on one scale.
 * @param population whose votes; people's where there are any when it is left out
 * @throws ServiceError not-found
 */
export async function studyReport(db: Database, name: string, population?: Population): Promise<AnyReport> {
  const { votes, beside } = await studyVotes(db, name, population);
  return withBeside(reportOfVotes(votes), await beside());
}

/** @returns the votes, and what else a report tells, on demand @throws ServiceError not-found */
export async function studyVotes(
  db: Database,
  name: string,
  population?: Population,
): Promise<{ votes: StudyVotes; beside: () => Promise<Beside> }> {
  const study = await requireStudy(db, name);
  const whose = population ?? (await populationOf(db, study.id));
  const everybodys = await countedVotes(db, study.id, whose);
  const excluded = whose === 'people' ? await excludedNow(db, study.id) : new Map<string, string>();
  const pairings = (await pairingsOf(db, study)).map((pairing) => pairing(everybodys));
  return {
    votes: { study: study.name, simulated: whose === 'simulated', pairings, excluded },
    beside: async () => {
      const counted = everybodys.filter(({ annotator }) => !excluded.has(annotator));
      const byPairing = pairings.map((_, pairing) => counted.filter((vote) => vote.pairing === pairing));
      const { criteria } = study;
      const isChecked = visitOf(study) !== null && whose === 'people';
      return {
        display: byPairing.map((votes) => displayReport(votes, criteria)),
        evidence: byPairing.map((votes) => evidenceOverTime(votes, criteria, study.votesPerPair)),
        checks: isChecked ? Object.fromEntries(await checksOfStudy(db, await studyFacts(db, study.id))) : null,
        plan: whose === 'people' ? await studyPlan(db, study, await ruleDepartures(db, study)) : null,
      };
    },
  };
}

/** Of prompts that the study left out by lot: of others its pairs are no sample, so that their scores say nothing of them. */
export async function otherScoresOf(db: Database, study: Pick<Study, 'id' | 'promptSample'>) {
  return study.promptSample === null ? [] : listOtherScores(db, study.id);
}

/** Of each pairing what its report is built from, whatever votes count. */
async function pairingsOf(db: Database, study: Awaited<ReturnType<typeof requireStudy>>) {
  const pairs = await listPairsWithPrompts(db, study.id);
  const scores = await listPairScores(db, study.id);
  const others = await otherScoresOf(db, study);
  const items = itemsOf(pairs);
  const names = await listPairings(db, study.id);
  return names.map(({ modelA, modelB }, pairing) => {
    const own = pairs.filter((pair) => pair.pairing === pairing);
    const indexOf = new Map(own.map(({ position }, index) => [position, index]));
    const ownScores = scores.flatMap((score) => {
      const position = indexOf.get(score.position);
      return position === undefined ? [] : [{ ...score, position }];
    });
    return (votes: readonly CountedVote[]): PairingInput => ({
      modelA,
      modelB,
      votes: votesOf(
        own.map(({ promptId, ...pair }) => ({ ...pair, id: String(items.get(promptId)) })),
        study,
        votes.filter((vote) => vote.pairing === pairing).map((vote) => ({ ...vote, item: indexOf.get(vote.pair)! })),
      ),
      votesPerPair: study.votesPerPair,
      primary: planOf(study)?.primary,
      scores: ownScores,
      otherScores: others.filter((score) => score.pairing === pairing),
    });
  });
}

function votesOf(
  pairs: readonly {
    id: string;
    category: string | null;
    challenge: string | null;
    weight: number | null;
    drawWeight: number | null;
  }[],
  { criteria, bothBad }: Pick<Study, 'criteria' | 'bothBad'>,
  counted: readonly (CountedVote & { item: number })[],
): VoteTable {
  const table = new VoteTableBuilder(criteria);
  // Every pair is an item, voted on or not, so that what is missing is counted as missing.
  for (const { id, category, challenge, weight, drawWeight } of pairs)
    table.itemIndex({ id, category, challenge, weight, ...(drawWeight === null ? {} : { drawWeight }) });
  for (const vote of counted) {
    table.add({
      item: vote.item,
      annotator: table.annotatorIndex(vote.annotator),
      criterion: table.criterionIndex(vote.criterion),
      outcome: outcomes[choiceOf(vote)],
      sideOfA: sides[vote.sideA],
      responseTimeMs: vote.responseTimeMs,
    });
  }
  if (!bothBad) return table.finish();
  return { ...table.finish(), bothBad: counted.flatMap((vote, i) => (vote.bothBad === 1 ? [i] : [])) };
}
