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
  const counted = await countedVotes(db, study.id, whose);
  const made = buildReport({
    study: study.name,
    modelA,
    modelB,
    simulated: whose === 'simulated',
    votesPerPair: study.votesPerPair,
    votes: await studyVotes(db, study.id, criteriaOf(study), counted),
    scores: await listPairScores(db, study.id),
  });
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

async function studyVotes(
  db: Database,
  studyId: string,
  criteria: readonly string[],
  counted: readonly CountedVote[],
): Promise<VoteTable> {
  const table = new VoteTableBuilder(criteria);
  // Every pair is an item, voted on or not, so that what is missing is counted as missing.
  for (const pair of await listPairsWithPrompts(db, studyId)) {
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
