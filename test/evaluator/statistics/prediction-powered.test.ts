/** @file What a judge's verdicts are worth: by hand, at the ends, and whether the interval covers. */
import { expect, it } from 'vitest';
import { predictionPowered } from '../../../evaluator/statistics/prediction-powered.ts';
import { Random } from '../../../evaluator/statistics/random.ts';

it('a small example by hand', () => {
  // cov(y, f) = 1/6, pooled var(f) = 1.875/7, n = N: λ = (1/6)/(2 · 1.875/7) = 14/45.
  const labelled = [
    { y: 1, f: 1 },
    { y: 0, f: 0 },
    { y: 1, f: 1 },
    { y: 0, f: 1 },
  ];
  const found = predictionPowered(labelled, [1, 0, 0, 1])!;
  expect(found.lambda).toBeCloseTo(14 / 45, 12);
  // ½ + 14/45 · (½ − ¾)
  expect(found.value).toBeCloseTo(0.5 - 14 / 180, 12);
  // var(y − λf) = .253827, of four; λ² · ⅓ of four.
  // Below, −.101946 is no share.
  expect(found.low).toBe(0);
  expect(found.high).toBeCloseTo(0.94639, 5);
  expect(found.effectiveN).toBeCloseTo(4.66053, 4);
});

it('a judge that says nothing changes nothing, one that is always right counts as a person, one that is always wrong is not heard', () => {
  const y = Array.from({ length: 100 }, (_, i) => Number(i % 5 < 3));
  const judge = (f: (y: number, i: number) => number) => y.map((value, i) => ({ y: value, f: f(value, i) }));
  const others = Array.from({ length: 900 }, (_, i) => Number(i % 5 < 3));
  const plain = 1.959964 * Math.sqrt((0.24 * 100) / 99 / 100);
  for (const silent of [judge(() => 0.5), judge((value) => 1 - value)]) {
    const found = predictionPowered(silent, silent[0]!.f === 0.5 ? others.map(() => 0.5) : others.map((f) => 1 - f))!;
    expect(found.lambda).toBe(0);
    expect(found.value).toBeCloseTo(0.6, 12);
    expect(found.high - found.value).toBeCloseTo(plain, 6);
    expect(found.effectiveN).toBeCloseTo(100, 6);
  }
  // λ = 1/(1 + 1/9) = .9: var = .01·v/100 + .81·v/900 = v/1000: all thousand items count.
  const right = predictionPowered(
    judge((value) => value),
    others,
  )!;
  expect(right.lambda).toBeCloseTo(0.9 * (100 / 99) * (999 / 1000), 12);
  expect(right.effectiveN).toBeCloseTo(1000, -2);
});

it('a share stays a share', () => {
  const labelled = Array.from({ length: 60 }, (_, i) => ({ y: Number(i < 50), f: Number(i < 47) }));
  const { value, low, high } = predictionPowered(labelled, Array<number>(900).fill(1).concat(0))!;
  expect([value <= 1, low <= value, high]).toEqual([true, true, 1]);
});

it('nothing is said of too little', () => {
  const item = { y: 1, f: 1 };
  expect(predictionPowered([item], [1, 0])).toBeNull();
  expect(predictionPowered([item, { y: 0, f: 0 }], [1])).toBeNull();
  expect(predictionPowered([item, item, item], [1, 0])).toBeNull();
  // The judge is always right, and says the same of all others: nothing is left to vary.
  const right = Array.from({ length: 20 }, (_, i) => ({ y: i % 2, f: i % 2 }));
  expect(predictionPowered(right, Array<number>(500).fill(1))?.effectiveN ?? 0).toBeLessThan(Infinity);
  expect(() => predictionPowered([item, { y: 0, f: 0 }], [1, 0], 1)).toThrow('The level is 1');
});

it('its 95 % interval holds the truth in 93 to 97 % of studies, and is narrower than the votes’ own', () => {
  const random = new Random(23);
  const [trials, n, others] = [2000, 120, 480];
  let held = 0;
  let worth = 0;
  const draw = () => {
    const y = Number(random.uniform() < 0.6);
    return { y, f: random.uniform() < 0.8 ? y : 1 - y };
  };
  for (let trial = 0; trial < trials; trial++) {
    const labelled = Array.from({ length: n }, draw);
    const found = predictionPowered(
      labelled,
      Array.from({ length: others }, () => draw().f),
    )!;
    held += Number(found.low <= 0.6 && 0.6 <= found.high);
    worth += found.effectiveN / trials;
  }
  expect(held / trials).toBeGreaterThan(0.93);
  expect(held / trials).toBeLessThan(0.97);
  // ρ² = .336 between y and f: 1/(1 − .8 · ρ²) = 1.37 times the items.
  expect(worth / n).toBeGreaterThan(1.3);
  expect(worth / n).toBeLessThan(1.45);
});
