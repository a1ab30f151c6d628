/**
 * @file Pre-screening: candidates against a baseline by synthetic rewards. Pure. Gambashidze et al. (2025),
 * arXiv:2406.17636, tables 1 and 2 (win rate = share of prompts with the higher score, one image each, equal seeds, ties ½)
 * and figure 4 (median reward of checkpoints against equal training time).
 */
import type { CandidateResult, CategoryResult, CheckpointResult, RewardResult } from '../../contract/prescreen.ts';
import { resample, percentileInterval } from '../statistics/bootstrap.ts';
import { signTest } from '../statistics/binomial-test.ts';
import { holm } from '../statistics/holm.ts';
import { scoreTest, tango } from '../statistics/tango.ts';
import { orNull } from '../statistics/wilson.ts';

export interface ScreenModel {
  model: string;
  checkpoint: CheckpointResult | null;
  /** One score a prompt of the set; NaN where there is none. */
  scores: Float64Array;
}
export interface RewardInput {
  reward: string;
  kind: string;
  baseline: ScreenModel;
  candidates: readonly ScreenModel[];
}

type WinRate = CandidateResult['winRate'];

const resamples = 2000;

/** @param categories of the prompts, in the scores' order */
export function screenReward(
  { reward, kind, baseline, candidates }: RewardInput,
  categories: readonly (string | null)[],
  seed: number,
): RewardResult {
  const medians = candidates.map(({ scores }) => weightedMedian(scores));
  const baselineMedian = weightedMedian(baseline.scores);
  const count = candidates.length;
  const drawn = resample(new Int32Array(categories.length).fill(1), { resamples, seed }, [
    baselineMedian,
    ...medians,
    ...candidates.map(({ scores }) => winRateOf(scores, baseline.scores)),
  ]);
  const baselineDrawn = drawn[0]!;
  const mediansDrawn = drawn.slice(1, 1 + count);
  const winRatesDrawn = drawn.slice(1 + count);
  const all = new Int32Array(categories.length).fill(1);
  const shares = sharesOfBest(mediansDrawn);
  const rows = candidates.map(({ model, checkpoint, scores }, i): CandidateResult => {
    const { wins, losses, ties } = compare(scores, baseline.scores);
    const value = finite(medians[i]!(all));
    const baselineValue = finite(baselineMedian(all));
    return {
      model,
      checkpoint,
      wins,
      losses,
      ties,
      missing: categories.length - wins - losses - ties,
      winRate: winRate(wins, losses, ties),
      bootstrap: { ...orNull(percentileInterval(winRatesDrawn[i]!)), resamples, seed, unit: 'prompt' },
      signTest: {
        p: wins + losses === 0 ? null : signTest(wins, losses),
        pScore: wins + losses === 0 ? null : scoreTest(wins, losses),
        pHolm: null,
      },
      median: { value, ...orNull(percentileInterval(mediansDrawn[i]!)) },
      baselineMedian: { value: baselineValue, ...orNull(percentileInterval(baselineDrawn)) },
      medianDifference: {
        value: value === null || baselineValue === null ? null : value - baselineValue,
        ...orNull(percentileInterval(difference(mediansDrawn[i]!, baselineDrawn))),
      },
      probabilityBest: value === null ? null : shares[i]!,
      byCategory: byCategory(scores, baseline.scores, categories),
    };
  });
  holm(rows.map((row) => row.signTest.p)).forEach((p, i) => (rows[i]!.signTest.pHolm = p));
  return {
    reward,
    kind,
    candidates: rows,
    best: bestOf(rows, mediansDrawn),
    equalTime: equalTime(rows, candidates),
  };
}

/** The median over prompts that were drawn `counts` times; NaN scores are left out. */
function weightedMedian(scores: Float64Array): (counts: ArrayLike<number>) => number {
  const order = Array.from(scores.keys())
    .filter((i) => !Number.isNaN(scores[i]))
    .sort((x, y) => scores[x]! - scores[y]!);
  return (counts) => {
    let total = 0;
    for (const i of order) total += counts[i]!;
    if (total === 0) return NaN;
    // The (total − 1) / 2-th and total / 2-th of the sorted draws.
    let [seen, low] = [0, NaN];
    const [first, second] = [Math.floor((total - 1) / 2), Math.floor(total / 2)];
    for (const i of order) {
      if (counts[i] === 0) continue;
      seen += counts[i]!;
      if (Number.isNaN(low) && seen > first) low = scores[i]!;
      if (seen > second) return (low + scores[i]!) / 2;
    }
    return NaN;
  };
}

