/** @file How the evidence grew while the study ran: the e-value after each pair, in the order in which pairs were decided. */
import type { Report } from '../../contract/report.ts';
import type { CountedVote } from '../../db/queries/counted-votes.ts';
import { decide } from '../../evaluator/statistics/majority.ts';
import { eValue } from '../../evaluator/statistics/sequential.ts';
import { choiceOf } from './exports.ts';

type Evidence = NonNullable<Report['evidenceOverTime']>;

/** A curve of more points looks the same. */
const mostPoints = 200;

/** @param votes of one pairing, those that count @returns a curve a criterion; none where nothing is decided */
export function evidenceOverTime(
  votes: readonly CountedVote[],
  criteria: readonly string[],
  votesPerPair: number,
): Evidence | undefined {
  const curves = criteria.flatMap((criterion) => {
    const pairs = new Map<number, CountedVote[]>();
    for (const vote of votes) {
      if (vote.criterion !== criterion) continue;
      const own = pairs.get(vote.pair);
      if (own === undefined) pairs.set(vote.pair, [vote]);
      else own.push(vote);
    }
    const decided = [...pairs]
      .map(([pair, own]) => {
        const count = { a: 0, b: 0, tie: 0 };
        for (const vote of own) count[choiceOf(vote)] += 1;
        const at = Math.max(...own.map(({ createdAt }) => Number(createdAt)));
        return { pair, at, decision: decide(count.a, count.b, count.tie, votesPerPair) };
      })
      .filter(({ decision }) => decision !== 'incomplete')
      .sort((x, y) => x.at - y.at || x.pair - y.pair);
    let [wins, losses] = [0, 0];
    const step = Math.max(1, Math.ceil(decided.length / mostPoints));
    const points = decided.flatMap(({ decision }, i) => {
      if (decision === 'a') wins += 1;
      if (decision === 'b') losses += 1;
      const isShown = (i + 1) % step === 0 || i === decided.length - 1;
      return isShown ? [{ pairs: i + 1, eValue: eValue(wins, losses) }] : [];
    });
    return points.length === 0 ? [] : [{ criterion, points }];
  });
  return curves.length === 0 ? undefined : curves;
}
