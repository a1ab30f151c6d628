/**
 * @file Do the intervals cover what they promise? Simulated studies of 1,632 prompts and three annotators who differ in
 * noise and in their liking for the left side; for each true majority win rate, how often each 95 % interval holds it,
 * and how often watching the e-value after every prompt claims a difference that is not there.
 * Run: npx tsx test/bench/coverage.ts [studies]
 */
import { bcaInterval, percentileInterval, resample } from '../../evaluator/statistics/bootstrap.ts';
import { clopperPearson } from '../../evaluator/statistics/clopper-pearson.ts';
import { Random } from '../../evaluator/statistics/random.ts';
import { confidenceSequence } from '../../evaluator/statistics/sequential.ts';
import { tango } from '../../evaluator/statistics/tango.ts';
import { wilson, type Interval } from '../../evaluator/statistics/wilson.ts';

const studies = Number(process.argv[2] ?? 10_000);
const prompts = 1632;
const annotators = [
  { accuracy: 0.9, left: 0.02 },
  { accuracy: 0.8, left: 0.05 },
  { accuracy: 0.7, left: 0.15 },
];

/** The chance that an annotator votes for A, whose side is known, on a pair whose better image is A's or B's. */
function forA(who: number, aIsBetter: boolean, aOnLeft: boolean): number {
  const { accuracy, left } = annotators[who]!;
  return left * Number(aOnLeft) + (1 - left) * (aIsBetter ? accuracy : 1 - accuracy);
}
function majorityForA(aIsBetter: boolean, firstLeft: boolean): number {
  const p = [0, 1, 2].map((who) => forA(who, aIsBetter, (who % 2 === 0) === firstLeft)) as [number, number, number];
  const [x, y, z] = p;
  return x * y * z + x * y * (1 - z) + x * (1 - y) * z + (1 - x) * y * z;
}
/** Over both orders of the sides, which a study uses equally often. */
const whenBetter = (majorityForA(true, true) + majorityForA(true, false)) / 2;
const whenWorse = (majorityForA(false, true) + majorityForA(false, false)) / 2;

console.log(
  `${studies} studies of ${prompts} prompts; Monte-Carlo error of a share near .95: ±${(1.96 * Math.sqrt((0.95 * 0.05) / studies)).toFixed(4)}`,
);
for (const rate of [0.5, 0.52, 0.6, 0.75]) {
  const better = (rate - whenWorse) / (whenBetter - whenWorse);
  const random = new Random(Math.round(rate * 1000));
  const held: Record<string, number> = {};
  let claimed = 0;
  for (let study = 0; study < studies; study++) {
    let wins = 0;
    let evidence = 1;
    let most = 1;
    for (let n = 0; n < prompts; n++) {
      const aIsBetter = random.uniform() < better;
      const firstLeft = random.next() % 2 === 0;
      let votes = 0;
      for (let who = 0; who < 3; who++)
        votes += Number(random.uniform() < forA(who, aIsBetter, (who % 2 === 0) === firstLeft));
      const won = votes >= 2;
      // E after one more prompt, from E before it.
      evidence *= (2 * ((won ? wins : n - wins) + 1)) / (n + 2);
      most = Math.max(most, evidence);
      wins += Number(won);
    }
    if (most >= 20) claimed += 1;
    const losses = prompts - wins;
    const [means] = resample([losses, wins], { resamples: 500, seed: study }, [(counts) => counts[1]! / prompts]);
    const jackknife = Float64Array.from({ length: prompts }, (_, i) => (wins - Number(i < wins)) / (prompts - 1));
    const intervals: Record<string, Interval> = {
      wilson: wilson(wins, prompts),
      'clopper-pearson': clopperPearson(wins, prompts),
      'bootstrap percentile': percentileInterval(means!)!,
      'bootstrap BCa': bcaInterval(means!, wins / prompts, jackknife)!,
      'confidence sequence': confidenceSequence(wins, losses),
    };
    for (const [name, { low, high }] of Object.entries(intervals))
      held[name] = (held[name] ?? 0) + Number(low <= rate && rate <= high);
  }
  const shares = Object.entries(held).map(([name, count]) => `${name} ${(count / studies).toFixed(4)}`);
  console.log(
    `win rate ${rate}: ${shares.join(', ')}; e-value ever ≥ 20: ${(claimed / studies).toFixed(4)}${rate === 0.5 ? ' (false positives; at most .05)' : ''}`,
  );
}

/**
 * Tango's interval with ties: its exact coverage, summed over every outcome of n pairs that has any weight, beside Wilson's on
 * half-wins, which it replaced, and how much narrower it is.
 */
const logFactorials = [0];
const logFactorial = (n: number) => {
  for (let i = logFactorials.length; i <= n; i++) logFactorials.push(logFactorials[i - 1]! + Math.log(i));
  return logFactorials[n]!;
};
console.log(
  '\nExact coverage of the 95 % interval with ties (Tango; Wilson on half-wins), and the mean width against Wilson’s:',
);
for (const n of [50, 100, 400]) {
  for (const tieRate of [0, 0.3, 0.6, 0.8]) {
    for (const rate of [0.5, 0.6]) {
      const win = rate - tieRate / 2;
      const loss = 1 - tieRate - win;
      if (loss < 0) continue;
      const sums = { tango: 0, wilson: 0, tangoWidth: 0, wilsonWidth: 0 };
      for (let wins = 0; wins <= n; wins++) {
        for (let losses = 0; wins + losses <= n; losses++) {
          const ties = n - wins - losses;
          if (tieRate === 0 && ties > 0) continue;
          const log =
            logFactorial(n) -
            logFactorial(wins) -
            logFactorial(losses) -
            logFactorial(ties) +
            wins * Math.log(win) +
            (losses === 0 ? 0 : losses * Math.log(loss)) +
            (ties === 0 ? 0 : ties * Math.log(tieRate));
          const p = Math.exp(log);
          if (p < 1e-9) continue;
          const intervals = { tango: tango(wins, ties, losses), wilson: wilson(wins + ties / 2, n) };
          for (const name of ['tango', 'wilson'] as const) {
            const { low, high } = intervals[name];
            if (low <= rate && rate <= high) sums[name] += p;
            sums[`${name}Width`] += p * (high - low);
          }
        }
      }
      console.log(
        `n ${n}, ties ${tieRate}, win rate ${rate}: ${sums.tango.toFixed(4)}; ${sums.wilson.toFixed(4)}; ${(sums.tangoWidth / sums.wilsonWidth).toFixed(2)}`,
      );
    }
  }
}
