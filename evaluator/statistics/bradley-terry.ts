/**
 * @file Bradley–Terry ratings. Bradley & Terry (1952), Biometrika 39:324–345; ties after Davidson (1970), JASA
 * 65:317–328; the side term after Agresti, Categorical Data Analysis, 10.6; existence after Ford (1957).
 *
 * Here        In the papers
 * rating θ    log π_i
 * side δ      the order effect: logit P(left wins) = δ + θ_left − θ_right
 * tie λ       log ν: P(tie) ∝ ν √(π_i π_j)
 *
 * Every outcome of a battle has a score linear in (θ, δ, λ); probabilities are their softmax. One Newton iteration
 * serves the plain model, the side term and Davidson's ties.
 */
import { ArgumentError } from './argument-error.ts';
import { cholesky, choleskyInverse, choleskySolve } from './linear.ts';

export interface Battle {
  left: number;
  right: number;
  winner: 'left' | 'right' | 'tie';
  /** How many such battles; 1 when absent. */
  count?: number;
  /** Battles of one cluster (a prompt) depend on one another: the robust errors take them together. */
  cluster?: number;
}

export interface BradleyTerryOptions {
  /** half: a tie is half a win for each. davidson: ties are outcomes of their own. */
  ties?: 'half' | 'davidson';
  side?: boolean;
  /** The penalty prior·‖θ‖² on the log-likelihood; 0 is maximum likelihood. */
  prior?: number;
}

export interface Estimate {
  value: number;
  /** From the inverse Hessian: right when the model is. */
  error: number;
  /** From the sandwich: right for the best-fitting ratings even when the model is not. */
  robustError: number;
}

export interface BradleyTerryFit {
  /** By item, summing to 0; null when there is no finite maximum. */
  ratings: Estimate[] | null;
  side?: Estimate;
  tie?: Estimate;
  logLikelihood: number | null;
  /** Items, or the best of a group, that never lose to the rest, and those that never win: their rating has no bound. */
  unbounded: number[];
  why?: string;
}

/** Sparse features of one outcome. */
type Score = readonly [index: number, value: number][];
interface Cell {
  outcomes: Score[];
  /** How many battles ended in each outcome; halves under the rule that a tie is half a win. */
  counts: number[];
  /** Battles by kind of result, for the sandwich: how many, and the outcomes' shares in each. */
  kinds: { count: number; shares: number[] }[];
}

/**
 * @param items how many; battles name them 0 … items − 1
 * @throws ArgumentError for an item that does not exist
 */
export function bradleyTerry(
  items: number,
  battles: Iterable<Battle>,
  options: BradleyTerryOptions = {},
): BradleyTerryFit {
  const { ties = 'half', side = false, prior = 0 } = options;
  const list = [...battles];
  const table = aggregate(items, list);
  if (prior === 0) {
    const unbounded = unboundedItems(items, table);
    if (unbounded.length > 0) {
      return {
        ratings: null,
        logLikelihood: null,
        unbounded,
        why: 'some items never lose, or never win, against the rest: without a prior their rating has no bound',
      };
    }
  }
  const sideIndex = items;
  const tieIndex = items + Number(side);
  const size = tieIndex + Number(ties === 'davidson');
  const cells = [...table.entries()].map(([key, counts]) => {
    const [left, right] = [Math.floor(key / items), key % items];
    return makeCell(left, right, counts, { davidson: ties === 'davidson', side, sideIndex, tieIndex });
  });
  const fit = newton(cells, size, items, prior);
  const inverse = choleskyInverse(fit.factor, size);
  const robust = list.some(({ cluster }) => cluster !== undefined)
    ? clusteredSandwich(list, new Map([...table.keys()].map((key, c) => [key, cells[c]!])), items, fit, inverse, size)
    : sandwich(cells, fit, inverse, size);
  const estimate = (i: number): Estimate => ({
    value: fit.beta[i]!,
    error: Math.sqrt(Math.max(0, inverse[i * size + i]! - (i < items ? levelVariance(items, prior) : 0))),
    robustError: Math.sqrt(Math.max(0, robust[i * size + i]!)),
  });
  return {
    ratings: Array.from({ length: items }, (_, i) => estimate(i)),
    ...(side ? { side: estimate(sideIndex) } : {}),
    ...(ties === 'davidson' ? { tie: estimate(tieIndex) } : {}),
    logLikelihood: fit.logLikelihood,
    unbounded: [],
  };
}

/** Counts of left wins, right wins and ties by ordered pair of items; the key is left·items + right. */
function aggregate(items: number, battles: Iterable<Battle>): Map<number, [number, number, number]> {
  const table = new Map<number, [number, number, number]>();
  for (const { left, right, winner, count = 1 } of battles) {
    if (!(left >= 0 && left < items && right >= 0 && right < items) || left === right) {
      throw new ArgumentError(`A battle of item ${left} against item ${right}, where there are ${items} items.`);
    }
    const key = left * items + right;
    let counts = table.get(key);
    if (counts === undefined) table.set(key, (counts = [0, 0, 0]));
    counts[winner === 'left' ? 0 : winner === 'right' ? 1 : 2]! += count;
  }
  return table;
}

