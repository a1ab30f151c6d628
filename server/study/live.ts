/** @file How a study goes at this moment: pace, people, where they drop out. Nothing of what was voted. */
import type { Live } from '../../contract/research.ts';
import type { Step } from '../../contract/visit.ts';
import type { Database } from '../../db/open.ts';
import { countedVotes, type CountedVote } from '../../db/queries/counted-votes.ts';
import { countAtWork, countEnds, countSteps, votesByCriterion } from '../../db/queries/live.ts';
import { problemsOfStudy } from '../../db/queries/assignments.ts';
import { studyFacts } from '../../db/queries/immutable.ts';
import { studyProgress } from '../../db/queries/studies.ts';
import { median } from '../../evaluator/statistics/median.ts';
import { visitOf } from './checks.ts';
import { excludedNow } from './exclusions.ts';
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
  const everybodys = await countedVotes(db, study.id, 'people');
  const done = pairsDone(everybodys, await excludedNow(db, study.id), study.votesPerPair);
  const first = everybodys.reduce<number | null>(
    (least, { createdAt }) => Math.min(least ?? createdAt, createdAt),
    null,
  );
  const times = everybodys.flatMap((vote) => (vote.createdAt >= now - hourMs ? [vote.responseTimeMs] : []));
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

/** Of each criterion the pairs that have all their votes, of people who are not left out. @param votes in their order */
function pairsDone(
  votes: readonly CountedVote[],
  excluded: ReadonlyMap<string, string>,
  votesPerPair: number,
): Map<string, number> {
  const done = new Map<string, number>();
  let [pair, criterion, count] = [NaN, '', 0];
  for (const vote of votes) {
    if (excluded.has(vote.annotator)) continue;
    if (vote.pair !== pair || vote.criterion !== criterion) [pair, criterion, count] = [vote.pair, vote.criterion, 0];
    count += 1;
    if (count === votesPerPair) done.set(criterion, (done.get(criterion) ?? 0) + 1);
  }
  return done;
}
