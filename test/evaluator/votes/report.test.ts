/**
 * @file A report's every field, from votes written down by hand. The numbers are worked out in the comments, not by our own
 * code; z = 1.959964.
 */
import { tango } from '../../../evaluator/statistics/tango.ts';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../../contract/report.ts';
import { buildReport, type ReportInput } from '../../../evaluator/votes/report.ts';
import { outcomes, sides, VoteTableBuilder } from '../../../evaluator/votes/vote-table.ts';

type Choice = 'a' | 'b' | 'tie';
interface Row {
  item: string;
  annotator: string;
  choice: Choice;
  /** Which model was on the left. */
  left?: 'a' | 'b';
  criterion?: string;
  timeMs?: number;
}
interface Place {
  category?: string | null;
  challenge?: string | null;
  weight?: number | null;
}

function report(rows: Row[], items: Record<string, Place>, options: Partial<ReportInput> = {}): Report {
  const table = new VoteTableBuilder(['general']);
  for (const [id, place] of Object.entries(items)) table.itemIndex({ id, category: null, challenge: null, ...place });
  for (const { item, annotator, choice, left, criterion = 'general', timeMs = NaN } of rows)
    table.add({
      item: table.itemIndex({ id: item, category: null, challenge: null }),
      annotator: table.annotatorIndex(annotator),
      criterion: table.criterionIndex(criterion),
      outcome: outcomes[choice],
      sideOfA: left === undefined ? sides.unknown : left === 'a' ? sides.left : sides.right,
      responseTimeMs: timeMs,
    });
  const own = { study: 's', modelA: 'A', modelB: 'B', simulated: false, votesPerPair: 3, votes: table.finish() };
  return buildReport({ ...own, ...options });
}
/** Items that one vote each decides. */
const decided = (choices: Choice[], place: (i: number) => Place = () => ({})) => ({
  rows: choices.map((choice, i): Row => ({ item: `i${i}`, annotator: 'ann', choice })),
  items: Object.fromEntries(choices.map((_, i) => [`i${i}`, place(i)])),
});
const repeat = (n: number, choice: Choice) => Array<Choice>(n).fill(choice);

// p0: A by 2 to 1. p1: B by 3. p2: a tie by 2 to 1. p3: one vote of three.
const items = {
  p0: { category: 'X', challenge: 'E' },
  p1: { category: 'X', challenge: 'F' },
  p2: { category: 'Y', challenge: 'F' },
  p3: { category: 'Y', challenge: null },
};
const tenVotes: Row[] = [
  { item: 'p0', annotator: 'ann', choice: 'a', left: 'a', timeMs: 1000 },
  { item: 'p0', annotator: 'bob', choice: 'a', left: 'b', timeMs: 500 },
  { item: 'p0', annotator: 'cy', choice: 'b', left: 'a', timeMs: 700 },
  { item: 'p1', annotator: 'ann', choice: 'b', left: 'a', timeMs: 2000 },
  { item: 'p1', annotator: 'bob', choice: 'b', left: 'b', timeMs: 600 },
  { item: 'p1', annotator: 'cy', choice: 'b', left: 'a', timeMs: 900 },
  { item: 'p2', annotator: 'ann', choice: 'a', left: 'b', timeMs: 4000 },
  { item: 'p2', annotator: 'bob', choice: 'tie', left: 'a', timeMs: 550 },
  { item: 'p2', annotator: 'cy', choice: 'tie', left: 'b' },
  { item: 'p3', annotator: 'ann', choice: 'a', left: 'a', timeMs: 9000 },
];

