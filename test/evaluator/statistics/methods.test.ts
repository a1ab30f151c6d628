/** @file Methods by hand: small numbers whose results are worked out in the comments. */
import { describe, expect, it } from 'vitest';
import { drawBinomial, drawMultinomial } from '../../../evaluator/statistics/binomial-draw.ts';
import { bcaInterval, percentileInterval, resample } from '../../../evaluator/statistics/bootstrap.ts';
import { ArgumentError } from '../../../evaluator/statistics/argument-error.ts';
import { bradleyTerry, type Battle } from '../../../evaluator/statistics/bradley-terry.ts';
import { clusterError } from '../../../evaluator/statistics/cluster-error.ts';
import { cochranQ } from '../../../evaluator/statistics/cochran-q.ts';
import { dawidSkene } from '../../../evaluator/statistics/dawid-skene.ts';
import { fleissKappa, randolphKappa } from '../../../evaluator/statistics/fleiss-kappa.ts';
import { holm } from '../../../evaluator/statistics/holm.ts';
import { countRatings, krippendorffAlpha } from '../../../evaluator/statistics/krippendorff-alpha.ts';
import { cholesky, choleskyInverse, choleskySolve } from '../../../evaluator/statistics/linear.ts';
import { decide, majority, points } from '../../../evaluator/statistics/majority.ts';
import { mcnemarChiSquared, mcnemarExact } from '../../../evaluator/statistics/mcnemar.ts';
import { median } from '../../../evaluator/statistics/median.ts';
import { mix, mixPair } from '../../../evaluator/statistics/mix.ts';
import {
  cohenH,
  detectableWinRate,
  majorityOutcomes,
  promptsNeeded,
  sampleSizeByH,
  signTestPower,
} from '../../../evaluator/statistics/power.ts';
import { Random } from '../../../evaluator/statistics/random.ts';
import { agreement, bestTieThreshold, verdictOf } from '../../../evaluator/statistics/reward-agreement.ts';
import { betaBinomialSequence, confidenceSequence, eValue } from '../../../evaluator/statistics/sequential.ts';
import { sideEffect } from '../../../evaluator/statistics/side-bias.ts';
import { stratifiedProportion } from '../../../evaluator/statistics/stratified.ts';
import { jodOf, jodSigma } from '../../../evaluator/statistics/thurstone.ts';
import { scoreTest, tango } from '../../../evaluator/statistics/tango.ts';
import { studentQuantile } from '../../../evaluator/statistics/student.ts';
import { wilson } from '../../../evaluator/statistics/wilson.ts';

describe('majorities', () => {
  it('more than half of the votes decide, else it is split, fewer than k are incomplete', () => {
    expect([majority(2, 1, 0), majority(1, 2, 0), majority(0, 1, 2), majority(1, 1, 1)]).toEqual([
      'a',
      'b',
      'tie',
      'split',
    ]);
    expect([majority(2, 2, 0), majority(2, 0, 2), majority(0, 2, 2), majority(0, 0, 0)]).toEqual(
      Array(4).fill('split'),
    );
    expect([decide(2, 1, 0, 3), decide(2, 0, 0, 3), decide(2, 1, 1, 3)]).toEqual(['a', 'incomplete', 'split']);
    expect([majority(3, 1, 0), majority(2, 1, 2), majority(1.5, 0.5, 1)]).toEqual(['a', 'split', 'split']);
  });
  it('points are 1, ½, 0', () => {
    expect((['a', 'b', 'tie', 'split', 'incomplete'] as const).map(points)).toEqual([1, 0, 0.5, 0.5, undefined]);
  });
  it('three independent votes for A with p give it p²(3 − 2p); of the 27 ordered triples 7, 7, 7 and 6', () => {
    expect(majorityOutcomes(0.6, { votes: 3 })).toEqual({
      a: expect.closeTo(0.648, 12),
      b: expect.closeTo(0.352, 12),
      tie: 0,
      split: 0,
    });
    const even = majorityOutcomes(0.5, { votes: 3, tieRate: 1 / 3 });
    for (const [name, n] of [
      ['a', 7],
      ['b', 7],
      ['tie', 7],
      ['split', 6],
    ] as const)
      expect(even[name]).toBeCloseTo(n / 27, 12);
    expect(majorityOutcomes(1, { votes: 2 }).a).toBe(1);
    expect(majorityOutcomes(0.5, { votes: 2 }).split).toBeCloseTo(0.5, 12);
  });
  it('the median is the middle, or between the two', () => {
    expect([median([]), median([3]), median([5, 1, 3]), median([4, 1, 2, 10])]).toEqual([null, 3, 3, 3]);
    expect(median([10, 9])).toBe(9.5);
  });
});

