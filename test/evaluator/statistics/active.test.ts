/** @file Which comparison tells most: against the variances that follow from inverting the information matrix itself. */
import { describe, expect, it } from 'vitest';
import { activeOdds, informationGains, type Comparison } from '../../../evaluator/statistics/active.ts';
import type { Battle } from '../../../evaluator/statistics/bradley-terry.ts';

const wins = (left: number, right: number, won: number, lost: number): Battle[] => [
  { left, right, winner: 'left', count: won },
  { left, right, winner: 'right', count: lost },
];
const each: Comparison[] = [
  [0, 1],
  [0, 2],
  [1, 2],
];

/** Gauss–Jordan, which the code does not use. */
function inverse(matrix: readonly (readonly number[])[]): number[][] {
  const n = matrix.length;
  const m = matrix.map((row, i) => [...row, ...row.map((_, j) => Number(i === j))]);
  for (let c = 0; c < n; c++) {
    const pivot = m
      .slice(c)
      .reduce((best, _, k) => (Math.abs(m[c + k]![c]!) > Math.abs(m[best]![c]!) ? c + k : best), c);
    [m[c], m[pivot]] = [m[pivot]!, m[c]!];
    const scale = m[c]![c]!;
    m[c] = m[c]!.map((value) => value / scale);
    for (let r = 0; r < n; r++) {
      const factor = m[r]![c]!;
      if (r !== c) m[r] = m[r]!.map((value, k) => value - factor * m[c]![k]!);
    }
  }
  return m.map((row) => row.slice(n));
}

describe('the gain of one more comparison', () => {
  it('is what the summed variance falls by: three models as strong, by hand', () => {
    // No votes: M = 1·1ᵀ + ¼ I, so on differences V = 4 I; w = ¼, x = e_i − e_j: V x = 4 x, gain = ¼·16·2 / (1 + ¼·8) = 8/3.
    for (const gain of informationGains(3, each, [])) expect(gain).toBeCloseTo(8 / 3, 12);
    for (const odds of activeOdds(3, each, [])) expect(odds).toBeCloseTo(1 / 3, 12);
  });

  it('equals the difference of the traces of both inverses', () => {
    const battles = [...wins(0, 1, 30, 20), ...wins(0, 2, 9, 3), ...wins(1, 2, 2, 2)];
    const gains = informationGains(3, each, battles);
    // Ratings by their own equation: won − expected = 2·prior·rating, found by bisection on a grid of steps.
    const prior = 0.125;
    let theta = [0, 0, 0];
    for (let step = 0; step < 200_000; step++) {
      const slope = [0, 0, 0];
      for (const { left, right, winner, count = 1 } of battles) {
        const p = 1 / (1 + Math.exp(theta[right]! - theta[left]!));
        const excess = count * (Number(winner === 'left') - p);
        slope[left]! += excess;
        slope[right]! -= excess;
      }
      theta = theta.map((value, i) => value + 0.01 * (slope[i]! - 2 * prior * value));
    }
    const w = (a: number, b: number) => {
      const p = 1 / (1 + Math.exp(theta[b]! - theta[a]!));
      return p * (1 - p);
    };
    const information = (extra?: Comparison) => {
      const m = [0, 1, 2].map((i) => [0, 1, 2].map((j) => 1 + (i === j ? 2 * prior : 0)));
      const add = (a: number, b: number, count: number) => {
        m[a]![a]! += count * w(a, b);
        m[b]![b]! += count * w(a, b);
        m[a]![b]! -= count * w(a, b);
        m[b]![a]! -= count * w(a, b);
      };
      for (const { left, right, count = 1 } of battles) add(left, right, count);
      if (extra) add(extra[0], extra[1], 1);
      return m;
    };
    const trace = (m: number[][]) => inverse(m).reduce((sum, row, i) => sum + row[i]!, 0);
    each.forEach((comparison, i) => {
      expect(gains[i]).toBeCloseTo(trace(information()) - trace(information(comparison)), 9);
    });
    // The pair that was compared least, of models that are close, tells most.
    expect(gains[2]).toBe(Math.max(...gains));
    expect(activeOdds(3, each, battles).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  });

  it('a model that always wins has a gain all the same', () => {
    const gains = informationGains(2, [[0, 1]], wins(0, 1, 50, 0).slice(0, 1));
    expect(gains[0]).toBeGreaterThan(0);
    expect(Number.isFinite(gains[0])).toBe(true);
  });
});