describe('a report of ten votes', () => {
  // Made in each test: what runs while tests are collected belongs to none of them.
  const make = () => report(tenVotes, items);
  const makeGeneral = () => make().criteria[0]!;

  it('says whose it is', () => {
    const whole = make();
    expect(whole).toMatchObject({ study: 's', modelA: 'A', modelB: 'B', simulated: false, votesPerPair: 3 });
    expect(whole.criteria).toHaveLength(1);
    expect([whole.comparisons, whole.rewards]).toEqual([[], []]);
    expect(report(tenVotes, items, { simulated: true }).simulated).toBe(true);
  });

  it('counts pairs and majorities', () => {
    const general = makeGeneral();
    expect(general).toMatchObject({ criterion: 'general', pairs: 4, decided: 3, incomplete: 1 });
    expect(general).toMatchObject({ wins: 1, losses: 1, ties: 1, split: 0 });
  });

  it('gives both win rates with their 95 %', () => {
    const general = makeGeneral();
    // 1 won, 1 tied, 1 lost: symmetric around ½
    expect(general.winRate).toMatchObject({ n: 3, rule: '(W+T/2)/N', method: 'tango', value: 0.5, ...tango(1, 1, 1) });
    expect(general.winRate.low! + general.winRate.high!).toBeCloseTo(1, 12);
    // 1 of 2: ½ ± z√(.125 + z²/16)/(1 + z²/2) = ½ ± .4054687
    expect(general.winRateNoTies).toMatchObject({ n: 2, rule: 'W/(W+L)', value: 0.5 });
    expect(general.winRateNoTies.low).toBeCloseTo(0.0945313, 6);
    expect(general.winRateNoTies.high).toBeCloseTo(0.9054687, 6);
    expect(general.winRateWeighted).toBeNull();
  });

  it('tests, weighs evidence, and counts votes', () => {
    const general = makeGeneral();
    expect(general.signTest).toEqual({ p: 1, pScore: 1, pHolm: 1 });
    // 2²/(3·C(2,1))
    expect(general.evidence.eValue).toBeCloseTo(4 / 6, 12);
    // Shares that the same e-value does not reject at 1/20: 1/(6·p(1 − p)) < 20, p = (1 ± √(1 − 4/120))/2
    const root = Math.sqrt(1 - 4 / 120);
    expect(general.evidence.n).toBe(2);
    expect(general.evidence.low).toBeCloseTo((1 - root) / 2, 5);
    expect(general.evidence.high).toBeCloseTo((1 + root) / 2, 5);
    expect(general.evidence.says).toMatch(/^no difference may be claimed/);
    // 2 + 0 + 1 + 1 for A, 1 + 3 for B, 2 ties: (4 + 1)/10
    expect(general.votes).toEqual({ a: 4, b: 4, tie: 2, shareA: 0.5 });
  });

  it('measures agreement on the three complete pairs', () => {
    const general = makeGeneral();
    // P̄ = (1/3 + 1 + 1/3)/3 = 5/9; shares 3/9, 4/9, 2/9: P̄e = 29/81; κ = (45 − 29)/52
    expect(general.agreement.fleissKappa).toBeCloseTo(16 / 52, 12);
    // D_o = 4, D_e = 52/8: α = 1 − 32/52
    expect(general.agreement.krippendorffAlpha).toBeCloseTo(20 / 52, 12);
    expect(general.agreement.unanimous).toBeCloseTo(1 / 3, 12);
  });

  it('measures the side: 3 of 8 votes for an image are for the left one', () => {
    const general = makeGeneral();
    // Left: ann on p0, bob on p1, ann on p3. Ties have no side.
    expect(general.sideBias).toMatchObject({ leftShare: 3 / 8, n: 8 });
  });

  it('slices by category and challenge, alphabetically; an item without one is in none', () => {
    const general = makeGeneral();
    const counts = (slices: typeof general.byCategory) =>
      slices.map(({ name, wins, losses, ties, split, winRate, p, pHolm }) => [
        name,
        wins,
        losses,
        ties,
        split,
        winRate.n,
        p,
        pHolm,
      ]);
    const one = expect.closeTo(1, 12);
    expect(counts(general.byCategory)).toEqual([
      ['X', 1, 1, 0, 0, 2, 1, 1],
      ['Y', 0, 0, 1, 0, 1, null, null],
    ]);
    expect(counts(general.byChallenge)).toEqual([
      ['E', 1, 0, 0, 0, 1, one, 1],
      ['F', 0, 1, 1, 0, 2, one, 1],
    ]);
    expect(general.byChallenge[1]!.winRate.value).toBe(0.25);
  });

  it('lists annotators by name: votes, median times, share that the others’ majority confirms', () => {
    const whole = make();
    expect(whole.annotators).toEqual([
      // The own vote left out. p0: the others of ann and of bob differ, cy's say A against cy. p1: all alike. p2: ann against two
      // ties, the others of bob and cy differ. p3: nobody else. Median of 1000, 2000, 4000, 9000.
      { id: 'ann', votes: 4, medianResponseTimeMs: 3000, agreementWithMajority: 1 / 2, excluded: false },
      { id: 'bob', votes: 3, medianResponseTimeMs: 550, agreementWithMajority: 1, excluded: false },
      { id: 'cy', votes: 3, medianResponseTimeMs: 800, agreementWithMajority: 1 / 2, excluded: false },
    ]);
  });
});

