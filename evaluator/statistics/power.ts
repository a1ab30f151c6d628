/**
 * @file How many prompts a study needs. The two-sided test of a majority win rate against ½ over decided prompts, normal
 * approximation of the score test: n = ((z_{1−α/2}·½ + z_{power}·√(p(1−p))) / (p − ½))².
 */
import { ArgumentError } from './argument-error.ts';
import { betaCdf, logChoose, normalCdf, normalQuantile } from './special.ts';
import { signTest } from './binomial-test.ts';

export interface Test {
  power: number;
  alpha: number;
  /** Share of prompts that end in a tie or a split and carry no sign. */
  tieRate: number;
}

/** Prompts needed to detect a majority win rate (among decided prompts), ties added on top; not rounded. */
export function promptsNeeded(winRate: number, { power, alpha, tieRate }: Test): number {
  checkTest({ power, alpha, tieRate });
  if (!(winRate > 0 && winRate < 1) || winRate === 0.5) {
    throw new ArgumentError(`The win rate is ${winRate}; it must be between 0 and 1 and not ½.`);
  }
  const z = normalQuantile(1 - alpha / 2) * 0.5 + normalQuantile(power) * Math.sqrt(winRate * (1 - winRate));
  return (z / (winRate - 0.5)) ** 2 / (1 - tieRate);
}

/** The smallest win rate above ½ that this many prompts detect with the given power; the loss is its mirror image. */
export function detectableWinRate(prompts: number, test: Test): number {
  checkTest(test);
  if (!(prompts >= 1)) throw new ArgumentError(`The number of prompts is ${prompts}; it must be at least 1.`);
  let [low, high] = [0.5, 1];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (middle === 0.5 || promptsNeeded(Math.min(middle, 1 - 1e-15), test) > prompts) low = middle;
    else high = middle;
  }
  return high;
}

/** The exact power of the sign test at n decided prompts: the probability of a p-value of at most α. */
export function signTestPower(n: number, winRate: number, alpha: number): number {
  // p falls as the losses fall below half; find the largest count of losses that is still significant.
  let critical = -1;
  for (let [low, high] = [0, Math.floor(n / 2)]; low <= high;) {
    const middle = Math.floor((low + high) / 2);
    if (signTest(n - middle, middle) <= alpha) {
      critical = middle;
      low = middle + 1;
    } else high = middle - 1;
  }
  if (critical < 0) return 0;
  // P(losses ≤ critical) + P(wins ≤ critical).
  return betaCdf(winRate, n - critical, critical + 1) + betaCdf(1 - winRate, n - critical, critical + 1);
}

/** Cohen's h = 2 asin √p₁ − 2 asin √p₂. Cohen (1988), Statistical Power Analysis, 6.2. */
export function cohenH(p1: number, p2: number): number {
  return 2 * Math.asin(Math.sqrt(p1)) - 2 * Math.asin(Math.sqrt(p2));
}

/** n for one proportion against another by Cohen's h, as R's pwr.p.test. */
export function sampleSizeByH(
  h: number,
  { power, alpha, oneSided }: { power: number; alpha: number; oneSided: boolean },
): number {
  const z = normalQuantile(1 - (oneSided ? alpha : alpha / 2));
  if (oneSided) return ((z + normalQuantile(power)) / h) ** 2;
  let [low, high] = [1e-9, 1e12];
  for (let i = 0; i < 200; i++) {
    const n = (low + high) / 2;
    const reach = Math.abs(h) * Math.sqrt(n);
    if (normalCdf(reach - z) + normalCdf(-reach - z) < power) low = n;
    else high = n;
  }
  return high;
}

/**
 * Outcomes of a pair's majority when each of k votes is independently for A, for B or a tie. For k = 3 without ties
 * A's share is p²(3 − 2p). Independence is the optimistic end: people who look at one pair agree more than that.
 */
export function majorityOutcomes(
  voteForA: number,
  { votes, tieRate = 0 }: { votes: number; tieRate?: number },
): { a: number; b: number; tie: number; split: number } {
  const [pa, pt] = [voteForA * (1 - tieRate), tieRate];
  const pb = 1 - pa - pt;
  const out = { a: 0, b: 0, tie: 0, split: 0 };
  const power = (p: number, n: number) => (n === 0 ? 1 : p ** n);
  for (let a = 0; a <= votes; a++) {
    for (let b = 0; a + b <= votes; b++) {
      const tie = votes - a - b;
      const ways = Math.round(Math.exp(logChoose(votes, a) + logChoose(votes - a, b)));
      const probability = ways * power(pa, a) * power(pb, b) * power(pt, tie);
      const lead = Math.max(a, b, tie);
      const leaders = Number(a === lead) + Number(b === lead) + Number(tie === lead);
      out[leaders > 1 ? 'split' : a === lead ? 'a' : b === lead ? 'b' : 'tie'] += probability;
    }
  }
  return out;
}

function checkTest({ power, alpha, tieRate }: Test): void {
  for (const [name, value] of [
    ['power', power],
    ['alpha', alpha],
  ] as const) {
    if (!(value > 0 && value < 1)) throw new ArgumentError(`The ${name} is ${value}; it must be between 0 and 1.`);
  }
  if (!(tieRate >= 0 && tieRate < 1))
    throw new ArgumentError(`The tie rate is ${tieRate}; it must be at least 0 and below 1.`);
}