describe('stratified proportions', () => {
  it('weigh strata by the prompts they stand for', () => {
    // Shares ¼ and ¾; p̂ ½ and .8: .725. Var = 1/16·¼/10 + 9/16·.16/20 = .0015625 + .0045 = .0060625
    const estimate = stratifiedProportion([
      { size: 25, n: 10, points: 5 },
      { size: 75, n: 20, points: 16 },
    ])!;
    expect(estimate.value).toBeCloseTo(0.725, 12);
    const effective = (0.725 * 0.275) / 0.0060625;
    expect(estimate.effectiveN).toBeCloseTo(effective, 9);
    const { low, high } = wilson(0.725 * effective, effective);
    expect([estimate.low, estimate.high]).toEqual([expect.closeTo(low, 12), expect.closeTo(high, 12)]);
  });
  it('without variance the effective n is n; a stratum without pairs speaks for nobody', () => {
    expect(
      stratifiedProportion([
        { size: 3, n: 3, points: 3 },
        { size: 7, n: 2, points: 2 },
      ]),
    ).toMatchObject({ value: 1, effectiveN: 5, high: 1 });
    expect(stratifiedProportion([{ size: 3, n: 3, points: 0 }])).toMatchObject({ value: 0, effectiveN: 3, low: 0 });
    expect(stratifiedProportion([])).toBeNull();
    expect(
      stratifiedProportion([
        { size: 3, n: 3, points: 3 },
        { size: 7, n: 0, points: 0 },
      ]),
    ).toBeNull();
  });
});

describe('bootstraps', () => {
  it('percentiles lie between neighbours in proportion; undefined values are left out', () => {
    // 0 … 100: 2.5 % is 2.5, 97.5 % is 97.5; at 50 %: 25 and 75
    const values = Float64Array.from({ length: 101 }, (_, i) => 100 - i);
    expect(percentileInterval(values)).toEqual({ low: expect.closeTo(2.5, 12), high: expect.closeTo(97.5, 12) });
    expect(percentileInterval(values, 0.5)).toEqual({ low: 25, high: 75 });
    expect(percentileInterval(Float64Array.of(NaN, 4, NaN))).toEqual({ low: 4, high: 4 });
    expect(percentileInterval(Float64Array.of(NaN))).toBeNull();
    expect(percentileInterval(new Float64Array(0))).toBeNull();
  });
  it('BCa shifts the levels by bias and acceleration', () => {
    const values = Float64Array.from({ length: 1001 }, (_, i) => i / 1000);
    // No bias (estimate in the middle), no acceleration (a symmetric jackknife): the percentiles.
    const symmetric = Float64Array.of(-1, 0, 1);
    expect(bcaInterval(values, 0.5, symmetric)).toEqual({
      low: expect.closeTo(0.025, 6),
      high: expect.closeTo(0.975, 6),
    });
    // 300.5 of 1001 below the estimate: z₀ = Φ⁻¹(.3002) = −.52383; a = 0: levels Φ(2z₀ ∓ 1.95996) = Φ(−3.00763), Φ(.91230)
    const biased = bcaInterval(values, 0.3, symmetric)!;
    expect(biased.low).toBeCloseTo(0.001316, 4);
    expect(biased.high).toBeCloseTo(0.8192, 3);
    // Jackknife −2, 1, 1 (mean 0): Σ(mean − x)³ = 8 − 1 − 1 = 6, Σ(…)² = 6: a = 6/(6·6^1.5) = .068041. z₀ = 0:
    // Φ(z/(1 − a z)): z = −1.95996: −1.95996/1.133358 = −1.72934 → .04187; z = 1.95996: 1.95996/.866642 = 2.26156 → .98814
    const skewed = bcaInterval(values, 0.5, Float64Array.of(-2, 1, 1))!;
    expect(skewed.low).toBeCloseTo(0.04187, 4);
    expect(skewed.high).toBeCloseTo(0.98814, 4);
    expect(bcaInterval(values, 0.5, Float64Array.of(-2, 1, 1), 0.5)!.low).toBeGreaterThan(0.2);
  });
  it('BCa falls back to percentiles when every value lies on one side, and has nothing of nothing', () => {
    const values = Float64Array.from({ length: 101 }, (_, i) => i);
    for (const estimate of [-1, 200])
      expect(bcaInterval(values, estimate, Float64Array.of(-2, 1, 1))).toEqual(percentileInterval(values));
    expect(bcaInterval(Float64Array.of(NaN), 1, Float64Array.of(1))).toBeNull();
    // A flat jackknife has no acceleration.
    expect(bcaInterval(values, 50, Float64Array.of(1, 1))).toEqual({
      low: expect.closeTo(2.5, 6),
      high: expect.closeTo(97.5, 6),
    });
  });
  it('units are drawn as many as there are, by their classes’ sizes; each statistic sees the same draw', () => {
    const totals: number[] = [];
    const [first, second] = resample([2, 3, 5], { resamples: 4000, seed: 1 }, [
      (counts) => {
        totals.push(counts.reduce((sum, n) => sum + n, 0));
        return counts[2]!;
      },
      (counts) => counts[2]! + 1,
    ]);
    expect(new Set(totals)).toEqual(new Set([10]));
    expect(second).toEqual(first!.map((x) => x + 1));
    // Binomial(10, ½): mean 5, variance 2.5
    const mean = first!.reduce((sum, x) => sum + x, 0) / 4000;
    const variance = first!.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 4000;
    expect(Math.abs(mean - 5)).toBeLessThan(0.13);
    expect(Math.abs(variance - 2.5)).toBeLessThan(0.3);
    expect(resample([2, 3, 5], { resamples: 3, seed: 1 }, [(c) => c[0]!])).toEqual(
      resample([2, 3, 5], { resamples: 3, seed: 1 }, [(c) => c[0]!]),
    );
    expect([...resample([1, 1], { resamples: 50, seed: 1 }, [(c) => c[0]!])[0]!]).not.toEqual([
      ...resample([1, 1], { resamples: 50, seed: 2 }, [(c) => c[0]!])[0]!,
    ]);
  });
});

