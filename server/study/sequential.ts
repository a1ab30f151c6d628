/** @file Studies that end by themselves: when the e-value of their plan is reached. It may be looked at as often as one likes. */
import type { Database } from '../../db/open.ts';
import { listStudies } from '../../db/queries/studies.ts';
import { eValue } from '../../evaluator/statistics/sequential.ts';
import { reportOfVotes } from '../../evaluator/votes/study-votes.ts';
import { changeState } from './lifecycle.ts';
import { planOf } from './plan.ts';
import { studyVotes } from './study-report.ts';

/** Who ends a study by its plan, in the log. */
const byPlan = 'plan';

/** Closes open studies whose plan ends with the e-value, once it is reached. @returns their names */
export async function closeDecided(db: Database): Promise<string[]> {
  const closed: string[] = [];
  for (const study of await listStudies(db)) {
    const plan = planOf(study);
    if (study.state !== 'open' || plan?.stopping !== 'e-value') continue;
    const { votes } = await studyVotes(db, study.name, 'people');
    const report = reportOfVotes(votes);
    if ('pairings' in report) continue;
    const row = report.criteria.find(({ criterion }) => criterion === plan.primary)!;
    if (eValue(row.wins, row.losses) < 1 / plan.alpha) continue;
    await changeState(db, study.name, 'closed', byPlan);
    closed.push(study.name);
  }
  return closed;
}
