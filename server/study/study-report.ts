/** @file Our own study's votes, in the shape that a report is built from. */
import type { ManyModelsReport, Report } from '../../contract/report.ts';
import type { Database } from '../../db/open.ts';
import { studyFacts } from '../../db/queries/immutable.ts';
import { listPairings, listPairScores, listPairsWithPrompts } from '../../db/queries/studies.ts';
import { countedVotes, type CountedVote } from '../../db/queries/votes.ts';
import type { Population } from '../../db/tables.ts';
import { buildManyModelsReport, type PairingInput } from '../../evaluator/votes/ratings.ts';
import { buildReport } from '../../evaluator/votes/report.ts';
import { outcomes, sides, VoteTableBuilder, type VoteTable } from '../../evaluator/votes/vote-table.ts';
import { criteriaOf } from './assignments.ts';
import { checksOfStudy, visitOf } from './checks.ts';
import { displayReport } from './display.ts';
import { excludedNow } from './exclusions.ts';
import { itemsOf } from './exports.ts';
import { requireStudy } from './lifecycle.ts';
import { populationOf } from './summary.ts';

type AnyReport = Report | ManyModelsReport;

/**
 * Of two models a report; of more, one for each pairing and all on one scale.
 * @param population whose votes; people's where there are any when it is left out
 * @throws ServiceError not-found
 */
export async function studyReport(db: Database, name: string, population?: Population): Promise<AnyReport> {
  const study = await requireStudy(db, name);
  const whose = population ?? (await populationOf(db, study.id));
  const everybodys = await countedVotes(db, study.id, whose);
  const excluded = whose === 'people' ? await excludedNow(db, study.id) : new Map<string, string>();
  const counted = everybodys.filter(({ annotator }) => !excluded.has(annotator));
  const pairings = await pairingsOf(db, study);
  const shared = { study: study.name, simulated: whose === 'simulated' };
  const reportOn = (votes: readonly CountedVote[]): AnyReport => {
    const inputs = pairings.map((pairing) => pairing(votes));
    const [first] = inputs;
    if (inputs.length > 1) return buildManyModelsReport({ ...shared, pairings: inputs });
    return buildReport({ ...shared, ...first! });
  };
  const made = withDisplay(
    withExclusions(reportOn(counted), excluded, everybodys, reportOn),
    counted,
    criteriaOf(study),
  );
  if (visitOf(study) === null || whose === 'simulated') return made;
  const checks = await checksOfStudy(db, await studyFacts(db, study.id));
  const annotators = made.annotators.map((person) => ({
    ...person,
    ...(checks.get(person.id) ?? { gold: null, repeats: null }),
  }));
  return { ...made, annotators };
}

/** Of each pairing what its report is built from, whatever votes count. */
async function pairingsOf(db: Database, study: Awaited<ReturnType<typeof requireStudy>>) {
  const pairs = await listPairsWithPrompts(db, study.id);
  const scores = await listPairScores(db, study.id);
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
        criteriaOf(study),
        votes.filter((vote) => vote.pairing === pairing).map((vote) => ({ ...vote, item: indexOf.get(vote.pair)! })),
      ),
      votesPerPair: study.votesPerPair,
      scores: ownScores,
    });
  });
}

/** Both results: without those who are left out, and with them. */
function withExclusions(
  report: AnyReport,
  excluded: ReadonlyMap<string, string>,
  everybodys: readonly CountedVote[],
  reportOn: (votes: readonly CountedVote[]) => AnyReport,
): AnyReport {
  if (excluded.size === 0) return report;
  const all = reportOn(everybodys);
  const leftOut = all.annotators
    .filter(({ id }) => excluded.has(id))
    .map((person) => ({ ...person, excluded: true, excludedBecause: excluded.get(person.id)! }));
  const annotators = [...report.annotators, ...leftOut].sort((x, y) => (x.id < y.id ? -1 : 1));
  const left = {
    annotators: excluded.size,
    votes: everybodys.filter(({ annotator }) => excluded.has(annotator)).length,
  };
  if ('pairings' in report) {
    const pairings = (all as ManyModelsReport).pairings.map(({ modelA, modelB, criteria }) => ({
      modelA,
      modelB,
      criteria,
    }));
    return { ...report, annotators, withExcluded: { ...left, pairings } };
  }
  return { ...report, annotators, withExcluded: { ...left, criteria: (all as Report).criteria } };
}

/** What people had on screen, of each pairing by itself: a vote is for its model A. */
function withDisplay(report: AnyReport, counted: readonly CountedVote[], criteria: readonly string[]): AnyReport {
  const displayOf = (pairing: number) => {
    const display = displayReport(
      counted.filter((vote) => vote.pairing === pairing),
      criteria,
    );
    return display === undefined ? {} : { display };
  };
  if (!('pairings' in report)) return { ...report, ...displayOf(0) };
  return { ...report, pairings: report.pairings.map((each, i) => ({ ...each, ...displayOf(i) })) };
}

function votesOf(
  pairs: readonly { id: string; category: string | null; challenge: string | null; weight: number | null }[],
  criteria: readonly string[],
  counted: readonly (CountedVote & { item: number })[],
): VoteTable {
  const table = new VoteTableBuilder(criteria);
  // Every pair is an item, voted on or not, so that what is missing is counted as missing.
  for (const { id, category, challenge, weight } of pairs) table.itemIndex({ id, category, challenge, weight });
  for (const vote of counted) {
    const choice = vote.choice === 'tie' ? 'tie' : vote.choice === vote.sideA ? 'a' : 'b';
    table.add({
      item: vote.item,
      annotator: table.annotatorIndex(vote.annotator),
      criterion: table.criterionIndex(vote.criterion),
      outcome: outcomes[choice],
      sideOfA: sides[vote.sideA],
      responseTimeMs: vote.responseTimeMs,
    });
  }
  return table.finish();
}