describe('draws', () => {
  it('binomial draws have the exact distribution, on both paths and above ½', () => {
    const random = new Random(3);
    const choose = (n: number, k: number) => {
      let c = 1;
      for (let i = 0; i < k; i++) c = (c * (n - i)) / (i + 1);
      return c;
    };
    for (const [n, p] of [
      [4, 0.3],
      [40, 0.4],
      [40, 0.6],
      [60, 0.2],
    ] as const) {
      const draws = 40_000;
      const seen = new Int32Array(n + 1);
      for (let i = 0; i < draws; i++) seen[drawBinomial(random, n, p)]!++;
      // χ² over the cells that expect 20 or more: its mean is the number of cells, its deviation √(2·cells).
      let [statistic, cells] = [0, 0];
      for (let k = 0; k <= n; k++) {
        const expected = draws * choose(n, k) * p ** k * (1 - p) ** (n - k);
        if (expected < 20) continue;
        cells += 1;
        statistic += (seen[k]! - expected) ** 2 / expected;
      }
      expect(statistic, `${n}, ${p}`).toBeLessThan(cells + 5 * Math.sqrt(2 * cells));
    }
  });
  it('of nothing, never and always are known', () => {
    const random = new Random(1);
    expect([
      drawBinomial(random, 0, 0.5),
      drawBinomial(random, 9, 0),
      drawBinomial(random, 9, 1),
      drawBinomial(random, 9, -1),
      drawBinomial(random, 9, 2),
    ]).toEqual([0, 0, 9, 0, 9]);
  });
  it('multinomial counts add up', () => {
    const counts = new Int32Array(3);
    const random = new Random(5);
    let first = 0;
    for (let i = 0; i < 2000; i++) {
      drawMultinomial(random, 20, [1, 1, 2], counts);
      expect(counts.reduce((sum, n) => sum + n, 0)).toBe(20);
      first += counts[0]!;
    }
    expect(Math.abs(first / 2000 - 5)).toBeLessThan(0.25);
    drawMultinomial(random, 7, [4], counts);
    expect(counts[0]).toBe(7);
  });
  it('random numbers are xoshiro128**’s, and stay below their bound', () => {
    // Blackman and Vigna's C code after splitmix32 of 0 and of 1, first three.
    const random = new Random(0);
    const again = new Random(2 ** 32);
    const values = Array.from({ length: 1000 }, () => random.next());
    expect(values.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => again.next()));
    expect(values.every((x) => Number.isInteger(x) && x >= 0 && x < 2 ** 32)).toBe(true);
    const below = Array.from({ length: 2000 }, () => random.below(7));
    expect(new Set(below)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
    const uniform = Array.from({ length: 2000 }, () => random.uniform());
    expect(Math.abs(uniform.reduce((sum, x) => sum + x, 0) / 2000 - 0.5)).toBeLessThan(0.04);
    expect(uniform.every((x) => x >= 0 && x < 1)).toBe(true);
  });
  it('the hash is MurmurHash3’s finaliser', () => {
    // fmix32(1) and fmix32(0xffffffff) of the reference code.
    expect([mix(0), mix(1), mix(0xffffffff)]).toEqual([0, 0x514e28b7, 0x81f16f39]);
    expect(new Set([mixPair(0, 0), mixPair(0, 1), mixPair(1, 0), mixPair(1, 1)]).size).toBe(4);
  });
});