function makeCell(
  left: number,
  right: number,
  [wins, losses, draws]: readonly [number, number, number],
  { davidson, side, sideIndex, tieIndex }: { davidson: boolean; side: boolean; sideIndex: number; tieIndex: number },
): Cell {
  const sided = (value: number): [number, number][] => (side ? [[sideIndex, value]] : []);
  const leftWins: Score = [[left, 1], ...sided(1)];
  const rightWins: Score = [[right, 1]];
  if (davidson) {
    const tie: Score = [[left, 0.5], [right, 0.5], ...sided(0.5), [tieIndex, 1]];
    return {
      outcomes: [leftWins, rightWins, tie],
      counts: [wins, losses, draws],
      kinds: [wins, losses, draws].map((count, o) => ({ count, shares: [0, 1, 2].map((i) => Number(i === o)) })),
    };
  }
  return {
    outcomes: [leftWins, rightWins],
    counts: [wins + draws / 2, losses + draws / 2],
    kinds: [
      { count: wins, shares: [1, 0] },
      { count: losses, shares: [0, 1] },
      { count: draws, shares: [0.5, 0.5] },
    ],
  };
}

interface Fit {
  beta: Float64Array;
  /** Cholesky factor of the negative Hessian, with the gauge fixed. */
  factor: Float64Array;
  logLikelihood: number;
}

/** The ratings' common level does not matter: adding 1·1ᵀ/items to the curvature fixes it at sum 0. */
function gauge(items: number): number {
  return 1 / items;
}

/** What the common level adds to each rating's variance: the gauge's, or with a prior that of the prior alone. */
function levelVariance(items: number, prior: number): number {
  return prior === 0 ? gauge(items) : 1 / (2 * prior * items);
}

function newton(cells: readonly Cell[], size: number, items: number, prior: number): Fit {
  let beta = new Float64Array(size);
  let current = objective(cells, beta, items, prior);
  for (let iteration = 0; iteration < 200; iteration++) {
    const { gradient, curvature } = derivatives(cells, beta, size, items, prior);
    const factor = cholesky(curvature, size);
    if (factor === undefined) throw new ArgumentError('The ratings are not determined by these battles; set a prior.');
    const step = choleskySolve(factor, size, gradient);
    // Newton's step, halved until it climbs: far from the maximum it may overshoot.
    let scale = 1;
    let next = beta;
    let value = current;
    for (; scale > 1e-10; scale /= 2) {
      next = beta.map((b, i) => b + scale * step[i]!) as Float64Array<ArrayBuffer>;
      value = objective(cells, next, items, prior);
      if (value >= current) break;
    }
    // What the step can still gain, twice. Where that is lost in the log-likelihood's last bits one full step, of which Newton's
    // method squares the error, is the last one: the log-likelihood itself can no longer tell better from worse.
    const decrement = step.reduce((sum, s, i) => sum + s * gradient[i]!, 0);
    const isLast = decrement <= 1e-14 * (1 + Math.abs(current));
    if (isLast) next = beta.map((b, i) => b + step[i]!) as Float64Array<ArrayBuffer>;
    if (isLast || value >= current) [beta, current] = [next as Float64Array<ArrayBuffer>, Math.max(value, current)];
    if (isLast || scale <= 1e-10) {
      const { curvature: last } = derivatives(cells, beta, size, items, prior);
      const penalty = prior * beta.slice(0, items).reduce((sum, t) => sum + t * t, 0);
      return { beta, factor: cholesky(last, size)!, logLikelihood: current + penalty };
    }
  }
  throw new ArgumentError('The ratings did not converge in 200 steps.');
}

function probabilities(cell: Cell, beta: Float64Array): { p: number[]; logSum: number; scores: number[] } {
  const scores = cell.outcomes.map((score) => score.reduce((sum, [i, x]) => sum + x * beta[i]!, 0));
  const top = Math.max(...scores);
  const weights = scores.map((s) => Math.exp(s - top));
  const total = weights.reduce((sum, w) => sum + w, 0);
  return { p: weights.map((w) => w / total), logSum: top + Math.log(total), scores };
}

function objective(cells: readonly Cell[], beta: Float64Array, items: number, prior: number): number {
  let sum = 0;
  for (const cell of cells) {
    const { logSum, scores } = probabilities(cell, beta);
    cell.counts.forEach((n, o) => (sum += n * (scores[o]! - logSum)));
  }
  for (let i = 0; i < items; i++) sum -= prior * beta[i]! ** 2;
  return sum;
}

