/** @file Gates at, above and below their threshold. */
import { describe, expect, it } from 'vitest';
import type { CandidateResult, RewardResult } from '../../../contract/prescreen.ts';
import { checkGates, parseGate } from '../../../evaluator/screens/gates.ts';

const none = { value: null, low: null, high: null };

/** Every number of a candidate differs from every other, so that a gate that reads the wrong one is noticed. */
function candidate(change: Partial<CandidateResult> = {}): CandidateResult {
  return {
    model: 'm',
    checkpoint: null,
    wins: 3,
    losses: 2,
    ties: 0,
    missing: 0,
    winRate: { value: 0.6, low: 0.3, high: 0.8, n: 5, rule: '(W+T/2)/N', method: 'wilson' },
    bootstrap: { low: 0.35, high: 0.75, resamples: 2000, seed: 0, unit: 'prompt' },
    signTest: { p: 0.04, pHolm: 0.08 },
    median: { value: 21, low: 20.5, high: 21.5 },
    baselineMedian: { value: 20, low: 19, high: 20.2 },
    medianDifference: { value: 1, low: 0.1, high: 2 },
    probabilityBest: 0.9,
    byCategory: [],
    ...change,
  };
}
const result = (...candidates: CandidateResult[]): RewardResult => ({
  reward: 'r',
  kind: 'pickscore',
  candidates,
  best: null,
  equalTime: null,
});
const met = (text: string, row = candidate()) => checkGates([parseGate(text, ['r'])], [result(row)])[0]!;

describe('gates', () => {
  it.each([
    // below, at, above the value .6
    ['>=', [true, true, false]],
    ['>', [true, false, false]],
    ['<=', [false, true, true]],
    ['<', [false, false, true]],
  ])('%s', (operator, expected) => {
    expect([0.59, 0.6, 0.61].map((threshold) => met(`r.winRate${operator}${threshold}`).met)).toEqual(expected);
  });

  it.each([
    ['winRate', 0.6],
    ['winRate.low', 0.3],
    ['winRate.high', 0.8],
    ['bootstrap.low', 0.35],
    ['bootstrap.high', 0.75],
    ['median', 21],
    ['median.low', 20.5],
    ['medianDifference', 1],
    ['medianDifference.low', 0.1],
    ['p', 0.04],
    ['pHolm', 0.08],
  ])('%s is the candidate’s %d', (field, value) => {
    expect(met(`r.${field}>=0`)).toEqual({ requirement: `r.${field}>=0`, model: 'm', value, met: true });
  });

  it('a number that is undefined meets nothing', () => {
    const undecided = candidate({ median: none });
    for (const gate of ['r.median>=-100', 'r.median<=100']) {
      expect(met(gate, undecided)).toMatchObject({ value: null, met: false });
    }
  });

  it('spaces, signs and exponents are read; the text is kept as it was', () => {
    expect(parseGate('  r.medianDifference >= -1.5e-3 ', ['r'])).toEqual({
      text: '  r.medianDifference >= -1.5e-3 ',
      reward: 'r',
      field: 'medianDifference',
      operator: '>=',
      threshold: -0.0015,
    });
    expect(parseGate('r.p<5E-2', ['r']).threshold).toBe(0.05);
  });

  it('of two rewards with one beginning the longer name is meant', () => {
    expect(parseGate('r.v2.winRate>=0.5', ['r', 'r.v2'])).toMatchObject({ reward: 'r.v2', field: 'winRate' });
    expect(parseGate('r.winRate>=0.5', ['r.v2', 'r'])).toMatchObject({ reward: 'r', field: 'winRate' });
  });

  it.each([
    ['r.charm>=1'],
    ['r.winRate=1'],
    ['r.winRate>=lots'],
    ['r.winRate>=1.2.3'],
    ['q.winRate>=1'],
    ['winRate>=1'],
    ['r.winRate'],
    ['x r.winRate>=1'],
    ['r.winRate>=1 or so'],
    [''],
  ])('%j is no gate', (text) => {
    expect(() => parseGate(text, ['r', 's'])).toThrow(
      `"${text}" is no gate; it must be REWARD.FIELD, then >=, >, <= or <, then a number: REWARD is one of r, s, FIELD one of winRate, winRate.low, winRate.high, bootstrap.low, bootstrap.high, median, median.low, medianDifference, medianDifference.low, p, pHolm.`,
    );
  });

  it('every named candidate has to meet it, and of a run its best checkpoint', () => {
    const checkpoint = (step: number, median: number | null): CandidateResult =>
      candidate({
        model: `run@${step}`,
        checkpoint: { run: 'run', step, deviceSeconds: null },
        median: median === null ? none : { value: median, low: 0, high: 0 },
      });
    const rows = [
      candidate({ model: 'one' }),
      candidate({ model: 'two' }),
      checkpoint(1, 19),
      checkpoint(2, null),
      checkpoint(3, 23),
      checkpoint(4, 22),
    ];
    const gates = [parseGate('r.median>=21', ['r', 's']), parseGate('s.median>=22', ['r', 's'])];
    const other = { ...result(candidate({ model: 'one' })), reward: 's' };
    expect(checkGates(gates, [other, result(...rows)]).map((g) => [g.requirement, g.model, g.value, g.met])).toEqual([
      ['r.median>=21', 'one', 21, true],
      ['r.median>=21', 'two', 21, true],
      ['r.median>=21', 'run@3', 23, true],
      ['s.median>=22', 'one', 21, false],
    ]);
    expect(checkGates([], [result(...rows)])).toEqual([]);
  });
});