describe('power', () => {
  it('the published numbers of prompts', () => {
    const test = { power: 0.8, alpha: 0.05, tieRate: 0 };
    for (const [winRate, n] of [
      [0.55, 783],
      [0.58, 305],
      [0.6, 194],
      [0.65, 85],
    ] as const) {
      expect(Math.ceil(promptsNeeded(winRate, test))).toBe(n);
      expect(promptsNeeded(1 - winRate, test)).toBeCloseTo(promptsNeeded(winRate, test), 9);
      expect(promptsNeeded(winRate, { ...test, tieRate: 0.5 })).toBeCloseTo(2 * promptsNeeded(winRate, test), 9);
      expect(detectableWinRate(promptsNeeded(winRate, test), test)).toBeCloseTo(winRate, 9);
    }
    expect(detectableWinRate(1, test)).toBeLessThanOrEqual(1);
  });
  it.each([
    [0, 'The win rate is 0'],
    [1, 'The win rate is 1'],
    [0.5, 'The win rate is 0.5; it must be between 0 and 1 and not ½.'],
    [NaN, 'The win rate is NaN'],
  ])('a win rate of %d cannot be planned for', (winRate, message) => {
    expect(() => promptsNeeded(winRate, { power: 0.8, alpha: 0.05, tieRate: 0 })).toThrow(message);
  });
  it.each([
    [{ power: 0 }, 'The power is 0; it must be between 0 and 1.'],
    [{ power: 1 }, 'The power is 1'],
    [{ alpha: 0 }, 'The alpha is 0'],
    [{ alpha: 1 }, 'The alpha is 1'],
    [{ tieRate: 1 }, 'The tie rate is 1; it must be at least 0 and below 1.'],
    [{ tieRate: -0.1 }, 'The tie rate is -0.1'],
  ])('%j is refused', (change, message) => {
    const test = { power: 0.8, alpha: 0.05, tieRate: 0, ...change };
    expect(() => promptsNeeded(0.6, test)).toThrow(message);
    expect(() => detectableWinRate(10, test)).toThrow(message);
  });
  it('fewer than one prompt are none', () => {
    expect(() => detectableWinRate(0, { power: 0.8, alpha: 0.05, tieRate: 0 })).toThrow(
      'The number of prompts is 0; it must be at least 1.',
    );
  });
  it('the sign test’s exact power, worked out for six prompts', () => {
    // p ≤ .05 needs 6–0 (p = 2/64): power .8⁶ + .2⁶; at α = .25 also 5–1 (p = 14/64).
    expect(signTestPower(6, 0.8, 0.05)).toBeCloseTo(0.8 ** 6 + 0.2 ** 6, 12);
    expect(signTestPower(6, 0.8, 0.25)).toBeCloseTo(0.8 ** 6 + 6 * 0.8 ** 5 * 0.2 + 0.2 ** 6 + 6 * 0.2 ** 5 * 0.8, 12);
    expect(signTestPower(5, 0.8, 0.05)).toBe(0);
    // At ½ it is the level.
    expect(signTestPower(6, 0.5, 0.05)).toBeCloseTo(2 / 64, 12);
  });
  it('Cohen’s h and the sizes of pwr.p.test', () => {
    expect(cohenH(0.5, 0.4)).toBeCloseTo(0.2013579207903309, 12);
    const h = cohenH(0.75, 0.5);
    expect(sampleSizeByH(h, { power: 0.8, alpha: 0.05, oneSided: true })).toBeCloseTo(22.55126, 4);
    // Two-sided, ((1.959964 + .841621)/h)² but for the far tail.
    const two = sampleSizeByH(h, { power: 0.8, alpha: 0.05, oneSided: false });
    expect(two).toBeCloseTo(((1.959963984540054 + 0.8416212335729143) / h) ** 2, 3);
    expect(sampleSizeByH(-h, { power: 0.8, alpha: 0.05, oneSided: false })).toBeCloseTo(two, 6);
  });
});

describe('evidence', () => {
  it('E = 2ⁿ/((n + 1)·C(n, s)), and never infinite', () => {
    expect([eValue(9, 1), eValue(10, 0), eValue(17, 3), eValue(0, 0)]).toEqual(
      [9.3091, 93.091, 43.8, 1].map((x) => expect.closeTo(x, 2)),
    );
    expect(eValue(1e7, 0)).toBe(Number.MAX_VALUE);
  });
  it('the confidence sequence holds the shares that the e-value does not reject', () => {
    // 1–1: 1/(6 p(1 − p)) = 20 at p(1 − p) = 1/120; at 90 %: 1/60
    for (const [level, bound] of [
      [0.95, 120],
      [0.9, 60],
    ] as const) {
      const root = Math.sqrt(1 - 4 / bound);
      const { low, high } = confidenceSequence(1, 1, level);
      expect([low, high]).toEqual([expect.closeTo((1 - root) / 2, 6), expect.closeTo((1 + root) / 2, 6)]);
    }
    // 3–0: (1/4)/p³ = 20
    expect(confidenceSequence(3, 0)).toEqual({ low: expect.closeTo((1 / 80) ** (1 / 3), 6), high: 1 });
    expect(confidenceSequence(0, 3)).toEqual({ low: 0, high: expect.closeTo(1 - (1 / 80) ** (1 / 3), 6) });
    expect(confidenceSequence(0, 0)).toEqual({ low: 0, high: 1 });
  });
  it('confseq’s sequence has its library’s numbers', () => {
    for (const [s, n, optimal, low, high] of [
      [700, 1000, 100, 0.651629, 0.745949],
      [15, 50, 50, 0.129556, 0.511896],
      [1, 2, 50, 0, 1],
    ] as const) {
      const interval = betaBinomialSequence(s, n - s, optimal);
      expect([interval.low, interval.high]).toEqual([expect.closeTo(low, 4.5), expect.closeTo(high, 4.5)]);
    }
  });
});

