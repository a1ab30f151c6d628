/** @file Special functions, tests and intervals against scipy, in the middle and far into the tails. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { agrestiCoull } from '../../../evaluator/statistics/agresti-coull.ts';
import { ArgumentError } from '../../../evaluator/statistics/argument-error.ts';
import { binomialTest, signTest } from '../../../evaluator/statistics/binomial-test.ts';
import { clopperPearson } from '../../../evaluator/statistics/clopper-pearson.ts';
import {
  betaCdf,
  betaQuantile,
  chiSquaredTail,
  gammaUpper,
  logChoose,
  logGamma,
  normalCdf,
  normalQuantile,
} from '../../../evaluator/statistics/special.ts';
import { orNull, wilson } from '../../../evaluator/statistics/wilson.ts';
import { golden } from '../../support/folders.ts';

type Rows = Record<string, number[][]>;
const rows = JSON.parse(readFileSync(join(golden, 'special.json'), 'utf8')) as Rows;

function near(value: number, expected: number, relative: number, what: string): void {
  const error = Math.abs(value - expected);
  expect(error <= relative * Math.abs(expected) || error < 1e-300, `${what}: ${value}, not ${expected}`).toBe(true);
}

describe('special functions', () => {
  it.each([
    ['betaCdf', betaCdf, 2e-12],
    ['betaQuantile', betaQuantile, 1e-12],
    ['gammaUpper', gammaUpper, 1e-11],
    ['logGamma', logGamma, 1e-13],
    ['logChoose', logChoose, 1e-12],
    ['normalCdf', normalCdf, 1e-11],
    ['normalQuantile', normalQuantile, 1e-14],
  ] as [string, (...args: number[]) => number, number][])('%s is scipy’s', (name, compute, relative) => {
    expect(rows[name]!.length).toBeGreaterThan(5);
    for (const row of rows[name]!) {
      const [args, expected] = [row.slice(0, -1), row.at(-1)!];
      // Upper tails are 1 less a small number: their error is of the whole.
      const bound = name === 'betaCdf' || name === 'gammaUpper' || name === 'normalCdf';
      if (bound && expected > 1e-3) expect(Math.abs(compute(...args) - expected), String(args)).toBeLessThan(relative);
      else if (bound) near(compute(...args), expected, 1e-8, `${name}(${args.join()})`);
      else if (expected === 0) expect(Math.abs(compute(...args))).toBeLessThan(1e-13);
      else near(compute(...args), expected, relative, `${name}(${args.join()})`);
    }
  });

  it('ends are exact', () => {
    expect([betaCdf(0, 2, 3), betaCdf(1, 2, 3), betaCdf(-1, 2, 3), betaCdf(2, 2, 3)]).toEqual([0, 1, 0, 1]);
    expect([gammaUpper(3, 0), gammaUpper(3, -1)]).toEqual([1, 1]);
    expect([normalQuantile(0), normalQuantile(1), normalQuantile(0.5)]).toEqual([-Infinity, Infinity, 0]);
    expect(normalCdf(0)).toBeCloseTo(0.5, 15);
    // χ² with two degrees of freedom is exponential: exp(−x/2)
    for (const x of [0.1, 2, 30]) expect(chiSquaredTail(x, 2)).toBeCloseTo(Math.exp(-x / 2), 14);
  });
  it.each([-0.1, 1.1, NaN])('a probability of %d is refused', (p) => {
    expect(() => normalQuantile(p)).toThrow(new ArgumentError(`A probability is from 0 to 1, not ${p}.`));
  });
});

describe('the binomial test', () => {
  it('is scipy’s, both tails, whatever p0', () => {
    for (const [k, n, p0, expected] of rows['binomialTest']!)
      near(binomialTest(k!, n!, p0), expected!, 1e-9, `${k!} of ${n!} at ${p0!}`);
    expect(binomialTest(0, 0)).toBe(1);
    expect(signTest(5, 5)).toBe(1);
    expect(signTest(0, 0)).toBe(1);
    // 2·(1 + 10)/2¹⁰, whoever wins
    expect([signTest(9, 1), signTest(1, 9)]).toEqual([expect.closeTo(22 / 1024, 12), expect.closeTo(22 / 1024, 12)]);
  });
  it.each([
    [1.5, 3],
    [1, 3.5],
    [-1, 3],
    [4, 3],
  ])('%d of %d is no count', (k, n) => {
    expect(() => binomialTest(k, n)).toThrow(`${k} of ${n} is no count of successes.`);
    expect(() => clopperPearson(k, n)).toThrow(`${k} of ${n} is no count of successes.`);
  });
});

describe('intervals of a proportion', () => {
  it('Wilson’s and the exact one are scipy’s at 90, 95 and 99 %', () => {
    for (const [k, n, level, wilsonLow, wilsonHigh, exactLow, exactHigh] of rows['intervals']!) {
      const [score, exact] = [wilson(k!, n!, level), clopperPearson(k!, n!, level)];
      expect([score.low, score.high]).toEqual([expect.closeTo(wilsonLow!, 10), expect.closeTo(wilsonHigh!, 10)]);
      expect([exact.low, exact.high]).toEqual([expect.closeTo(exactLow!, 10), expect.closeTo(exactHigh!, 10)]);
    }
  });
  it('Wilson’s ends are exact and it takes half wins', () => {
    expect(wilson(0, 7).low).toBe(0);
    expect(wilson(7, 7).high).toBe(1);
    const { low, high } = wilson(1.5, 3);
    expect([low + high, low]).toEqual([expect.closeTo(1, 14), expect.closeTo(0.1253346, 6)]);
  });
  it('Agresti and Coull’s is Wald’s around (s + z²/2)/(n + z²), cut to [0, 1]', () => {
    const z2 = 1.959963984540054 ** 2;
    const p = (3 + z2 / 2) / (10 + z2);
    const reach = Math.sqrt(z2) * Math.sqrt((p * (1 - p)) / (10 + z2));
    expect(agrestiCoull(3, 10)).toEqual({ low: expect.closeTo(p - reach, 12), high: expect.closeTo(p + reach, 12) });
    expect([agrestiCoull(0, 5).low, agrestiCoull(5, 5).high]).toEqual([0, 1]);
    expect(agrestiCoull(3, 10, 0.9).low).toBeGreaterThan(agrestiCoull(3, 10).low);
  });
  it.each([
    [1, 0],
    [-1, 3],
    [4, 3],
    [NaN, 3],
    [1, NaN],
  ])('%d of %d is no proportion', (k, n) => {
    for (const interval of [wilson, agrestiCoull])
      expect(() => interval(k, n)).toThrow(new ArgumentError(`${k} of ${n} is no proportion.`));
    expect(() => clopperPearson(1, 0)).toThrow(ArgumentError);
  });
  it('what is undefined has null ends', () => {
    expect(orNull(null)).toEqual({ low: null, high: null });
    expect(orNull({ low: 1, high: 2 })).toEqual({ low: 1, high: 2 });
  });
});
