/** @file What must hold whatever the votes are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clopperPearson } from '../../../evaluator/statistics/clopper-pearson.ts';
import { drawBinomial } from '../../../evaluator/statistics/binomial-draw.ts';
import { bradleyTerry } from '../../../evaluator/statistics/bradley-terry.ts';
import { holm } from '../../../evaluator/statistics/holm.ts';
import { detectableWinRate, promptsNeeded, signTestPower } from '../../../evaluator/statistics/power.ts';
import { Random } from '../../../evaluator/statistics/random.ts';
import { agreement, verdictOf } from '../../../evaluator/statistics/reward-agreement.ts';
import { confidenceSequence, eValue } from '../../../evaluator/statistics/sequential.ts';
import { sideEffect } from '../../../evaluator/statistics/side-bias.ts';
import { signTest } from '../../../evaluator/statistics/binomial-test.ts';
import { wilson } from '../../../evaluator/statistics/wilson.ts';
import { buildReport } from '../../../evaluator/votes/report.ts';
import { outcomes, sides, VoteTableBuilder, type OutcomeCode } from '../../../evaluator/votes/vote-table.ts';
import type { Report } from '../../../contract/report.ts';

interface Row {
  item: string;
  annotator: string;
  outcome: OutcomeCode;
  aLeft: boolean;
}

/** Some items, each judged by some of five people, once each. */
const rowsArbitrary = fc
  .array(
    fc.array(
      fc.record({ outcome: fc.constantFrom<OutcomeCode>(0, 1, 2), aLeft: fc.boolean() }, { noNullPrototype: true }),
      { minLength: 0, maxLength: 5 },
    ),
    { minLength: 1, maxLength: 30 },
  )
  .map((items): Row[] =>
    items.flatMap((votes, item) =>
      votes.map((vote, person) => ({ item: `i${item}`, annotator: `p${person}`, ...vote })),
    ),
  );

function report(rows: readonly Row[], votesPerPair = 3): Report {
  const table = new VoteTableBuilder(['general']);
  for (const row of rows) {
    const number = Number(row.item.slice(1));
    table.add({
      item: table.itemIndex({ id: row.item, category: number % 2 === 0 ? 'even' : 'odd', challenge: null }),
      annotator: table.annotatorIndex(row.annotator),
      criterion: 0,
      outcome: row.outcome,
      sideOfA: row.aLeft ? sides.left : sides.right,
      responseTimeMs: 1000,
    });
  }
  return buildReport({ study: 's', modelA: 'A', modelB: 'B', simulated: false, votesPerPair, votes: table.finish() });
}
const general = (rows: readonly Row[], k = 3) => report(rows, k).criteria[0]!;