describe('agreement', () => {
  it('κ of two items by hand, with weights as if rows were repeated', () => {
    // [2, 0], [1, 1]: P̄ = (1 + 0)/2; shares ¾, ¼: P̄e = .625; κ = (.5 − .625)/.375
    expect(
      fleissKappa([
        [2, 0],
        [1, 1],
      ]).value,
    ).toBeCloseTo(-1 / 3, 12);
    expect(
      randolphKappa([
        [2, 0],
        [1, 1],
      ]).value,
    ).toBeCloseTo(0, 12);
    const repeated = fleissKappa([
      [2, 0],
      [2, 0],
      [2, 0],
      [1, 1],
    ]);
    expect(
      fleissKappa(
        [
          [2, 0],
          [1, 1],
        ],
        [3, 1],
      ).value,
    ).toBeCloseTo(repeated.value!, 12);
    expect(
      fleissKappa(
        [
          [2, 0],
          [1, 1],
        ],
        [0, 0],
      ),
    ).toEqual({ value: null, why: 'no item has all its ratings' });
  });
  it('what is undefined says why; unequal ratings and single ones are refused', () => {
    expect(fleissKappa([])).toEqual({ value: null, why: 'no item has all its ratings' });
    expect(randolphKappa([])).toEqual({ value: null, why: 'no item has all its ratings' });
    expect(
      fleissKappa([
        [3, 0],
        [3, 0],
      ]),
    ).toEqual({ value: null, why: 'every rating is the same, so agreement by chance is certain' });
    expect(randolphKappa([[3]]).value).toBeNull();
    expect(() =>
      fleissKappa([
        [2, 0],
        [2, 1],
      ]),
    ).toThrow('2 of one, 3 of another');
    expect(() => fleissKappa([[1, 0]])).toThrow('at least two ratings an item, not 1');
  });
  it('α by hand: nominal, interval and ratio over a gap', () => {
    // Raters 1 2 – and 1 3 3: units (1, 1), (2, 3); the third has one rating. n = 4.
    const { counts, values } = countRatings<number>([
      [1, 2, null],
      [1, 3, 3],
    ]);
    expect([counts, values]).toEqual([
      [
        [2, 0, 0],
        [0, 1, 1],
        [0, 0, 1],
      ],
      [1, 2, 3],
    ]);
    // Nominal: D_o = 2/4; D_e = (16 − 4 − 1 − 1)/12 = 10/12: α = 1 − .6
    expect(krippendorffAlpha(counts, values, 'nominal').value).toBeCloseTo(0.4, 12);
    // Interval: D_o = 2·1/4; D_e = 2·(2·1·1 + 2·1·4 + 1·1·1)/12 = 22/12
    expect(krippendorffAlpha(counts, values, 'interval').value).toBeCloseTo(1 - 0.5 / (22 / 12), 12);
    // Ratio: ((2 − 3)/5)² = 1/25; ((1 − 2)/3)² = 1/9; ((1 − 3)/4)² = 1/4
    expect(krippendorffAlpha(counts, values, 'ratio').value).toBeCloseTo(
      1 - 2 / 25 / 4 / ((2 * (2 / 9 + 2 / 4 + 1 / 25)) / 12),
      12,
    );
    expect(krippendorffAlpha([[1, 0]], [0, 1], 'nominal')).toEqual({ value: null, why: 'no item has two ratings' });
    expect(krippendorffAlpha([[2, 0]], [0, 1], 'nominal').why).toContain('nothing to disagree about');
    // 0 + 0 has no ratio.
    expect(
      krippendorffAlpha(
        [
          [2, 0],
          [0, 2],
        ],
        [0, 0],
        'ratio',
      ).value,
    ).toBeNull();
  });
  it('a judge gets 1, ½ or 0 a pair; ties within the threshold', () => {
    expect(agreement([])).toBeNull();
    expect(
      agreement([
        { people: 'tie', judge: 'a' },
        { people: 'b', judge: 'b' },
      ]),
    ).toMatchObject({ value: 0.75, n: 2 });
    expect([verdictOf(1, 1.5, 0.5), verdictOf(1, 1.5, 0.4), verdictOf(2, 1)]).toEqual(['tie', 'b', 'a']);
    // Differences .1 (people: tie), .2 (a), .5 (a): .1 makes the first right and leaves the others.
    const items = [
      { people: 'tie', scoreA: 1.1, scoreB: 1 },
      { people: 'a', scoreA: 1.2, scoreB: 1 },
      { people: 'a', scoreA: 1.5, scoreB: 1 },
    ] as const;
    expect(bestTieThreshold(items)).toBeCloseTo(0.1, 12);
    expect(bestTieThreshold(items.slice(1))).toBe(0);
    expect(bestTieThreshold([])).toBe(0);
  });
  it('Dawid and Skene’s EM tells two good annotators from one who says the opposite', () => {
    const truth = [0, 1, 0, 1, 1, 0, 1, 0];
    const responses = truth.flatMap((label, item) => [
      { item, annotator: 0, label },
      { item, annotator: 1, label },
      { item, annotator: 2, label: 1 - label },
    ]);
    const { marginals, confusion, posterior } = dawidSkene({ items: 8, annotators: 3, classes: 2 }, responses);
    expect(marginals.map((x) => Math.round(x * 1e6) / 1e6)).toEqual([0.5, 0.5]);
    expect([...confusion[0]!].map((x) => Math.round(x))).toEqual([1, 0, 0, 1]);
    expect([...confusion[2]!].map((x) => Math.round(x))).toEqual([0, 1, 1, 0]);
    posterior.forEach((row, item) => expect(row[truth[item]!]!).toBeGreaterThan(0.99));
  });
});

