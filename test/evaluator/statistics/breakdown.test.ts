/** @file The breakdown number: small studies by trying every change of votes, larger ones by hand. */
import { expect, it } from 'vitest';
import { breakdown, verdictOf, type PairVotes } from '../../../evaluator/statistics/breakdown.ts';
import { Random } from '../../../evaluator/statistics/random.ts';

/** Every change of one vote after the other, the nearest first. */
function byTrying(start: readonly PairVotes[], ties: boolean): number | null {
  const said = ({ a, b, tie }: PairVotes) => (2 * a > a + b + tie ? 'a' : 2 * b > a + b + tie ? 'b' : 'neither');
  const verdict = (pairs: readonly PairVotes[]) => {
    const [wins, losses] = ['a', 'b'].map((model) => pairs.filter((pair) => said(pair) === model).length);
    return verdictOf(wins!, losses!);
  };
  // Pairs with the same votes are alike.
  const name = (pairs: readonly PairVotes[]) =>
    pairs
      .map(({ a, b, tie }) => `${a} ${b} ${tie}`)
      .sort()
      .join();
  const kinds = ties ? (['a', 'b', 'tie'] as const) : (['a', 'b'] as const);
  const seen = new Set([name(start)]);
  let layer: PairVotes[][] = [[...start]];
  for (let changed = 0; layer.length > 0; changed++) {
    if (layer.some((pairs) => verdict(pairs) !== verdict(start))) return changed;
    const next: PairVotes[][] = [];
    for (const pairs of layer)
      for (const [i, pair] of pairs.entries())
        for (const from of kinds)
          for (const to of kinds) {
            if (from === to || pair[from] === 0) continue;
            const made = pairs.with(i, { ...pair, [from]: pair[from] - 1, [to]: pair[to] + 1 });
            if (seen.has(name(made))) continue;
            seen.add(name(made));
            next.push(made);
          }
    layer = next;
  }
  return null;
}

it.each([
  [1, 6, false],
  [1, 7, true],
  [2, 6, false],
  [2, 6, true],
  [3, 6, false],
  [3, 5, true],
  [4, 5, false],
  [4, 6, true],
])('with %i votes on each of %i pairs (ties %s) it is what trying every change finds', (k, pairs, ties) => {
  const random = new Random(k * 100 + pairs);
  const found = new Map<number | null, number>();
  for (let trial = 0; trial < 40; trial++) {
    const lean = random.uniform();
    const study = Array.from({ length: pairs }, (): PairVotes => {
      const votes = { a: 0, b: 0, tie: 0 };
      for (let vote = 0; vote < k; vote++) {
        if (ties && random.uniform() < 0.25) votes.tie += 1;
        else votes[random.uniform() < lean ? 'a' : 'b'] += 1;
      }
      return votes;
    });
    const expected = byTrying(study, ties);
    expect(breakdown(study), JSON.stringify(study)).toBe(expected);
    found.set(expected, (found.get(expected) ?? 0) + 1);
  }
  // Or the test would show one number alone.
  expect(found.size).toBeGreaterThan(2);
});

/** The fewest changed votes after which `votes` say something: a, b or neither. */
function price(votes: PairVotes, wanted: 'a' | 'b' | 'neither'): number {
  const n = votes.a + votes.b + votes.tie;
  let fewest = Infinity;
  for (let a = 0; a <= n; a++)
    for (let b = 0; a + b <= n; b++) {
      const said = 2 * a > n ? 'a' : 2 * b > n ? 'b' : 'neither';
      const moved = (Math.abs(a - votes.a) + Math.abs(b - votes.b) + Math.abs(n - a - b - votes.tie)) / 2;
      if (said === wanted) fewest = Math.min(fewest, moved);
    }
  return fewest;
}

