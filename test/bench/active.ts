/**
 * @file What drawing the informative comparisons more often gains: even draws and active ones with as many votes, simulated, many
 * times. `npx tsx test/bench/active.ts [repeats]`.
 */
import { Random } from '../../evaluator/statistics/random.ts';
import { activeOdds, type Comparison } from '../../evaluator/statistics/active.ts';
import { bradleyTerry, type Battle } from '../../evaluator/statistics/bradley-terry.ts';
import { chancesOf } from '../../server/study/active.ts';

const repeats = Number(process.argv[2] ?? 400);
const scenarios: Record<string, number[]> = {
  'six models a step of 0.2 apart': [0, 0.2, 0.4, 0.6, 0.8, 1],
  'four alike, one far above, one far below': [0, 0.1, 0.2, 0.3, 2.5, -2.5],
  'eight models from -2 to 2': [-2, -1.4, -0.8, -0.2, 0.2, 0.8, 1.4, 2],
};
const random = 0.25;
const renewEvery = 20;

interface Result {
  /** Of ratings around the truth, both summing to 0. */
  squares: number;
  /** Pairs of neighbours in the wrong order. */
  swapped: number;
}

function study(strengths: readonly number[], votes: number, isActive: boolean, uniform: () => number): Result {
  const models = strengths.length;
  const mean = strengths.reduce((sum, value) => sum + value, 0) / models;
  const comparisons = strengths.flatMap((_, a) => strengths.slice(a + 1).map((_, b): Comparison => [a, a + 1 + b]));
  const counts = comparisons.map(() => ({ drawn: 0, all: Infinity }));
  const battles: Battle[] = [];
  let odds: number[] | null = null;
  for (let i = 0; i < votes; i++) {
    if (isActive && i > 0 && i % renewEvery === 0)
      odds = activeOdds(
        models,
        comparisons,
        battles.map(({ left, right, winner }) => ({ left, right, winner })),
      );
    const chances = chancesOf(counts, odds, isActive ? random : 1);
    let at = uniform();
    const which = chances.findIndex((chance) => (at -= chance) < 0);
    const [left, right] = comparisons[which === -1 ? chances.length - 1 : which]!;
    const p = 1 / (1 + Math.exp(strengths[right]! - strengths[left]!));
    const weight = 1 / comparisons.length / chances[which === -1 ? chances.length - 1 : which]!;
    battles.push({ left, right, winner: uniform() < p ? 'left' : 'right', count: weight });
  }
  // As a report does, with just so much prior that a model without a loss has a rating too.
  const ratings = bradleyTerry(models, battles, { prior: 0.01 }).ratings!.map(({ value }) => value);
  const order = [...strengths.keys()].sort((x, y) => strengths[x]! - strengths[y]!);
  return {
    squares: ratings.reduce((sum, value, i) => sum + (value - (strengths[i]! - mean)) ** 2, 0) / models,
    swapped: order.slice(1).filter((model, i) => ratings[model]! < ratings[order[i]!]!).length,
  };
}

for (const [name, strengths] of Object.entries(scenarios)) {
  for (const votes of [300, 1000]) {
    const row = [false, true].map((isActive) => {
      const source = new Random(1);
      const uniform = () => source.uniform();
      const results = Array.from({ length: repeats }, () => study(strengths, votes, isActive, uniform));
      const average = (of: (result: Result) => number) => results.reduce((sum, one) => sum + of(one), 0) / repeats;
      return { rmse: Math.sqrt(average(({ squares }) => squares)), swapped: average(({ swapped }) => swapped) };
    });
    const [even, active] = row as [(typeof row)[number], (typeof row)[number]];
    console.log(
      `${name}, ${votes} votes: error of a strength ${even.rmse.toFixed(3)} even, ${active.rmse.toFixed(3)} active (${((active.rmse / even.rmse) ** 2).toFixed(2)} of the variance); neighbours in the wrong order ${even.swapped.toFixed(2)} and ${active.swapped.toFixed(2)}`,
    );
  }
}