describe('tests on criteria and groups', () => {
  it('Cochran’s Q of three raters on four items by hand', () => {
    // G = 3, 1, 1; L = 2, 1, 1, 1: Q = 2·(3·11 − 25)/(3·5 − 7) = 16/8
    const { statistic, p } = cochranQ([
      [1, 1, 0],
      [1, 0, 0],
      [1, 0, 0],
      [0, 0, 1],
    ]);
    expect(statistic).toBeCloseTo(2, 12);
    expect(p).toBeCloseTo(Math.exp(-1), 12);
    expect(
      cochranQ([
        [1, 1],
        [0, 0],
      ]),
    ).toEqual({ statistic: null, p: null });
    expect(() => cochranQ([[1]])).toThrow('at least two raters, not 1');
    expect(() => cochranQ([])).toThrow('not 0');
  });
  it('McNemar: exact, and χ² with the continuity correction', () => {
    expect(mcnemarExact(3, 1)).toBeCloseTo(10 / 16, 12);
    const { statistic, p } = mcnemarChiSquared(121, 59);
    expect([statistic, p]).toEqual([expect.closeTo(20.67222, 4), expect.closeTo(5.450095e-6, 10)]);
    expect(mcnemarChiSquared(0, 0)).toEqual({ statistic: 0, p: 1 });
    expect(mcnemarChiSquared(1, 1)).toEqual({ statistic: 0, p: expect.closeTo(1, 12) });
  });
  it('votes on one prompt are one piece of evidence', () => {
    // Means 1 and 0 of two prompts: ((1.5)² + (−1.5)²)^½/6 for three equal votes each = √4.5/6; as single votes √.5/2: equal
    expect(
      clusterError([
        [1, 1, 1],
        [0, 0, 0],
      ]),
    ).toBeCloseTo(Math.sqrt(4.5) / 6, 12);
    expect(clusterError([[1], [0]])).toBeCloseTo(Math.sqrt(4.5) / 6, 12);
    expect(clusterError([[1, 0], [1]])).toBeCloseTo(Math.sqrt(2 * (1 / 3) ** 2) / 3, 12);
  });
  it('Holm multiplies by what is left, keeps the order, stops at 1, and skips what is undefined', () => {
    expect(holm([0.02, 0.01, null, 0.5])).toEqual([expect.closeTo(0.04, 12), expect.closeTo(0.03, 12), null, 0.5]);
    // .04·2 would be below .03·3: it is raised to it; .9·1 stays.
    expect(holm([0.03, 0.04, 0.9])).toEqual([expect.closeTo(0.09, 12), expect.closeTo(0.09, 12), 0.9]);
    expect(holm([0.6, 0.7])).toEqual([1, 1]);
    expect(holm([])).toEqual([]);
  });
  it('the side’s effect: δ = ½ ln of the odds’ product', () => {
    // (30/10)·(20/20) = 3
    const effect = sideEffect({
      leftWinsWithALeft: 30,
      rightWinsWithALeft: 10,
      leftWinsWithBLeft: 20,
      rightWinsWithBLeft: 20,
    })!;
    expect(effect.delta).toBeCloseTo(Math.log(3) / 2, 12);
    expect(effect.error).toBeCloseTo(Math.sqrt(1 / 30 + 1 / 10 + 1 / 20 + 1 / 20) / 2, 12);
    const keys = ['leftWinsWithALeft', 'rightWinsWithALeft', 'leftWinsWithBLeft', 'rightWinsWithBLeft'] as const;
    for (const key of keys)
      expect(
        sideEffect({
          leftWinsWithALeft: 1,
          rightWinsWithALeft: 1,
          leftWinsWithBLeft: 1,
          rightWinsWithBLeft: 1,
          [key]: 0,
        }),
      ).toBeNull();
  });
  it('one JOD is a win rate of 75 %', () => {
    expect(jodSigma).toBeCloseTo(1.4826, 4);
    expect([jodOf(0.75), jodOf(0.5), jodOf(0.25)]).toEqual([expect.closeTo(1, 12), 0, expect.closeTo(-1, 12)]);
  });
});