it('of pairs of a few kinds it is what trying every number of each kind finds', () => {
  const random = new Random(11);
  const kinds: PairVotes[] = [
    { a: 3, b: 0, tie: 1 },
    { a: 3, b: 1, tie: 0 },
    { a: 4, b: 0, tie: 0 },
    { a: 2, b: 1, tie: 1 },
    { a: 0, b: 3, tie: 1 },
    { a: 1, b: 3, tie: 0 },
  ];
  const verdicts = { a: 0, b: 0, none: 0 };
  for (let trial = 0; trial < 80; trial++) {
    const chosen = [...kinds].sort(() => random.uniform() - 0.5).slice(0, 4);
    const study = chosen.flatMap((votes) => Array.from({ length: random.below(6) }, () => votes));
    const said = (wanted: 'a' | 'b') => study.filter((votes) => price(votes, wanted) === 0).length;
    const verdict = verdictOf(said('a'), said('b'));
    verdicts[verdict] += 1;
    let expected = Infinity;
    const next = (kind: number, wins: number, losses: number, paid: number): void => {
      if (paid >= expected) return;
      const votes = chosen[kind];
      if (votes === undefined) {
        if (verdictOf(wins, losses) !== verdict) expected = paid;
        return;
      }
      const count = study.filter((other) => other === votes).length;
      for (let a = 0; a <= count; a++)
        for (let b = 0; a + b <= count; b++) {
          const paying = a * price(votes, 'a') + b * price(votes, 'b') + (count - a - b) * price(votes, 'neither');
          next(kind + 1, wins + a, losses + b, paid + paying);
        }
    };
    next(0, 0, 0, 0);
    const found = breakdown(study);
    expect(found ?? Infinity, JSON.stringify(study)).toBe(expected);
  }
  for (const count of Object.values(verdicts)) expect(count).toBeGreaterThan(2);
});

it('of hundreds of pairs that can be made undecided it is what trying every number of them finds', () => {
  const random = new Random(5);
  for (let trial = 0; trial < 6; trial++) {
    const [won, open, lost] = [200 + random.below(100), random.below(25), 20 + random.below(100)];
    const kinds = [
      { count: won, votes: { a: 3, b: 0, tie: 1 } },
      { count: open, votes: { a: 1, b: 2, tie: 1 } },
      { count: lost, votes: { a: 0, b: 4, tie: 0 } },
    ];
    const pairs = kinds.flatMap(({ count, votes }) => Array.from({ length: count }, () => votes));
    let expected = Infinity;
    // A won pair costs one vote to be undecided and three to be lost, an undecided one costs one.
    for (let neither = 0; neither <= won; neither++)
      for (let turned = 0; neither + turned <= won; turned++)
        for (let more = 0; more <= open; more++) {
          const paid = neither + 3 * turned + more;
          if (paid < expected && verdictOf(won - neither - turned, lost + turned + more) !== 'a') expected = paid;
        }
    expect(breakdown(pairs), JSON.stringify([won, open, lost])).toBe(expected);
  }
});

it('four pairs to none: one changed vote of a narrow pair, two of a unanimous one', () => {
  // 4–0 has z = 2, 3–1 has z = 1.
  const narrow = Array.from({ length: 4 }, () => ({ a: 2, b: 1, tie: 0 }));
  expect(breakdown(narrow)).toBe(1);
  expect(breakdown(narrow.map(() => ({ a: 3, b: 0, tie: 0 })))).toBe(2);
  expect(breakdown([])).toBe(null);
  // Three pairs cannot differ at 5 %: z = √3.
  expect(breakdown(narrow.slice(1))).toBe(null);
});

it('of 1,632 pairs with 64.6 % won as many change hands as bring z below 1.96', () => {
  // 1054 – 578: z = 476/√1632 = 11.78; (476 − 2n)/40.398 < 1.95996 from n = 199 on (78/40.4 = 1.93; n = 198: 80/40.4 = 1.98).
  const pairs = Array.from({ length: 1632 }, (_, i) => (i < 1054 ? { a: 2, b: 1, tie: 0 } : { a: 1, b: 2, tie: 0 }));
  expect(breakdown(pairs)).toBe(199);
});