describe('numbers that are undefined say why', () => {
  it('of a study without votes', () => {
    const [general] = report([], items).criteria;
    expect(general).toMatchObject({ pairs: 4, decided: 0, incomplete: 4, detectableWinRate: null });
    expect(general!.winRate).toEqual({
      value: null,
      low: null,
      high: null,
      n: 0,
      rule: '(W+T/2)/N',
      method: 'tango',
      why: 'no pair is decided yet',
    });
    expect(general!.winRateNoTies.why).toBe('no pair was won or lost');
    expect(general!.signTest).toEqual({
      p: null,
      pScore: null,
      pHolm: null,
      why: 'no pair was won or lost',
    });
    expect(general!.votes).toMatchObject({ shareA: null, why: 'no votes yet' });
    expect(general!.bootstrap).toMatchObject({ low: null, high: null, why: 'no pair is decided yet' });
    expect(general!.otherPeople).toMatchObject({ low: null, why: 'it needs two prompts and two annotators' });
    expect(general!.sideBias).toMatchObject({ leftShare: null, n: 0, why: 'no vote has a side on record' });
    expect(general!.agreement).toMatchObject({ fleissKappa: null, krippendorffAlpha: null, unanimous: null });
    expect(general!.agreement.why).toBe('no item has all its ratings');
    expect(report([], items).annotators).toEqual([]);
    expect(report([], {}).criteria[0]!.winRateWeighted).toBeNull();
  });
  it('of one vote a pair, and of votes that are all the same', () => {
    const { rows, items: places } = decided(repeat(3, 'a'));
    expect(report(rows, places, { votesPerPair: 1 }).criteria[0]!.agreement).toMatchObject({
      unanimous: null,
      why: 'agreement needs at least two votes a pair',
    });
    const same = ['ann', 'bob'].flatMap((annotator) => rows.map((row) => ({ ...row, annotator })));
    const { agreement } = report(same, places, { votesPerPair: 2 }).criteria[0]!;
    expect(agreement).toMatchObject({ fleissKappa: null, unanimous: 1 });
    expect(agreement.fleissKappaInterval).toEqual({ low: null, high: null });
    expect(agreement.why).toContain('by chance is certain');
  });
  it('votes without a time have no median', () => {
    const { rows, items: places } = decided(['a']);
    expect(report(rows, places, { votesPerPair: 1 }).annotators[0]!.medianResponseTimeMs).toBeNull();
  });
});

