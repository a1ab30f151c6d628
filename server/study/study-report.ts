/** @file Our own study's votes, in the shape that a report is built from, and what else its report tells. */
import type { AnyReport } from '../../contract/report.ts';
import type { Database } from '../../db/open.ts';
import { studyFacts, studyPairs } from '../../db/queries/immutable.ts';
import { listOtherScores, type Study, listPairings, listPairScores } from '../../db/queries/studies.ts';
import { countedVotes, type CountedVote } from '../../db/queries/counted-votes.ts';
import type { Population } from '../../db/tables.ts';
import type { PairingInput } from '../../evaluator/votes/ratings.ts';
import { reportOfVotes, withBeside, type Beside, type StudyVotes } from '../../evaluator/votes/study-votes.ts';
import { outcomes, sides, VoteTableBuilder, type VoteTable } from '../../evaluator/votes/vote-table.ts';
import { checksOfStudy, visitOf } from './checks.ts';
import { displayReport } from './display.ts';
import { evidenceOverTime } from './evidence.ts';
import { excludedNow } from './exclusions.ts';
import { choiceOf, itemsOf } from './exports.ts';
import { keptWith } from './kept-results.ts';
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
  const material = await materialOf(db, name, population);
  const { everybodys, pairs, ...others } = material;
  const { report, shown } = keptWith(
    everybodys,
    'report',
    [pairs, JSON.stringify({ ...others, excluded: [...material.excluded] })],
    () => ({ report: reportOfVotes(votesFrom(material)), shown: shownBeside(material) }),
  );
  return withBeside(report, { ...shown, ...(await toldBeside(db, material)) });
}

/** @returns the votes, and what else a report tells, on demand @throws ServiceError not-found */
export async function studyVotes(
  db: Database,
  name: string,
  population?: Population,
): Promise<{ votes: StudyVotes; beside: () => Promise<Beside> }> {
  const material = await materialOf(db, name, population);
  return {
    votes: votesFrom(material),
    beside: async () => ({ ...shownBeside(material), ...(await toldBeside(db, material)) }),
  };
}

/** All that a report's numbers are made of. */
type Material = Awaited<ReturnType<typeof materialOf>>;

async function materialOf(db: Database, name: string, population?: Population) {
  const study = await requireStudy(db, name);
  const whose = population ?? (await populationOf(db, study.id));
  return {
    study,
    whose,
    everybodys: await countedVotes(db, study.id, whose),
    excluded: whose === 'people' ? await excludedNow(db, study.id) : new Map<string, string>(),
    pairs: await studyPairs(db, study),
    names: await listPairings(db, study.id),
    scores: await listPairScores(db, study.id),
    otherScores: await otherScoresOf(db, study),
  };
}

function votesFrom(material: Material): StudyVotes {
  const { study, whose, excluded } = material;
  return { study: study.name, simulated: whose === 'simulated', pairings: pairingsOf(material), excluded };
}

/** What votes tell by themselves, by pairing. */
function shownBeside({ study, everybodys, excluded, names }: Material): Pick<Beside, 'display' | 'evidence'> {
  const counted = everybodys.filter(({ annotator }) => !excluded.has(annotator));
  const byPairing = names.map((_, pairing) => counted.filter((vote) => vote.pairing === pairing));
  return {
    display: byPairing.map((votes) => displayReport(votes, study.criteria)),
    evidence: byPairing.map((votes) => evidenceOverTime(votes, study.criteria, study.votesPerPair)),
  };
}

async function toldBeside(db: Database, { study, whose }: Material): Promise<Pick<Beside, 'checks' | 'plan'>> {
  const isChecked = visitOf(study) !== null && whose === 'people';
  return {
    checks: isChecked ? Object.fromEntries(await checksOfStudy(db, await studyFacts(db, study.id))) : null,
    plan: whose === 'people' ? await studyPlan(db, study, await ruleDepartures(db, study)) : null,
  };
}

/** Of prompts that the study left out by lot: of others its pairs are no sample, so that their scores say nothing of them. */
export async function otherScoresOf(db: Database, study: Pick<Study, 'id' | 'promptSample'>) {
  return study.promptSample === null ? [] : listOtherScores(db, study.id);
}

/** Of each pairing what its report is built from. */
function pairingsOf({ study, everybodys, pairs, names, scores, otherScores }: Material): PairingInput[] {
  const items = itemsOf(pairs);
  return names.map(({ modelA, modelB }, pairing) => {
    const own = pairs.filter((pair) => pair.pairing === pairing);
    const indexOf = new Map(own.map(({ position }, index) => [position, index]));
    return {
      modelA,
      modelB,
      votes: votesOf(
        own.map(({ promptId, ...pair }) => ({ ...pair, id: String(items.get(promptId)) })),
        study,
        everybodys.filter((vote) => vote.pairing === pairing),
        indexOf,
      ),
      votesPerPair: study.votesPerPair,
      primary: planOf(study)?.primary,
      scores: scores.flatMap((score) => {
        const position = indexOf.get(score.position);
        return position === undefined ? [] : [{ ...score, position }];
      }),
      otherScores: otherScores.filter((score) => score.pairing === pairing),
    };
  });
}

/** @param itemOf a pair's place among the pairs, by its position */
function votesOf(
  pairs: readonly {
    id: string;
    category: string | null;
    challenge: string | null;
    weight: number | null;
    drawWeight: number | null;
  }[],
  { criteria, bothBad }: Pick<Study, 'criteria' | 'bothBad'>,
  counted: readonly CountedVote[],
  itemOf: ReadonlyMap<number, number>,
): VoteTable {
  const table = new VoteTableBuilder(criteria);
  // Every pair is an item, voted on or not, so that what is missing is counted as missing.
  for (const { id, category, challenge, weight, drawWeight } of pairs)
    table.itemIndex({ id, category, challenge, weight, ...(drawWeight === null ? {} : { drawWeight }) });
  for (const vote of counted) {
    table.add({
      item: itemOf.get(vote.pair)!,
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