describe('linear systems', () => {
  // [[4, 2, 0], [2, 5, 2], [0, 2, 3]]: L = [[2, 0, 0], [1, 2, 0], [0, 1, √2]]
  const a = Float64Array.of(4, 2, 0, 2, 5, 2, 0, 2, 3);
  it('are factored, solved and inverted', () => {
    const l = cholesky(a, 3)!;
    expect([...l]).toEqual([2, 0, 0, 1, 2, 0, 0, 1, Math.SQRT2].map((x) => expect.closeTo(x, 12)));
    // A·(1, −1, 2)ᵀ = (2, 1, 4)
    expect([...choleskySolve(l, 3, Float64Array.of(2, 1, 4))]).toEqual([1, -1, 2].map((x) => expect.closeTo(x, 12)));
    const inverse = choleskyInverse(l, 3);
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        let sum = 0;
        for (let k = 0; k < 3; k++) sum += a[i * 3 + k]! * inverse[k * 3 + j]!;
        expect(sum).toBeCloseTo(Number(i === j), 12);
      }
    }
  });
  it('that are not positive definite have no factor', () => {
    expect(cholesky(Float64Array.of(1, 2, 2, 1), 2)).toBeUndefined();
    expect(cholesky(Float64Array.of(0), 1)).toBeUndefined();
    expect(cholesky(Float64Array.of(NaN), 1)).toBeUndefined();
  });
});

describe('Bradley–Terry', () => {
  const battle = (left: number, right: number, winner: Battle['winner'], count?: number): Battle => ({
    left,
    right,
    winner,
    ...(count === undefined ? {} : { count }),
  });
  it('of two items is the logit of the win rate, with its error', () => {
    // 30 of 40: θ₀ − θ₁ = ln 3; var = 1/(n p q) = 1/7.5, half of √ each
    const { ratings, logLikelihood, unbounded } = bradleyTerry(2, [battle(0, 1, 'left', 30), battle(1, 0, 'left', 10)]);
    expect(ratings![0]!.value).toBeCloseTo(Math.log(3) / 2, 9);
    expect(ratings![1]!.value).toBeCloseTo(-Math.log(3) / 2, 9);
    expect(ratings![0]!.error).toBeCloseTo(Math.sqrt(1 / 7.5) / 2, 7);
    expect(ratings![0]!.robustError).toBeCloseTo(Math.sqrt(1 / 7.5) / 2, 7);
    expect(logLikelihood).toBeCloseTo(30 * Math.log(0.75) + 10 * Math.log(0.25), 9);
    expect(unbounded).toEqual([]);
  });
  it('takes a tie as half a win each, which its robust error sees', () => {
    const halves = bradleyTerry(2, [battle(0, 1, 'left', 20), battle(0, 1, 'right', 10), battle(0, 1, 'tie', 10)]);
    expect(halves.ratings![0]!.value).toBeCloseTo(Math.log(25 / 15) / 2, 9);
    expect(halves.ratings![0]!.robustError).toBeLessThan(halves.ratings![0]!.error);
  });
  it('pulls towards 0 with a prior, for which nothing is unbounded', () => {
    // One battle, prior α‖θ‖² with θ₁ = −θ₀ = −t: maximise ln σ(2t) − 2αt²: σ(−2t) = 2αt
    const { ratings } = bradleyTerry(2, [battle(0, 1, 'left')], { prior: 0.5 });
    const t = ratings![0]!.value;
    expect(1 / (1 + Math.exp(2 * t))).toBeCloseTo(t, 9);
    expect(ratings![1]!.value).toBeCloseTo(-t, 12);
  });
  it('names the strongest and the weakest without a bound: a chain’s ends, never of a cycle', () => {
    expect(bradleyTerry(3, [battle(0, 1, 'left'), battle(1, 2, 'left')])).toMatchObject({
      ratings: null,
      logLikelihood: null,
      unbounded: [0, 2],
    });
    expect(bradleyTerry(3, [battle(0, 1, 'left'), battle(1, 2, 'left'), battle(2, 0, 'left')]).unbounded).toEqual([]);
    expect(bradleyTerry(3, [battle(0, 1, 'tie'), battle(1, 2, 'tie')]).unbounded).toEqual([]);
    expect(bradleyTerry(3, [battle(0, 1, 'left'), battle(1, 0, 'left')]).unbounded).toEqual([0, 1, 2]);
  });
  it('has a side’s term: equal models of whom the left wins 3 to 1', () => {
    const { side, ratings } = bradleyTerry(
      2,
      [battle(0, 1, 'left', 30), battle(0, 1, 'right', 10), battle(1, 0, 'left', 30), battle(1, 0, 'right', 10)],
      { side: true },
    );
    expect(side!.value).toBeCloseTo(Math.log(3), 9);
    expect(ratings![0]!.value).toBeCloseTo(0, 9);
  });
  it.each([
    [0, 0],
    [0, 2],
    [2, 0],
    [-1, 0],
    [0, -1],
  ])('refuses %d against %d among two items', (left, right) => {
    expect(() => bradleyTerry(2, [battle(left, right, 'left')])).toThrow(
      `A battle of item ${left} against item ${right}, where there are 2 items.`,
    );
  });
});