describe('intervals are of 95 %', () => {
  // 60 won of 100: the bootstrap's distribution is Binomial(100, .6)/100, whose 2.5 % and 97.5 % points are .50 and .69.
  const { rows, items: places } = decided([...repeat(60, 'a'), ...repeat(40, 'b')]);
  const makeGeneral = () => report(rows, places, { votesPerPair: 1 }).criteria[0]!;
  it('the bootstrap over prompts has the binomial’s quantiles', () => {
    expect(makeGeneral().bootstrap).toMatchObject({ resamples: 2000, seed: 0, unit: 'prompt', method: 'percentile' });
    for (const { low, high } of [makeGeneral().bootstrap, makeGeneral().bootstrap.bca]) {
      expect(Math.abs(low! - 0.5)).toBeLessThanOrEqual(0.0101);
      expect(Math.abs(high! - 0.69)).toBeLessThanOrEqual(0.0101);
    }
  });
  it('Wilson’s is the published one', () => {
    // 60 of 100: .5020026–.6905987
    expect(makeGeneral().winRate.low).toBeCloseTo(0.5020026, 6);
    expect(makeGeneral().winRate.high).toBeCloseTo(0.6905987, 6);
  });
  it('the seed is said and changes the draws', () => {
    const other = report(rows, places, { votesPerPair: 1, seed: 7 }).criteria[0]!;
    expect(other.bootstrap.seed).toBe(7);
    expect(other.winRate).toEqual(makeGeneral().winRate);
  });
  it('what these pairs can detect: .6396 of 100 (normal approximation, power .8)', () => {
    // n = ((1.959964·½ + .841621·√(p(1 − p)))/(p − ½))² = 100 at p = .6376 (continuous); the exact test needs a little more.
    expect(makeGeneral().detectableWinRate!).toBeGreaterThan(0.63);
    expect(makeGeneral().detectableWinRate!).toBeLessThan(0.66);
  });
  it('side bias has its prompts’ interval', () => {
    // One vote each, half for the left: Binomial(100, ½)/100 has .40 and .60.
    const sided = rows.map((row, i): Row => ({ ...row, left: (row.choice === 'a') === (i % 2 === 0) ? 'a' : 'b' }));
    const { leftShare, low, high } = report(sided, places, { votesPerPair: 1 }).criteria[0]!.sideBias;
    expect(leftShare).toBe(0.5);
    expect(Math.abs(low! - 0.4)).toBeLessThanOrEqual(0.0101);
    expect(Math.abs(high! - 0.6)).toBeLessThanOrEqual(0.0101);
  });
  it('BCa moves where the distribution is skewed', () => {
    // 95 of 100: Binomial(100, .95) has the percentiles .90 and .99. z₀ = Φ⁻¹(.474) = −.065, a = (1 − 2p)/(6√(npq)) = −.0688:
    // the levels become .0078 and .946, whose points are .89 and .98.
    const skewed = decided([...repeat(95, 'a'), ...repeat(5, 'b')]);
    const { bootstrap } = report(skewed.rows, skewed.items, { votesPerPair: 1 }).criteria[0]!;
    expect([bootstrap.low, bootstrap.high]).toEqual([expect.closeTo(0.9, 1.9), expect.closeTo(0.99, 1.9)]);
    expect(Math.abs(bootstrap.bca.low! - 0.89)).toBeLessThanOrEqual(0.0101);
    expect(Math.abs(bootstrap.bca.high! - 0.98)).toBeLessThanOrEqual(0.0101);
    expect(bootstrap.bca.low!).toBeLessThan(bootstrap.low!);
  });
  it('pairs without a vote change nothing', () => {
    const { bootstrap } = report(rows, { ...places, x: {}, y: {} }, { votesPerPair: 1 }).criteria[0]!;
    expect(bootstrap).toEqual(makeGeneral().bootstrap);
  });
  it('agreement has its prompts’ interval', () => {
    // Two votes a pair, a third of the pairs split, the others shared: P̄ = 2/3, chance ½, κ = 1/3 with the standard error
    // 2√(2/9/300) = .0544 (the chance's own variation is of second order).
    const rows300 = Array.from({ length: 300 }, (_, i) =>
      ['ann', 'bob'].map((annotator, n): Row => ({
        item: `i${i}`,
        annotator,
        choice: i % 3 === 0 ? (n === 0 ? 'a' : 'b') : i % 3 === 1 ? 'a' : 'b',
      })),
    ).flat();
    const { agreement } = report(rows300, {}, { votesPerPair: 2 }).criteria[0]!;
    expect(agreement.fleissKappa).toBeCloseTo(1 / 3, 12);
    for (const { low, high } of [agreement.fleissKappaInterval, agreement.krippendorffAlphaInterval]) {
      expect(Math.abs(low! - 0.2267)).toBeLessThan(0.015);
      expect(Math.abs(high! - 0.44)).toBeLessThan(0.015);
    }
  });
  it('ties are a category of κ: of a, b, tie and a, a, a the chance is 4²/6² + 1/6² + 1/6² = ½, the agreement ½', () => {
    const rows = ['ann', 'bob', 'cy'].flatMap((annotator, i): Row[] => [
      { item: 'i0', annotator, choice: (['a', 'b', 'tie'] as const)[i]! },
      { item: 'i1', annotator, choice: 'a' },
    ]);
    expect(report(rows, {}).criteria[0]!.agreement.fleissKappa).toBeCloseTo(0, 12);
  });
  it('items with other than k votes are in α’s interval and not in κ’s', () => {
    // Ten pairs agree, ten do not, at k = 2; twenty pairs of three votes agree: α rises, κ does not see them.
    const pairs = (n: number, from: number, votes: Choice[]) =>
      Array.from({ length: n }, (_, i) =>
        votes.map((choice, person): Row => ({ item: `i${from + i}`, annotator: `p${person}`, choice })),
      ).flat();
    const twos = [...pairs(10, 0, ['a', 'a']), ...pairs(10, 10, ['b', 'b']), ...pairs(20, 20, ['a', 'b'])];
    const threes = [...pairs(50, 40, ['a', 'a', 'a']), ...pairs(50, 90, ['b', 'b', 'b'])];
    const without = report(twos, {}, { votesPerPair: 2 }).criteria[0]!.agreement;
    const all = report([...twos, ...threes], {}, { votesPerPair: 2 }).criteria[0]!.agreement;
    expect(all.fleissKappa).toBe(without.fleissKappa);
    expect(all.fleissKappaInterval.high! - all.fleissKappaInterval.low!).toBeGreaterThan(0.4);
    expect(all.krippendorffAlpha!).toBeGreaterThan(0.7);
    expect(all.krippendorffAlphaInterval.low!).toBeGreaterThan(all.fleissKappaInterval.high!);
  });
});