function derivatives(cells: readonly Cell[], beta: Float64Array, size: number, items: number, prior: number) {
  const gradient = new Float64Array(size);
  const curvature = new Float64Array(size * size);
  for (const cell of cells) {
    const { p } = probabilities(cell, beta);
    const n = cell.counts.reduce((sum, c) => sum + c, 0);
    const mean = expected(cell, p);
    cell.outcomes.forEach((score, o) => {
      for (const [i, x] of score) {
        gradient[i]! += cell.counts[o]! * x;
        for (const [j, y] of score) curvature[i * size + j]! += n * p[o]! * x * y;
      }
    });
    for (const [i, x] of mean) {
      gradient[i]! -= n * x;
      for (const [j, y] of mean) curvature[i * size + j]! -= n * x * y;
    }
  }
  for (let i = 0; i < items; i++) {
    gradient[i]! -= 2 * prior * beta[i]!;
    curvature[i * size + i]! += 2 * prior;
    if (prior === 0) for (let j = 0; j < items; j++) curvature[i * size + j]! += gauge(items) ** 2 * items;
  }
  return { gradient, curvature };
}

function expected(cell: Cell, p: readonly number[]): Map<number, number> {
  const mean = new Map<number, number>();
  cell.outcomes.forEach((score, o) => {
    for (const [i, x] of score) mean.set(i, (mean.get(i) ?? 0) + p[o]! * x);
  });
  return mean;
}

/** H⁻¹ (Σ s sᵀ) H⁻¹ with s the score of one battle. White (1982), Econometrica 50:1–25. */
function sandwich(cells: readonly Cell[], { beta }: Fit, inverse: Float64Array, size: number): Float64Array {
  const meat = new Float64Array(size * size);
  for (const cell of cells) {
    const { p } = probabilities(cell, beta);
    const mean = expected(cell, p);
    for (const { count, shares } of cell.kinds) {
      if (count === 0) continue;
      const s = new Map([...mean].map(([i, x]) => [i, -x]));
      cell.outcomes.forEach((score, o) => {
        for (const [i, x] of score) s.set(i, s.get(i)! + shares[o]! * x);
      });
      for (const [i, x] of s) for (const [j, y] of s) meat[i * size + j]! += count * x * y;
    }
  }
  return multiply(multiply(inverse, meat, size), inverse, size);
}

/** The same with s summed over each cluster first; a battle without one is its own. Liang & Zeger (1986), Biometrika 73:13–22. */
function clusteredSandwich(
  battles: readonly Battle[],
  cellOf: ReadonlyMap<number, Cell>,
  items: number,
  { beta }: Fit,
  inverse: Float64Array,
  size: number,
): Float64Array {
  const expectations = new Map([...cellOf].map(([key, cell]) => [key, expected(cell, probabilities(cell, beta).p)]));
  const scores = new Map<number | symbol, Float64Array>();
  for (const { left, right, winner, count = 1, cluster } of battles) {
    const key = left * items + right;
    const cell = cellOf.get(key)!;
    const { shares } = cell.kinds[winner === 'left' ? 0 : winner === 'right' ? 1 : 2]!;
    const place = cluster ?? Symbol();
    let score = scores.get(place);
    if (score === undefined) scores.set(place, (score = new Float64Array(size)));
    for (const [i, x] of expectations.get(key)!) score[i]! -= count * x;
    cell.outcomes.forEach((outcome, o) => {
      for (const [i, x] of outcome) score[i]! += count * shares[o]! * x;
    });
  }
  const meat = new Float64Array(size * size);
  for (const score of scores.values())
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) meat[i * size + j]! += score[i]! * score[j]!;
  return multiply(multiply(inverse, meat, size), inverse, size);
}

function multiply(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const out = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      const x = a[i * size + k]!;
      if (x !== 0) for (let j = 0; j < size; j++) out[i * size + j]! += x * b[k * size + j]!;
    }
  }
  return out;
}

/**
 * Ford (1957): a finite maximum exists when every item can be reached from every other along "did not lose to". Returns
 * the items of the strongest and the weakest groups that break this; empty when all is well.
 */
function unboundedItems(items: number, table: ReadonlyMap<number, readonly [number, number, number]>): number[] {
  const beats: number[][] = Array.from({ length: items }, () => []);
  for (const [key, [wins, losses, draws]] of table) {
    const [left, right] = [Math.floor(key / items), key % items];
    if (wins + draws > 0) beats[left]!.push(right);
    if (losses + draws > 0) beats[right]!.push(left);
  }
  const beatenBy: number[][] = Array.from({ length: items }, () => []);
  beats.forEach((list, i) => list.forEach((j) => beatenBy[j]!.push(i)));
  const reach = (start: number, edges: number[][]): Set<number> => {
    const seen = new Set([start]);
    const stack = [start];
    while (stack.length > 0) {
      for (const next of edges[stack.pop()!]!) {
        if (seen.has(next)) continue;
        seen.add(next);
        stack.push(next);
      }
    }
    return seen;
  };
  const out: number[] = [];
  for (let i = 0; i < items; i++) {
    const [above, below] = [reach(i, beatenBy), reach(i, beats)];
    // At an end when whoever reaches it, or whom it reaches, is in its own group, and the group is not everybody.
    const group = [...above].filter((j) => below.has(j)).length;
    if (group < items && (above.size === group || below.size === group)) out.push(i);
  }
  return out;
}
