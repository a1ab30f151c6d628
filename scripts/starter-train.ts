/**
 * @file npm run starter:train. From the starter's pipeline alone to the adapters that ship with it: pairs of base samples, the
 * filter, DPO and NCP-DPO with settings chosen on validation captions, and a table on captions on which nothing was chosen.
 * Usage: tsx scripts/starter-train.ts [folder]. A second start continues where the first ended.
 */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { packageRoot } from '../evaluator/engine/files/package-root.ts';
import { starter } from '../evaluator/starter/starter.ts';
import { median } from '../evaluator/statistics/median.ts';
import { winRate } from '../evaluator/votes/win-rate.ts';
import {
  keepPlan,
  mean,
  Panel,
  shippedCaptions,
  signed,
  train,
  unseenScenes,
  visavis,
  type Recipe,
  type Scores,
} from './starter-lab.ts';
import { pairFiles, pairSettings } from './starter-pairs.ts';

const folder = resolve(process.argv[2] ?? 'starter-training');
const captions = { pairs: 400, validation: 64, evaluation: 192 };
/** The last one's captions were never used to choose anything: take a new one after every change of what decides an adapter. */
const seeds = { pairs: 7, validation: 555, evaluation: 78_012 };

/** The same number of settings each. Steps were calibrated once, on two cores, for equal device time. */
const grid: Record<'dpo' | 'ncp-dpo', Recipe[]> = {
  dpo: recipes('dpo', 120, [
    [1e-3, 5000, null],
    [1e-3, 2000, 0.5],
    [5e-4, 2000, 0.5],
    [5e-4, 1000, 0.5],
  ]),
  'ncp-dpo': recipes('ncp-dpo', 93, [
    [5e-4, 1e6, null],
    [5e-4, 4e5, 0.5],
    [5e-4, 1.6e5, 0.5],
    [2.5e-4, 4e5, 0.5],
  ]),
};
function recipes(objective: Recipe['objective'], steps: number, cells: [number, number, number | null][]): Recipe[] {
  return cells.map(([learningRate, beta, safeguard]) => ({ objective, beta, learningRate, safeguard, steps, seed: 1 }));
}
const names = Object.keys(grid) as (keyof typeof grid)[];

await keepPlan(folder, { captions, seeds, grid, pairs: pairSettings });
const taken = shippedCaptions();
const evaluation = unseenScenes(captions.evaluation, seeds.evaluation, taken);
const validation = unseenScenes(captions.validation, seeds.validation, taken);

const { all: manifest, filtered } = await pairFiles(
  join(folder, 'pairs'),
  unseenScenes(captions.pairs, seeds.pairs, taken),
  seeds.pairs,
);
interface Inspection {
  pairs: number;
  contradictoryImages: number;
  contradictoryPairs: number;
}
const inspect = (file: string) => JSON.parse(visavis('preferences', 'inspect', file, '--json')) as Inspection;
const [all, kept] = [inspect(manifest), inspect(filtered)];

const panel = new Panel(validation, 9000, join(folder, 'validation'));
const base = await panel.scores('base');
interface Try {
  recipe: Recipe;
  adapter: string;
  /** Mean of the judge's score over the base's. */
  gain: number;
}
const tries = {} as Record<keyof typeof grid, Try[]>;
for (const name of names) {
  tries[name] = [];
  for (const [i, recipe] of grid[name].entries()) {
    const adapter = train(recipe, filtered, join(folder, 'runs', `${name}-${i}`));
    const { judge } = await panel.scores(`${name}-${i}`, adapter);
    tries[name].push({ recipe, adapter, gain: mean(judge) - mean(base.judge) });
    console.error(`${name} ${i}: ${tries[name].at(-1)!.gain.toFixed(2)}`);
  }
}
const bestOf = (name: keyof typeof grid) => tries[name].reduce((a, b) => (b.gain > a.gain ? b : a));