describe('would other people agree', () => {
  const votesOf = (people: Record<string, Choice>, pairs: number): Row[] =>
    Object.entries(people).flatMap(([annotator, choice]) =>
      Array.from({ length: pairs }, (_, i) => ({ item: `i${i}`, annotator, choice })),
    );
  const found = (rows: Row[], votesPerPair: number) => report(rows, {}, { votesPerPair }).criteria[0]!.otherPeople;

  it('two who never agree leave it open, however many pairs they judge', () => {
    const { value, low, high, components } = found(votesOf({ ann: 'a', bob: 'b' }, 50), 2);
    expect([value, low, high]).toEqual([0.5, 0, 1]);
    // All variance is between the two: (0 − 1)²/2.
    expect(components).toMatchObject({ prompt: 0, residual: 0 });
    expect(components!.annotator).toBeCloseTo(0.5, 12);
  });

  it('the variance of two by two votes by hand', () => {
    // i0: ann a, bob a; i1: ann a, bob b. Mean ¾; sums less their means: prompts ½, −½; annotators ½, −½; votes ¼, ¼, ¼, −¾.
    const { value, degreesOfFreedom, low } = found(
      [
        { item: 'i0', annotator: 'ann', choice: 'a' },
        { item: 'i0', annotator: 'bob', choice: 'a' },
        { item: 'i1', annotator: 'ann', choice: 'a' },
        { item: 'i1', annotator: 'bob', choice: 'b' },
      ],
      2,
    );
    expect(value).toBe(0.75);
    // (½² + ½²)/4² · 2 = 1/16 each way, the votes' own (3/16 + 9/16)/16 · 4/3 = 1/16: together 1/16, 1/8 of (1/16)² a degree.
    expect(degreesOfFreedom).toBeCloseTo(1, 12);
    expect(low).toBe(0);
  });

  it('knows its criterion, takes a tie as one half, and says what to buy next', () => {
    const rows = [
      ...votesOf({ ann: 'a', bob: 'tie' }, 5),
      ...votesOf({ ann: 'b', bob: 'b' }, 5).map((row) => ({ ...row, criterion: 'appeal' })),
    ];
    const { criteria } = report(rows, {}, { votesPerPair: 2 });
    expect(criteria.map(({ otherPeople }) => otherPeople.value)).toEqual([0.75, 0]);
    expect(criteria[0]!.otherPeople.says).toBe(
      'Twice as many prompts would narrow this interval by 0 %, twice as many votes a pair, by other people, by 29 %.',
    );
  });

  it('needs two people', () => {
    expect(found(votesOf({ ann: 'a' }, 3), 1).low).toBeNull();
  });
});

describe('a lopsided result', () => {
  it('p, e-value and verdict of 9 to 1', () => {
    const { rows, items: places } = decided([...repeat(9, 'a'), 'b']);
    const [general] = report(rows, places, { votesPerPair: 1 }).criteria;
    // 2·(1 + 10)/2¹⁰; 2¹⁰/(11·10)
    expect(general!.signTest.p).toBeCloseTo(22 / 1024, 12);
    expect(general!.evidence.eValue).toBeCloseTo(1024 / 110, 10);
    expect(general!.evidence.says).toMatch(/^no difference/);
  });
  it('names the leader once the e-value reaches 20, whichever it is', () => {
    // 10 of 10: 2¹⁰/11 = 93.1
    const says = (choice: Choice) => {
      const { rows, items: places } = decided(repeat(10, choice));
      return report(rows, places, { votesPerPair: 1 }).criteria[0]!.evidence;
    };
    expect(says('a').eValue).toBeCloseTo(1024 / 11, 9);
    expect(says('a').says).toMatch(/^A wins more pairs/);
    expect(says('b').says).toMatch(/^B wins more pairs/);
  });
});

