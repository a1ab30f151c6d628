/** @file A study in one row, for lists and live progress. */
import type { Database } from '../../db/open.ts';
import { studyFacts } from '../../db/queries/immutable.ts';
import { problemsOfStudy } from '../../db/queries/assignments.ts';
import { listPairings, listStudies, studyProgress } from '../../db/queries/studies.ts';
import type { Population } from '../../db/tables.ts';
import type { StudySummary } from '../../contract/research.ts';
import type { PresetName } from '../../contract/plan.ts';
import { ServiceError } from '../errors.ts';
import { modelsOf } from '../../evaluator/votes/models.ts';
import { visitOf } from './checks.ts';
import { planOf } from './plan.ts';
import { votesNeeded } from './extra-seats.ts';
import { isRunningAt } from './reveal.ts';
import { modelsCompared } from './study-file.ts';

/** Newest first. @param all archived ones too */
export async function studySummaries(db: Database, { all = false } = {}): Promise<StudySummary[]> {
  const rows = (await listStudies(db)).filter(({ archivedAt }) => all || archivedAt === null);
  return Promise.all(rows.map((row) => summarise(db, row)));
}

/** @throws ServiceError not-found */
export async function studySummary(db: Database, name: string): Promise<StudySummary> {
  const row = (await listStudies(db)).find((study) => study.name === name);
  if (row === undefined) throw new ServiceError('not-found', `There is no study named "${name}".`);
  return summarise(db, row);
}

/** For those who may not see codes and known answers. */
export function withoutVisit(study: StudySummary): StudySummary {
  const shown = { ...study };
  delete shown.visit;
  return shown;
}

/** People's votes where there are any; simulated ones, marked, only while there are none. */
export async function populationOf(db: Database, studyId: string): Promise<Population> {
  if ((await studyProgress(db, studyId, 'people')).votes > 0) return 'people';
  return (await studyProgress(db, studyId, 'simulated')).votes > 0 ? 'simulated' : 'people';
}

async function summarise(db: Database, study: Awaited<ReturnType<typeof listStudies>>[number]): Promise<StudySummary> {
  const population = await populationOf(db, study.id);
  const progress = await studyProgress(db, study.id, population);
  const { pairs } = await studyFacts(db, study.id);
  const { criteria } = study;
  const needed = votesNeeded(study, pairs);
  const pairings = await listPairings(db, study.id);
  return {
    name: study.name,
    state: study.state,
    promptSet: study.promptSet,
    ...modelsCompared(pairings),
    models: modelsOf(pairings),
    criteria,
    votesPerPair: study.votesPerPair,
    ties: study.ties,
    seed: study.seed,
    promptSample: study.promptSample,
    preset: study.preset as PresetName | null,
    plan: planOf(study),
    planSha256: study.planSha256,
    visit: visitOf(study),
    pairs,
    simulated: population === 'simulated',
    votes: progress.votes,
    votesNeeded: needed,
    annotators: progress.annotators,
    running: population === 'people' && isRunningAt({ state: study.state, votes: progress.votes, needed }),
    takeOvers: progress.takeOvers,
    problems: (await problemsOfStudy(db, study.id)).map((problem) => ({
      ...problem,
      pair: problem.pair < 0 ? null : problem.pair,
      count: Number(problem.count),
    })),
    archived: study.archivedAt !== null,
    createdAt: study.createdAt,
  };
}
