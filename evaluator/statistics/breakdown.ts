/**
 * @file How firm a verdict is: the fewest votes that, changed, turn it. The verdict is McNemar's score test on the won and lost
 * pairs at 5 %, which depends on their numbers W and L alone; a vote that is changed may move its pair.
 *
 * A pair that one model wins can be made undecided (W − 1) or lost (W − 1, L + 1), an undecided one can be made lost (L + 1); each
 * has its price in votes. Every such move lowers (W − L)/√(W + L), so that of each kind as few as suffice are taken, the cheapest
 * first. Which pairs are only made undecided and which lost is a transportation problem: the best choice grows by one pair at a
 * time along shortest augmenting paths (Ahuja, Magnanti & Orlin, Network Flows, 1993, ch. 9).
 */
import { majority } from './majority.ts';
import { normalQuantile } from './special.ts';

/** Votes on a pair. */
export interface PairVotes {
  a: number;
  b: number;
  tie: number;
}

export type Verdict = 'a' | 'b' | 'none';

/** Up to so many won pairs that can be made undecided, every number of them is tried. */
const trySingly = 128;
const gridPoints = 64;

/** The score test's p is below 5 % where (W − L)²/(W + L) is above it. */
const chiSquared = normalQuantile(0.975) ** 2;

/** Which model wins more pairs, by the score test at 5 %. */
export function verdictOf(wins: number, losses: number): Verdict {
  if ((wins - losses) ** 2 <= chiSquared * (wins + losses)) return 'none';
  return wins > losses ? 'a' : 'b';
}

/**
 * @param pairs those with all their votes
 * @returns null where no change of votes turns the verdict
 */
export function breakdown(pairs: readonly PairVotes[]): number | null {
  const { wins, losses } = count(pairs);
  const verdict = verdictOf(wins, losses);
  const mirrored = pairs.map(({ a, b, tie }) => ({ a: b, b: a, tie }));
  if (verdict === 'a') return push(pairs, (w, l) => verdictOf(w, l) !== 'a');
  if (verdict === 'b') return push(mirrored, (w, l) => verdictOf(w, l) !== 'a');
  const both = [pairs, mirrored].flatMap((each) => push(each, (w, l) => verdictOf(w, l) === 'b') ?? []);
  return both.length === 0 ? null : Math.min(...both);
}

function count(pairs: readonly PairVotes[]): { wins: number; losses: number } {
  const said = pairs.map(({ a, b, tie }) => majority(a, b, tie));
  return { wins: said.filter((model) => model === 'a').length, losses: said.filter((model) => model === 'b').length };
}

/** Won pairs that cost the same. */
interface Won {
  toNeither: number;
  toLost: number;
  free: number;
  /** How many of them are made undecided so far. */
  neither: number;
}

/** The fewest votes that, changed, bring the won and lost pairs to where `isThere`, which more of them keep there. */
function push(pairs: readonly PairVotes[], isThere: (wins: number, losses: number) => boolean): number | null {
  const { wins, losses } = count(pairs);
  const groups = new Map<string, Won>();
  const undecided: number[] = [];
  for (const { a, b, tie } of pairs) {
    const n = a + b + tie;
    const toLost = Math.floor(n / 2) + 1 - b;
    if (b > n / 2) continue;
    if (a <= n / 2) {
      undecided.push(toLost);
      continue;
    }
    const changed = a - Math.floor(n / 2);
    // The votes that change go to B; who loses the pair for as little need not stop halfway.
    const toNeither = changed < toLost ? changed : Infinity;
    const key = `${toNeither} ${toLost}`;
    const group = groups.get(key) ?? { toNeither, toLost, free: 0, neither: 0 };
    group.free += 1;
    groups.set(key, group);
  }
  undecided.sort((x, y) => x - y);
  const prices = [0];
  for (const price of undecided) prices.push(prices.at(-1)! + price);

  let best = Infinity;
  const won = [...groups.values()].sort((x, y) => x.toNeither - y.toNeither);
  const most = won.reduce((sum, { toNeither, free }) => sum + (toNeither === Infinity ? 0 : free), 0);
  const look = (neither: number): number => {
    const found = withSoMany(neither);
    best = Math.min(best, found);
    return found;
  };
  if (most <= trySingly) for (let neither = 0; neither <= most; neither++) look(neither);
  else {
    // The price is convex in it but for a vote or two of rounding: the best of a grid, then of a finer one about it.
    let [low, high] = [0, most];
    for (;;) {
      const step = Math.ceil((high - low) / gridPoints);
      let at = low;
      let least = Infinity;
      for (let neither = low; neither <= high; neither += step) {
        const found = look(neither);
        if (found < least) [least, at] = [found, neither];
      }
      if (step === 1) break;
      [low, high] = [Math.max(0, at - 2 * step), Math.min(most, at + 2 * step)];
    }
  }
  return best === Infinity ? null : best;

  /** The fewest votes when so many won pairs are made undecided: the more are lost, the fewer undecided ones need to be. */
  function withSoMany(neither: number): number {
    let [left, lostPrice] = [neither, 0];
    const own = won.map((group) => {
      const taken = Math.min(left, group.toNeither === Infinity ? 0 : group.free);
      left -= taken;
      if (taken > 0) lostPrice += taken * group.toNeither;
      return { ...group, free: group.free - taken, neither: taken };
    });
    let fewest = Infinity;
    let extra = undecided.length;
    for (let lost = 0; lost + neither <= wins; lost++) {
      if (lost > 0) {
        lostPrice += augment(own);
        if (lostPrice >= Math.min(best, fewest)) break;
      }
      const there = (more: number) => isThere(wins - neither - lost, losses + lost + more);
      if (!there(extra)) continue;
      while (extra > 0 && there(extra - 1)) extra -= 1;
      fewest = Math.min(fewest, lostPrice + prices[extra]!);
    }
    return fewest;
  }
}

/** One more won pair is lost, as many are made undecided as before. @returns what that costs more */
function augment(groups: Won[]): number {
  const direct = cheapest(groups, ({ free, toLost }) => (free > 0 ? toLost : Infinity));
  const turned = cheapest(groups, ({ neither, toLost, toNeither }) => (neither > 0 ? toLost - toNeither : Infinity));
  const refilled = cheapest(groups, ({ free, toNeither }) => (free > 0 ? toNeither : Infinity));
  if (direct.price <= turned.price + refilled.price) {
    if (direct.group !== undefined) direct.group.free -= 1;
    return direct.price;
  }
  turned.group!.neither -= 1;
  refilled.group!.neither += 1;
  refilled.group!.free -= 1;
  return turned.price + refilled.price;
}

function cheapest(groups: readonly Won[], price: (group: Won) => number): { price: number; group?: Won } {
  let found: { price: number; group?: Won } = { price: Infinity };
  for (const group of groups) if (price(group) < found.price) found = { price: price(group), group };
  return found;
}