describe('slices', () => {
  it('Holm corrects over the slices of one kind', () => {
    // a: 6–0, p = 2/64; b: 5–0, p = 2/32; c: 1–1, p = 1. Holm: 3·.03125, 2·.0625, 1.
    const { rows, items: places } = decided([...repeat(6, 'a'), ...repeat(5, 'b'), 'a', 'b'], (i) => ({
      category: i < 6 ? 'a' : i < 11 ? 'b' : 'c',
    }));
    const { byCategory } = report(rows, places, { votesPerPair: 1 }).criteria[0]!;
    expect(byCategory.map(({ p, pHolm }) => [p, pHolm])).toEqual([
      [expect.closeTo(0.03125, 12), expect.closeTo(0.09375, 12)],
      [expect.closeTo(0.0625, 12), expect.closeTo(0.125, 12)],
      [1, 1],
    ]);
  });
});

describe('several criteria', () => {
  it('are compared by McNemar’s exact test on the pairs that both decide', () => {
    const first: Choice[] = ['a', 'a', 'a', 'b', 'a', 'b', 'a'];
    const second: Choice[] = ['b', 'b', 'b', 'a', 'a', 'b', 'tie'];
    const { rows, items: places } = decided(first);
    const both = [...rows, ...decided(second).rows.map((row) => ({ ...row, criterion: 'appeal' }))];
    const { comparisons } = report(both, places, { votesPerPair: 1 });
    // Three pairs favour A on the first alone, one on the second alone: p = 2·(1 + 4)/2⁴
    expect(comparisons).toEqual([
      { criteria: ['general', 'appeal'], onlyFirst: 3, onlySecond: 1, p: expect.closeTo(10 / 16, 12) },
    ]);
  });
  it.each(['a', 'b'] as const)('that agree on every pair (%s) have p = 1', (choice) => {
    const { rows, items: places } = decided([choice]);
    const both = [...rows, ...rows.map((row) => ({ ...row, criterion: 'appeal' }))];
    expect(report(both, places, { votesPerPair: 1 }).comparisons[0]).toMatchObject({
      onlyFirst: 0,
      onlySecond: 0,
      p: 1,
    });
  });
  it('that share no decided pair have no p', () => {
    const rows: Row[] = [
      { item: 'i0', annotator: 'ann', choice: 'a' },
      { item: 'i1', annotator: 'ann', choice: 'b', criterion: 'appeal' },
    ];
    expect(report(rows, {}, { votesPerPair: 1 }).comparisons[0]).toMatchObject({
      onlyFirst: 0,
      onlySecond: 0,
      p: null,
    });
  });
});

describe('weights', () => {
  it('a sample that took some prompts more gives the whole set’s rate', () => {
    // 2 pairs stand for 1 prompt each, both won; 2 for 9 each, one won: (2·1 + 18·½)/20 = .55
    const { rows, items: places } = decided(['a', 'a', 'a', 'b'], (i) => ({ weight: i < 2 ? 1 : 9 }));
    const [general] = report(rows, places, { votesPerPair: 1 }).criteria;
    expect(general!.winRateWeighted).toMatchObject({ value: expect.closeTo(0.55, 12), strata: 2 });
    expect(general!.winRate.value).toBe(0.75);
  });
  it('a stratum without a decided pair leaves it undefined', () => {
    const { rows, items: places } = decided(['a', 'a'], (i) => ({ weight: i === 0 ? 1 : 9 }));
    const [general] = report(rows.slice(0, 1), places, { votesPerPair: 1 }).criteria;
    expect(general!.winRateWeighted).toMatchObject({
      value: null,
      why: 'a part of the sample has no decided pair yet',
    });
  });
  it('one item without a weight means that all stand for the same', () => {
    const { rows, items: places } = decided(['a', 'a'], (i) => ({ weight: i === 0 ? 2 : null }));
    expect(report(rows, places, { votesPerPair: 1 }).criteria[0]!.winRateWeighted).toBeNull();
  });
});