describe('the interval of a win rate with ties', () => {
  // Tango's interval moved to ½ + Δ/2, computed apart with R's conventions; the first and the fifth are Wilson's.
  it.each([
    [60, 0, 40, 0.5020026, 0.6905987],
    [8, 92, 0, 0.5200235, 0.5749905],
    [40, 20, 40, 0.4135875, 0.5864125],
    [4, 85, 11, 0.4231485, 0.5033024],
    [100, 0, 0, 0.9630065, 1],
    [0, 100, 0, 0.4815033, 0.5184967],
  ])('%i won, %i tied, %i lost', (wins, ties, losses, low, high) => {
    const interval = tango(wins, ties, losses);
    expect(interval.low).toBeCloseTo(low, 6);
    expect(interval.high).toBeCloseTo(high, 6);
    // Seen from the other model.
    const mirrored = tango(losses, ties, wins);
    expect(mirrored.low).toBeCloseTo(1 - high, 6);
  });

  it('equals Wilson’s to the last digit without ties, and ends at ½ where the score test says .05', () => {
    expect(tango(18, 0, 2)).toEqual(wilson(18, 20));
    // z = (W − L)/√(W + L) = 1.959964 of 64 won and lost: W − L = 15.68; the interval's end is near ½ on both sides of it.
    expect(tango(40, 100, 24).low).toBeGreaterThan(0.5);
    expect(tango(39, 100, 25).low).toBeLessThan(0.5);
    expect(scoreTest(40, 24)).toBeCloseTo(0.0455003, 6); // z = 2
    expect(scoreTest(24, 40)).toBe(scoreTest(40, 24));
    expect([scoreTest(3, 3), scoreTest(0, 0)]).toEqual([1, 1]);
    // McNemar's score test of 5 to 0: z² = 5.
    expect(scoreTest(5, 0)).toBeCloseTo(0.0253473, 6);
  });

  it('refuses what is no count', () => {
    const none: [number, number, number][] = [
      [0, 0, 0],
      [-1, 1, 1],
      [1, -1, 1],
      [1, 1, -1],
    ];
    for (const counts of none) expect(() => tango(...counts)).toThrow(ArgumentError);
  });
});

describe('Student’s t', () => {
  it('has the tables’ quantiles', () => {
    expect(studentQuantile(0.95, 1)).toBeCloseTo(12.7062047, 5);
    expect(studentQuantile(0.95, 4)).toBeCloseTo(2.7764451, 6);
    expect(studentQuantile(0.95, 30)).toBeCloseTo(2.0422725, 6);
    expect(studentQuantile(0.99, 10)).toBeCloseTo(3.1692727, 6);
  });
});

describe('Bradley–Terry with Davidson’s ties on a real file', () => {
  // Battles of five language models by one judge (PandaLM's annotations, Apache-2.0), as counts: left, right, tie.
  const counts: [number, number, number, number, number][] = [
    [0, 1, 177, 88, 35],
    [0, 2, 84, 214, 35],
    [0, 3, 131, 106, 30],
    [0, 4, 139, 146, 36],
    [1, 2, 74, 236, 20],
    [1, 3, 93, 151, 29],
    [1, 4, 76, 160, 37],
    [2, 3, 211, 74, 33],
    [2, 4, 171, 85, 26],
    [3, 4, 99, 156, 45],
  ];
  const battles: Battle[] = counts.flatMap(([left, right, first, second, tie]) => [
    { left, right, winner: 'left' as const, count: first },
    { left, right, winner: 'right' as const, count: second },
    { left, right, winner: 'tie' as const, count: tie },
  ]);

  it('converges to the published ratings', () => {
    const { ratings, tie, logLikelihood } = bradleyTerry(5, battles, { ties: 'davidson' });
    [-0.01469, -0.62944, 0.78948, -0.24306, 0.09771].forEach((rating, i) =>
      expect(ratings![i]!.value).toBeCloseTo(rating, 5),
    );
    expect(tie!.value).toBeCloseTo(-1.34408, 5);
    expect(logLikelihood).toBeCloseTo(-2714.5372, 4);
  });

  it('under a prior the errors are the ratings’, without their common level', () => {
    const { ratings } = bradleyTerry(5, battles, { ties: 'davidson', prior: 0.01 });
    expect(ratings![0]!.error).toBeCloseTo(0.0501, 4);
    expect(ratings![1]!.error).toBeCloseTo(0.0537, 4);
  });

  it('battles of one cluster count as one: doubled, they change no robust error', () => {
    const single = Array.from({ length: 12 }, (_, i): Battle => ({
      left: i % 3,
      right: (i + 1) % 3,
      winner: i % 4 === 0 ? 'right' : 'left',
      cluster: i,
    }));
    const doubled = single.flatMap((battle) => [battle, battle]);
    const errors = (list: Battle[]) => bradleyTerry(3, list).ratings!.map(({ robustError }) => robustError);
    errors(single).forEach((error, i) => expect(errors(doubled)[i]).toBeCloseTo(error, 10));
    // Apart, twice the battles are twice the evidence.
    const apart = doubled.map(({ cluster: _, ...battle }) => battle);
    errors(apart).forEach((error, i) => expect(error * Math.SQRT2).toBeCloseTo(errors(single)[i]!, 10));
  });
});
