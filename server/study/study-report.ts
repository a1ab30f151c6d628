/** @file Our own study's votes, in the shape that a report is built from. */
import type { Database } from '../../db/open.ts';
import { listPairScores, listPairsWithPrompts } from '../../db/queries/studies.ts';
import { countedVotes, type CountedVote } from '../../db/queries/votes.ts';
import type { Population } from '../../db/tables.ts';
import type { Report } from '../../contract/report.ts';
import { studyFacts } from '../../db/queries/immutable.ts';
import { criteriaOf } from './assignments.ts';
import { checksOfStudy, visitOf } from './checks.ts';
import { displayReport } from './display.ts';
import { excludedNow } from './exclusions.ts';
import { requireStudy } from './lifecycle.ts';
import { buildReport } from '../../evaluator/votes/report.ts';
import { populationOf } from './summary.ts';
import { modelNames } from '../../db/queries/studies.ts';
import { outcomes, sides, VoteTableBuilder, type VoteTable } from '../../evaluator/votes/vote-table.ts';

/**
 * @param population whose votes; people's where there are any when it is left out
 * @throws ServiceError not-found
 */
export async function studyReport(db: Database, name: string, population?: Population): Promise<Report> {
  const study = await requireStudy(db, name);
  const whose = population ?? (await populationOf(db, study.id));
  const { modelA, modelB } = await modelNames(db, study.id);
  const everybodys = await countedVotes(db, study.id, whose);
  const excluded = whose === 'people' ? await excludedNow(db, study.id) : new Map<string, string>();
  const counted = everybodys.filter(({ annotator }) => !excluded.has(annotator));
  const shared = {
    study: study.name,
    modelA,
    modelB,
    simulated: whose === 'simulated',
    votesPerPair: study.votesPerPair,
    scores: await listPairScores(db, study.id),
  };
  const pairs = await listPairsWithPrompts(db, study.id);
  const reportOn = (votes: readonly CountedVote[]) =>
    buildReport({ ...shared, votes: votesOf(pairs, criteriaOf(study), votes) });
  const made = withExclusions(reportOn(counted), excluded, everybodys, reportOn);
  const display = displayReport(counted, criteriaOf(study));
  const report = display === undefined ? made : { ...made, display };
  if (visitOf(study) === null || whose === 'simulated') return report;
  const checks = await checksOfStudy(db, await studyFacts(db, study.id));
  const annotators = report.annotators.map((person) => ({
    ...person,
    ...(checks.get(person.id) ?? { gold: null, repeats: null }),
  }));
  return { ...report, annotators };
}

/** Both results: without those who are left out, and with them. */
function withExclusions(
  report: Report,
  excluded: ReadonlyMap<string, string>,
  everybodys: readonly CountedVote[],
  reportOn: (votes: readonly CountedVote[]) => Report,
): Report {
  if (excluded.size === 0) return report;
  const all = reportOn(everybodys);
  const leftOut = all.annotators
    .filter(({ id }) => excluded.has(id))
    .map((person) => ({ ...person, excluded: true, excludedBecause: excluded.get(person.id)! }));
  return {
    ...report,
    annotators: [...report.annotators, ...leftOut].sort((x, y) => (x.id < y.id ? -1 : 1)),
    withExcluded: {
      annotators: excluded.size,
      votes: everybodys.filter(({ annotator }) => excluded.has(annotator)).length,
      criteria: all.criteria,
    },
  };
}

function votesOf(
  pairs: Awaited<ReturnType<typeof listPairsWithPrompts>>,
  criteria: readonly string[],
  counted: readonly CountedVote[],
): VoteTable {
  const table = new VoteTableBuilder(criteria);
  // Every pair is an item, voted on or not, so that what is missing is counted as missing.
  for (const pair of pairs) {
    table.itemIndex({
      id: pair.prompt,
      category: pair.category,
      challenge: pair.challenge,
      weight: pair.weight,
    });
  }
  for (const vote of counted) {
    const choice = vote.choice === 'tie' ? 'tie' : vote.choice === vote.sideA ? 'a' : 'b';
    table.add({
      item: vote.pair,
      annotator: table.annotatorIndex(vote.annotator),
      criterion: table.criterionIndex(vote.criterion),
      outcome: outcomes[choice],
      sideOfA: sides[vote.sideA],
      responseTimeMs: vote.responseTimeMs,
    });
  }
  return table.finish();
}