describe('reports', () => {
  it('swapping A and B mirrors wins, rates, tests and intervals', () => {
    fc.assert(
      fc.property(rowsArbitrary, (rows) => {
        const turned = rows.map((row) => ({
          ...row,
          outcome: (row.outcome === 2 ? 2 : 1 - row.outcome) as OutcomeCode,
          aLeft: !row.aLeft,
        }));
        const [one, other] = [general(rows), general(turned)];
        expect([other.wins, other.losses, other.ties, other.split]).toEqual([
          one.losses,
          one.wins,
          one.ties,
          one.split,
        ]);
        expect(other.signTest.p === null ? null : other.signTest.p).toBe(one.signTest.p);
        expect(other.sideBias.leftShare).toBe(one.sideBias.leftShare);
        expect(other.agreement.fleissKappa === null).toBe(one.agreement.fleissKappa === null);
        if (one.winRate.value !== null) {
          expect(other.winRate.value).toBeCloseTo(1 - one.winRate.value, 12);
          expect(other.winRate.low).toBeCloseTo(1 - one.winRate.high!, 9);
          expect(other.evidence.low).toBeCloseTo(1 - one.evidence.high!, 6);
          expect(other.evidence.eValue).toBeCloseTo(one.evidence.eValue!, 9);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('the bootstrap’s interval is mirrored too, but for its own noise', () => {
    const rows = (turn: number) =>
      Array.from({ length: 900 }, (_, i): Row => {
        const outcome = Number((i * 7919) % 10 >= 6) as OutcomeCode;
        return {
          item: `i${Math.floor(i / 3)}`,
          annotator: `p${i % 3}`,
          outcome: (turn === 0 ? outcome : 1 - outcome) as OutcomeCode,
          aLeft: true,
        };
      });
    const [one, other] = [general(rows(0)).bootstrap, general(rows(1)).bootstrap];
    expect(Math.abs(other.low! - (1 - one.high!))).toBeLessThan(0.01);
    expect(Math.abs(other.bca.high! - (1 - one.bca.low!))).toBeLessThan(0.01);
  });

  it('the order of the rows and the names of the annotators change not one byte', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.integer(), (rows, seed) => {
        const random = new Random(seed);
        const shuffled = rows
          .map((row) => ({ row, at: random.uniform() }))
          .sort((x, y) => x.at - y.at)
          .map(({ row }) => row);
        expect(JSON.stringify(report(shuffled))).toBe(JSON.stringify(report(rows)));
        const renamed = rows.map((row) => ({ ...row, annotator: `q${9 - Number(row.annotator.slice(1))}` }));
        expect(JSON.stringify(report(renamed).criteria)).toBe(JSON.stringify(report(rows).criteria));
      }),
      { numRuns: 40 },
    );
  });

  it('duplicating every vote leaves prompt-clustered intervals alone', () => {
    fc.assert(
      fc.property(rowsArbitrary, (rows) => {
        const doubled = rows.flatMap((row) => [row, { ...row, annotator: `${row.annotator} again` }]);
        const [one, two] = [general(rows), general(doubled, 6)];
        expect(two.winRate).toEqual(one.winRate);
        expect(two.bootstrap).toEqual(one.bootstrap);
        expect(two.evidence).toEqual(one.evidence);
        expect(two.sideBias.low).toBe(one.sideBias.low);
      }),
      { numRuns: 40 },
    );
  });

  it('a prompt won by A never lowers A’s win rate; intervals hold the estimate and stay in [0, 1]', () => {
    fc.assert(
      fc.property(rowsArbitrary, (rows) => {
        const before = general(rows);
        const won = [0, 1, 2].map((person): Row => ({
          item: 'i99',
          annotator: `p${person}`,
          outcome: outcomes.a,
          aLeft: true,
        }));
        const after = general([...rows, ...won]);
        expect(after.winRate.value!).toBeGreaterThanOrEqual(before.winRate.value ?? 0);
        for (const { value, low, high } of [
          after.winRate,
          after.winRateNoTies,
          { ...after.bootstrap, value: after.winRate.value },
          { ...after.sideBias, value: after.sideBias.leftShare },
        ]) {
          expect(low!).toBeGreaterThanOrEqual(0);
          expect(high!).toBeLessThanOrEqual(1);
          expect(value!).toBeGreaterThanOrEqual(low! - 1e-12);
          expect(value!).toBeLessThanOrEqual(high! + 1e-12);
        }
        expect(after.byCategory.reduce((sum, slice) => sum + slice.wins, 0)).toBe(after.wins);
      }),
      { numRuns: 40 },
    );
  });

  it('what is undefined is null and says why', () => {
    const empty = general([{ item: 'i0', annotator: 'p0', outcome: 0, aLeft: true }]);
    expect(empty).toMatchObject({
      decided: 0,
      incomplete: 1,
      winRate: { value: null, why: 'no pair is decided yet' },
      signTest: { p: null },
    });
    const unanimous = general(
      [0, 1, 2].map((person) => ({ item: 'i0', annotator: `p${person}`, outcome: 0 as OutcomeCode, aLeft: true })),
    );
    expect(unanimous.agreement).toMatchObject({
      fleissKappa: null,
      krippendorffAlpha: null,
      unanimous: 1,
      why: 'every rating is the same, so agreement by chance is certain',
    });
  });
});

const counts = fc.tuple(fc.nat(300), fc.nat(300)).filter(([a, b]) => a + b > 0);

describe('methods', () => {
  it('Wilson lies within Clopper and Pearson’s tails and both hold the estimate', () => {
    fc.assert(
      fc.property(counts, ([wins, losses]) => {
        for (const { low, high } of [wilson(wins, wins + losses), clopperPearson(wins, wins + losses)]) {
          expect(low).toBeLessThanOrEqual(wins / (wins + losses));
          expect(high).toBeGreaterThanOrEqual(wins / (wins + losses));
        }
      }),
    );
  });

  it('the confidence sequence excludes ½ exactly when the e-value reaches 20', () => {
    fc.assert(
      fc.property(counts, ([wins, losses]) => {
        const { low, high } = confidenceSequence(wins, losses);
        expect(low > 0.5 || high < 0.5).toBe(eValue(wins, losses) >= 20);
      }),
    );
  });

  it('Holm never lowers a p-value and keeps their order', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }), (pValues) => {
        const corrected = holm(pValues);
        pValues.forEach((p, i) => {
          expect(corrected[i]!).toBeGreaterThanOrEqual(p);
          pValues.forEach((q, j) => {
            if (p < q) expect(corrected[i]!).toBeLessThanOrEqual(corrected[j]!);
          });
        });
      }),
    );
    expect(holm([0.01, null, 0.04])).toEqual([0.02, null, 0.04]);
  });

  it('the detectable rate is the inverse of the prompts needed, and the exact power is near', () => {
    for (const winRate of [0.55, 0.6, 0.75]) {
      const test = { power: 0.8, alpha: 0.05, tieRate: 0.1 };
      const n = promptsNeeded(winRate, test);
      expect(detectableWinRate(n, test)).toBeCloseTo(winRate, 6);
      expect(signTestPower(Math.ceil(n * 0.9), winRate, 0.05)).toBeGreaterThan(0.7);
    }
    expect(() => promptsNeeded(0.5, { power: 0.8, alpha: 0.05, tieRate: 0 })).toThrow('not ½');
  });

  it('binomial draws have the binomial’s mean and spread on both paths', () => {
    const random = new Random(7);
    for (const [n, p] of [
      [20, 0.1],
      [500, 0.3],
      [1632, 0.646],
      [100_000, 0.999],
    ] as const) {
      const draws = Array.from({ length: 20_000 }, () => drawBinomial(random, n, p));
      const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
      const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
      expect(Math.abs(mean - n * p)).toBeLessThan((4 * Math.sqrt(n * p * (1 - p))) / Math.sqrt(20_000));
      expect(variance / (n * p * (1 - p))).toBeGreaterThan(0.95);
      expect(variance / (n * p * (1 - p))).toBeLessThan(1.05);
    }
  });

  it('an item that never loses has no bound, unless there is a prior', () => {
    const battles = [
      { left: 0, right: 1, winner: 'left' as const, count: 3 },
      { left: 1, right: 2, winner: 'left' as const },
      { left: 2, right: 1, winner: 'left' as const },
    ];
    expect(bradleyTerry(3, battles)).toMatchObject({ ratings: null, unbounded: [0, 1, 2] });
    expect(bradleyTerry(3, battles, { prior: 0.1 }).ratings![0]!.value).toBeGreaterThan(0);
  });

  it('Davidson’s ties at ν → 0 are Bradley–Terry, and with ties the rates come out as they went in', () => {
    const battles = [
      { left: 0, right: 1, winner: 'left' as const, count: 60 },
      { left: 0, right: 1, winner: 'right' as const, count: 30 },
      { left: 0, right: 1, winner: 'tie' as const, count: 10 },
    ];
    const { ratings, tie } = bradleyTerry(2, battles, { ties: 'davidson' });
    const [strength, nu] = [Math.exp(ratings![0]!.value - ratings![1]!.value), Math.exp(tie!.value)];
    const total = strength + 1 + nu * Math.sqrt(strength);
    expect(strength / total).toBeCloseTo(0.6, 8);
    expect((nu * Math.sqrt(strength)) / total).toBeCloseTo(0.1, 8);
  });

  it('the side effect in closed form is Bradley–Terry’s side term for two models', () => {
    const [a, b, c, d] = [40, 25, 31, 38];
    const battles = [
      { left: 0, right: 1, winner: 'left' as const, count: a },
      { left: 0, right: 1, winner: 'right' as const, count: b },
      { left: 1, right: 0, winner: 'left' as const, count: c },
      { left: 1, right: 0, winner: 'right' as const, count: d },
    ];
    const closed = sideEffect({
      leftWinsWithALeft: a,
      rightWinsWithALeft: b,
      leftWinsWithBLeft: c,
      rightWinsWithBLeft: d,
    })!;
    const { side } = bradleyTerry(2, battles, { side: true });
    expect(closed.delta).toBeCloseTo(side!.value, 9);
    expect(closed.error).toBeCloseTo(side!.error, 9);
  });

  it('a judge gets 1, ½ or 0 a pair', () => {
    expect(
      agreement([
        { people: 'a', judge: 'a' },
        { people: 'tie', judge: 'b' },
        { people: 'a', judge: 'b' },
      ]),
    ).toMatchObject({ value: 0.5, n: 3 });
    expect([verdictOf(1, 1), verdictOf(1, 1.05, 0.1), verdictOf(1, 2)]).toEqual(['tie', 'tie', 'b']);
    expect(signTest(0, 0)).toBe(1);
  });
});