const test = new Panel(evaluation, 20_000, join(folder, 'evaluation'));
const scored = { base: await test.scores('base') } as Record<'base' | keyof typeof grid, Scores>;
for (const name of names) scored[name] = await test.scores(name, bestOf(name).adapter);

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
/** Over the captions `among`, all of them by default. */
function over(
  name: keyof typeof grid,
  rival: keyof typeof scored,
  by: keyof Scores,
  among = evaluation.map((_, i) => i),
) {
  const leads = among.map((i) => Math.sign(scored[name][by][i]! - scored[rival][by][i]!));
  const count = (sign: number) => leads.filter((lead) => lead === sign).length;
  const { value, low, high } = winRate({ wins: count(1), losses: count(-1), ties: count(0), split: 0 });
  return `${percent(value!)} (${percent(low!)} – ${percent(high!)})`;
}
/** The judge's scores lie in two heaps, around −5 and −25. */
const badly = evaluation.flatMap((_, i) => (scored.base.judge[i]! < -15 ? [i] : []));
const well = evaluation.flatMap((_, i) => (scored.base.judge[i]! < -15 ? [] : [i]));
const settingOf = ({ learningRate, beta, safeguard, steps }: Recipe) =>
  `${beta} | ${learningRate} | ${safeguard ?? 'none'} | ${steps}`;
const { sampler, steps, guidance } = starter.settings;
const table = [
  '# The starter adapters',
  '',
  `Made by \`npm run starter:train\`. ${pairSettings.samples} base samples of each of ${captions.pairs} captions make ${all.pairs} pairs that the judge (judge.ts: colours and contrasts beside good drawings of the caption) tells apart by ${pairSettings.margin} or more; ${all.contradictoryImages} images win one pair and lose another (${percent(all.contradictoryPairs / all.pairs)} of the pairs hold one). The filter keeps ${kept.pairs} pairs, one an absolute winner; both adapters are trained on these. Rank 16, batches of 32 pairs; the numbers of steps were calibrated for equal device time; one training seed.`,
  '',
  '## Chosen on validation captions',
  '',
  `${captions.validation} captions, the same number of settings for each objective; the judge's mean score over the base's (${mean(base.judge).toFixed(2)}) decides. The reward decided nothing.`,
  '',
  '| objective | β | learning rate | safeguard μ | steps | judge, over the base |',
  '|---|---|---|---|---|---|',
  ...names.flatMap((name) =>
    tries[name].map(({ recipe, gain }) => {
      const figure = signed(gain);
      return `| ${name} | ${settingOf(recipe)} | ${recipe === bestOf(name).recipe ? `**${figure}**` : figure} |`;
    }),
  ),
  '',
  '## What ships',
  '',
  `Scored on ${captions.evaluation} captions that neither the pairs, the choice nor the shipped prompts hold, by the starter's reward, a network that ranked and chose nothing, and by the judge that ranked the pairs (${sampler}, ${steps} steps, guidance ${guidance}, equal seeds). Win rate: (W + T/2)/N with Tango's 95 % interval over captions; how much another training seed would change is not in it. The base drew ${badly.length} of the captions badly (the judge's score is below −15: its scores lie in two heaps, around −5 and −25); an adapter can mend these, and hardly better the others.`,
  '',
  '| adapter | over the base, reward | the same where the base drew badly | where it drew well | over the base, judge | mean reward | median reward |',
  '|---|---|---|---|---|---|---|',
  `| base | | | | | ${mean(scored.base.reward).toFixed(2)} | ${median(scored.base.reward)!.toFixed(2)} |`,
  ...names.map(
    (name) =>
      `| ${name} | ${over(name, 'base', 'reward')} | ${over(name, 'base', 'reward', badly)} | ${over(name, 'base', 'reward', well)} | ${over(name, 'base', 'judge')} | ${mean(scored[name].reward).toFixed(2)} | ${median(scored[name].reward)!.toFixed(2)} |`,
  ),
  '',
  `NCP-DPO over DPO: ${over('ncp-dpo', 'dpo', 'reward')} by the reward, ${over('ncp-dpo', 'dpo', 'judge')} by the judge.`,
  '',
];
for (const name of names)
  copyFileSync(bestOf(name).adapter, starter.models.find((model) => model.name === `starter-${name}`)!.adapter);
writeFileSync(join(packageRoot(), 'evaluator', 'starter', 'TRAINING.md'), table.join('\n'));
console.log(table.join('\n'));
