/** @file Studies that end by themselves: when the e-value of their plan is reached. It may be looked at as often as one likes. */
import type { Database } from '../../db/open.ts';
import { listStudies, studyProgress } from '../../db/queries/studies.ts';
import { eValue } from '../../evaluator/statistics/sequential.ts';
import { votesCounted } from '../../evaluator/votes/study-votes.ts';
import { tally, tallyItems } from '../../evaluator/votes/tallies.ts';
import { changeState } from './lifecycle.ts';
import { planOf } from './plan.ts';
import { studyVotes } from './study-report.ts';

/** Who ends a study by its plan, in the log. */
const byPlan = 'plan';

/** By study: how many votes there were when it was looked at; nothing changes without another. */
const seen = new Map<string, number>();

/** Closes open studies whose plan ends with the e-value, once it is reached. @returns their names, and what went wrong with others */
export async function closeDecided(db: Database): Promise<{ closed: string[]; failed: string[] }> {
  const [closed, failed]: [string[], string[]] = [[], []];
  for (const study of await listStudies(db)) {
    const plan = planOf(study);
    if (study.state !== 'open' || plan?.stopping !== 'e-value') continue;
    try {
      const { votes: count } = await studyProgress(db, study.id, 'people');
      if (seen.get(study.id) === count) continue;
      const { votes } = await studyVotes(db, study.name, 'people');
      const table = votesCounted(votes).pairings[0]!.votes;
      const { wins, losses } = tally(tallyItems(table, table.criteria.indexOf(plan.primary), study.votesPerPair));
      seen.set(study.id, count);
      if (eValue(wins, losses) < 1 / plan.alpha) continue;
      await changeState(db, study.name, 'closed', byPlan);
      closed.push(study.name);
    } catch (error) {
      failed.push(`${study.name}: ${(error as Error).message}`);
    }
  }
  return { closed, failed };
}
