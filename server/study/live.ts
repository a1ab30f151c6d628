/** @file How a study goes at this moment: pace, people, where they drop out. Nothing of what was voted. */
import type { Live } from '../../contract/research.ts';
import type { Step } from '../../contract/visit.ts';
import type { Database } from '../../db/open.ts';
import {
  countAtWork,
  countEnds,
  countPairsDone,
  countSteps,
  recentVotes,
  votesByCriterion,
} from '../../db/queries/live.ts';
import { problemsOfStudy } from '../../db/queries/assignments.ts';
import { studyFacts } from '../../db/queries/immutable.ts';
import { studyProgress } from '../../db/queries/studies.ts';
import { median } from '../../evaluator/statistics/median.ts';
import { visitOf } from './checks.ts';
import { votesNeeded } from './extra-seats.ts';
import { requireStudy } from './lifecycle.ts';
import { stepsOf } from './steps.ts';

const hourMs = 3_600_000;
/** A pace over less than this says nothing. */
const shortestMs = 60_000;

/** Of people, never of simulated annotators. @throws ServiceError not-found */
export async function studyLive(db: Database, name: string, now = Date.now()): Promise<Live> {
  const study = await requireStudy(db, name);
  const { pairs } = await studyFacts(db, study.id);
  const { criteria } = study;
  const votes = await votesByCriterion(db, study.id);
  const done = await countPairsDone(db, study.id, study.votesPerPair);
  const { first, times } = await recentVotes(db, study.id, now - hourMs);
  const spanMs = first === null ? 0 : Math.max(shortestMs, Math.min(hourMs, now - first));
  const votesPerHour = first === null ? null : (times.length * hourMs) / spanMs;
  const { votes: counted, annotators } = await studyProgress(db, study.id, 'people');
  const left = votesNeeded(study, pairs) - counted;
  const middle = median(times);
  const steps = await countSteps(db, study.id);
  const ends = await countEnds(db, study.id);
  // Who does not consent has answered the step and not passed it.
  const endedAt = (step: Step) =>
    ends.find(
      ({ reason }) =>
        reason !== null && reason === (step === 'consent' ? 'no-consent' : step === 'device' ? 'device' : undefined),
    )?.people ?? 0;
  return {
    at: now,
    criteria: criteria.map((criterion) => ({
      criterion,
      votes: votes.get(criterion) ?? 0,
      pairsDone: done.get(criterion) ?? 0,
    })),
    pairs,
    atWork: await countAtWork(db, study.id, now),
    votesPerHour,
    hoursLeft: votesPerHour === null || votesPerHour === 0 || left <= 0 ? null : left / votesPerHour,
    medianSeconds: middle === null ? null : middle / 1000,
    people: {
      came: ends.reduce((sum, { people }) => sum + people, 0),
      steps: stepsOf(visitOf(study))
        .filter((step) => step !== 'work')
        .map((step) => ({ step, people: (steps.get(step) ?? 0) - endedAt(step) })),
      voted: annotators,
      ends: ends.flatMap(({ reason, people }) => (reason === null ? [] : [{ reason, people }])),
    },
    flagged: (await problemsOfStudy(db, study.id)).reduce((sum, { count }) => sum + Number(count), 0),
  };
}