describe('rewards beside people', () => {
  // Majorities: A, B, tie. Reward r: A higher, A higher, equal; q scored only the first pair, for B.
  const { rows, items: places } = decided(['a', 'b', 'tie'], (i) => ({ category: i === 0 ? 'X' : 'Y' }));
  const scores = [
    { reward: 'r', position: 0, scoreA: 3, scoreB: 1 },
    { reward: 'r', position: 1, scoreA: 2, scoreB: 1 },
    { reward: 'r', position: 2, scoreA: 5, scoreB: 5 },
    { reward: 'q', position: 0, scoreA: 0, scoreB: 1 },
  ];
  it('win rate, medians and agreement: 1 for the same image, ½ where one says tie, 0 else', () => {
    const { rewards } = report(rows, places, { votesPerPair: 1, scores });
    expect(rewards.map(({ reward }) => reward)).toEqual(['q', 'r']);
    const [q, r] = rewards;
    expect(r!.winRate).toMatchObject({ n: 3, value: expect.closeTo(2.5 / 3, 12) });
    expect([r!.medianA, r!.medianB]).toEqual([3, 1]);
    // 1 (both A), 0 (A against B), 1 (both tie)
    expect(r!.agreementWithPeople).toMatchObject({ n: 3, value: expect.closeTo(2 / 3, 12) });
    expect(r!.byCriterion[0]!.byCategory.map(({ name, n, value }) => [name, n, value])).toEqual([
      ['X', 1, 1],
      ['Y', 2, 0.5],
    ]);
    expect(q!.agreementWithPeople).toMatchObject({ n: 1, value: 0 });
  });
  it('people are their general preference, wherever it stands; without one, the first criterion', () => {
    const of = (criterion: string) => {
      const table = new VoteTableBuilder(['appeal', criterion]);
      const add = (name: string, outcome: 0 | 1) =>
        table.add({
          item: table.itemIndex({ id: 'i', category: null, challenge: null }),
          annotator: table.annotatorIndex('ann'),
          criterion: table.criterionIndex(name),
          outcome,
          sideOfA: sides.unknown,
          responseTimeMs: NaN,
        });
      add('appeal', outcomes.a);
      add(criterion, outcomes.b);
      const higherA = [{ reward: 'r', position: 0, scoreA: 2, scoreB: 1 }];
      return report([], {}, { votes: table.finish(), votesPerPair: 1, scores: higherA }).rewards[0]!.agreementWithPeople
        .value;
    };
    expect(of('general')).toBe(0);
    expect(of('alignment')).toBe(1);
  });
  it('undecided pairs are no agreement', () => {
    const { rewards } = report([], places, { votesPerPair: 1, scores });
    expect(rewards[0]!.agreementWithPeople).toEqual({
      value: null,
      low: null,
      high: null,
      n: 0,
      why: 'people have decided no scored pair yet',
    });
  });
});

it('a reward’s differences in groups: as many decided pairs each, from those of B to those of A', () => {
  const table = new VoteTableBuilder(['general']);
  const scores = Array.from({ length: 44 }, (_, i) => {
    table.itemIndex({ id: String(i), category: null, challenge: null });
    // The last four have no vote. People prefer A where its score is higher, but for pair 39.
    if (i < 40)
      table.add({
        ...{ item: i, annotator: table.annotatorIndex('ann'), criterion: 0, sideOfA: sides.left, responseTimeMs: 1 },
        outcome: i >= 20 && i !== 39 ? outcomes.a : outcomes.b,
      });
    return { reward: 'r', position: i, scoreA: i, scoreB: 20 };
  });
  const { rewards } = buildReport({
    ...{ study: 's', modelA: 'x', modelB: 'y', simulated: false, votesPerPair: 1 },
    votes: table.finish(),
    scores,
  });
  const groups = rewards[0]!.byCriterion[0]!.byDifference;
  expect(groups.map(({ difference, winRate: { value, n } }) => [difference, value, n])).toEqual([
    [-15.5, 0, 10],
    [-5.5, 0, 10],
    [4.5, 1, 10],
    [14.5, 0.9, 10],
  ]);
});