function winRateOf(a: Float64Array, b: Float64Array): (counts: ArrayLike<number>) => number {
  return (counts) => {
    let [points, n] = [0, 0];
    for (let i = 0; i < a.length; i++) {
      if (counts[i] === 0 || Number.isNaN(a[i]! + b[i]!)) continue;
      n += counts[i]!;
      points += a[i]! > b[i]! ? counts[i]! : a[i] === b[i] ? counts[i]! / 2 : 0;
    }
    return n === 0 ? NaN : points / n;
  };
}

function compare(a: Float64Array, b: Float64Array, use: (i: number) => boolean = () => true) {
  const counts = { wins: 0, losses: 0, ties: 0 };
  for (let i = 0; i < a.length; i++) {
    if (!use(i) || Number.isNaN(a[i]! + b[i]!)) continue;
    counts[a[i]! > b[i]! ? 'wins' : a[i]! < b[i]! ? 'losses' : 'ties'] += 1;
  }
  return counts;
}

function winRate(wins: number, losses: number, ties: number): WinRate {
  const n = wins + losses + ties;
  const named = { n, rule: '(W+T/2)/N', method: 'tango' } as const;
  if (n === 0) return { value: null, low: null, high: null, ...named, why: 'no prompt has a score of both models' };
  return { value: (wins + ties / 2) / n, ...tango(wins, ties, losses), ...named };
}

function byCategory(a: Float64Array, b: Float64Array, categories: readonly (string | null)[]): CategoryResult[] {
  const names = [...new Set(categories.filter((name) => name !== null))].sort();
  const rows = names.map((name) => {
    const { wins, losses, ties } = compare(a, b, (i) => categories[i] === name);
    const p = wins + losses === 0 ? null : signTest(wins, losses);
    return { name, wins, losses, ties, winRate: winRate(wins, losses, ties), p, pHolm: null as number | null };
  });
  holm(rows.map(({ p }) => p)).forEach((p, i) => (rows[i]!.pHolm = p));
  return rows;
}

/** [candidate]: share of the resamples in which its median is the highest; a tie is shared. */
function sharesOfBest(medians: readonly Float64Array[]): number[] {
  const shares = medians.map(() => 0);
  for (let r = 0; r < resamples; r++) {
    const highest = medians.reduce((most, values) => (values[r]! > most ? values[r]! : most), -Infinity);
    const best = medians.flatMap((values, i) => (values[r] === highest ? [i] : []));
    for (const i of best) shares[i]! += 1 / best.length / resamples;
  }
  return shares;
}

function bestOf(rows: readonly CandidateResult[], medians: readonly Float64Array[]): RewardResult['best'] {
  let best = -1;
  rows.forEach(({ median }, i) => {
    if (median.value !== null && (best < 0 || median.value > rows[best]!.median.value!)) best = i;
  });
  if (best < 0) return null;
  const others = rows.filter((row, i) => {
    if (i === best || row.median.value === null) return false;
    const interval = percentileInterval(difference(medians[best]!, medians[i]!));
    return interval !== null && interval.low <= 0;
  });
  const { model, probabilityBest } = rows[best]!;
  return { model, probabilityBest: probabilityBest!, indistinguishable: others.map((row) => row.model) };
}

/** Each run's last checkpoint within the time that all runs had, and their win rates over one another. */
function equalTime(rows: readonly CandidateResult[], models: readonly ScreenModel[]): RewardResult['equalTime'] {
  const runs = new Map<string, number[]>();
  rows.forEach(({ checkpoint }, i) => {
    if (checkpoint?.deviceSeconds == null) return;
    runs.set(checkpoint.run, [...(runs.get(checkpoint.run) ?? []), i]);
  });
  if (runs.size < 2) return null;
  const seconds = (i: number) => rows[i]!.checkpoint!.deviceSeconds!;
  const deviceSeconds = Math.min(...[...runs.values()].map((members) => Math.max(...members.map(seconds))));
  const chosen = [...runs].flatMap(([run, members]) => {
    const within = members.filter((i) => seconds(i) <= deviceSeconds).sort((x, y) => seconds(y) - seconds(x));
    return within[0] === undefined ? [] : [{ run, i: within[0] }];
  });
  const winRates = chosen.flatMap((a, x) =>
    chosen.slice(x + 1).map((b) => {
      const { wins, losses, ties } = compare(models[a.i]!.scores, models[b.i]!.scores);
      return { a: a.run, b: b.run, winRate: winRate(wins, losses, ties) };
    }),
  );
  return {
    deviceSeconds,
    runs: chosen.map(({ run, i }) => ({
      run,
      model: rows[i]!.model,
      step: rows[i]!.checkpoint!.step,
      deviceSeconds: seconds(i),
      median: rows[i]!.median.value,
    })),
    winRates,
  };
}

function difference(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value - b[i]!);
}

function finite(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
