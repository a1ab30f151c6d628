/**
 * @file npm run starter:train. From the starter's pipeline alone to the adapters that ship with it, with the same commands that
 * anybody uses: pairs of base samples, the filter, DPO and NCP-DPO at equal training time on both sets, and the table.
 * Usage: tsx scripts/starter-train.ts [folder]. A second start continues where the first ended.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { randomScene } from '../evaluator/starter/scene.ts';
import { starter } from '../evaluator/starter/starter.ts';
import { Random } from '../evaluator/statistics/random.ts';
import { packageRoot } from '../evaluator/engine/files/package-root.ts';
import { makePairs, pairSettings } from './starter-pairs.ts';

const folder = resolve(process.argv[2] ?? 'starter-training');
const captions = 900;
const evaluated = 384;
/** Of captions on which nothing was ever tuned: take a new one after every change of what is above or of the pairs. */
const evaluationSeed = 77_031;
/** Device seconds of each run. */
const seconds = 100;

const objectives = {
  dpo: { beta: 500, learningRate: 2e-4 },
  'ncp-dpo': { beta: 1e6, learningRate: 3e-4 },
} as const;
const sets = { all: 'manifest.jsonl', filtered: 'filtered.jsonl' } as const;

const data = join(folder, 'data');
function visavis(...argv: (string | number)[]): string {
  return execFileSync(
    process.execPath,
    [join(packageRoot(), 'bin', 'visavis.js'), ...argv.map(String), '--data', data],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      maxBuffer: 2 ** 28,
    },
  );
}

const began = performance.now();
mkdirSync(folder, { recursive: true });
const shipped = new Set(
  readFileSync(starter.prompts, 'utf8')
    .split('\n')
    .map((line) => line.split('\t')[0]!),
);
const plan = JSON.stringify({ captions, evaluated, evaluationSeed, pairs: pairSettings }, null, 2);
const planFile = join(folder, 'plan.json');
if (existsSync(planFile) ? readFileSync(planFile, 'utf8') !== plan : existsSync(join(folder, 'pairs')))
  throw new Error(`${folder} was made with other settings; delete it or name another folder.`);
writeFileSync(planFile, plan);
const pairs = join(folder, 'pairs');
if (!existsSync(join(pairs, sets.all))) await makePairs(pairs, { captions, seed: 7, taken: shipped });
const inspection = JSON.parse(visavis('preferences', 'inspect', join(pairs, sets.all), '--json')) as {
  pairs: number;
  contradictoryImages: number;
  contradictoryPairs: number;
};
visavis('preferences', 'filter', join(pairs, sets.all), '--out', join(pairs, sets.filtered));

const runs: {
  name: string;
  objective: keyof typeof objectives;
  set: keyof typeof sets;
  steps: number;
  deviceSeconds: number;
}[] = [];
for (const set of Object.keys(sets) as (keyof typeof sets)[]) {
  for (const objective of Object.keys(objectives) as (keyof typeof objectives)[]) {
    const name = `${objective}-${set}`;
    const { beta, learningRate } = objectives[objective];
    const trained = JSON.parse(
      visavis(
        ...['train', '--objective', objective, '--pipeline', starter.pipeline],
        ...['--preferences', join(pairs, sets[set]), '--out', join(folder, 'runs', name)],
        ...['--rank', 16, '--alpha', 16, '--beta', beta, '--learning-rate', learningRate, '--warmup', 10],
        ...[
          '--batch',
          32,
          '--steps',
          100_000,
          '--max-seconds',
          seconds,
          '--checkpoint-every',
          50,
          '--device',
          'cpu',
          '--json',
        ],
      ),
    ) as { step: number; deviceSeconds: number };
    runs.push({ name, objective, set, steps: trained.step, deviceSeconds: trained.deviceSeconds });
  }
}

// Captions that neither the pairs nor the shipped prompts hold.
const prompts = join(folder, 'evaluation.txt');
if (!existsSync(prompts)) {
  const used = new Set([
    ...shipped,
    ...readFileSync(join(pairs, sets.all), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { caption: string }).caption),
  ]);
  const random = new Random(evaluationSeed);
  const fresh = new Set<string>();
  while (fresh.size < evaluated) {
    const { caption } = randomScene(random);
    if (!used.has(caption)) fresh.add(caption);
  }
  writeFileSync(prompts, [...fresh].map((caption) => `${caption}\n`).join(''));
  visavis('prompts', 'import', prompts, '--name', 'evaluation');
  const settings = [
    '--sampler',
    starter.settings.sampler,
    '--steps',
    starter.settings.steps,
    '--guidance',
    starter.settings.guidance,
  ];
  visavis('models', 'add', 'base', '--pipeline', starter.pipeline, ...settings);
  for (const { name } of runs) {
    const adapter = join(folder, 'runs', name, 'pytorch_lora_weights.safetensors');
    visavis('models', 'add', name, '--pipeline', starter.pipeline, '--adapter', adapter, ...settings);
  }
  visavis('rewards', 'add', 'reward', '--kind', starter.reward.kind, '--network', starter.reward.network);
}

interface Row {
  model: string;
  winRate: { value: number; low: number; high: number };
  median: { value: number };
  baselineMedian: { value: number };
}
function screen(baseline: string, candidates: readonly string[]): Row[] {
  const argv = ['--prompts', 'evaluation', '--baseline', baseline, '--candidate', ...candidates, '--reward', 'reward'];
  const { rewards } = JSON.parse(visavis('prescreen', ...argv, '--device', 'cpu', '--json')) as {
    rewards: { candidates: Row[] }[];
  };
  return rewards[0]!.candidates;
}
const overBase = screen(
  'base',
  runs.map(({ name }) => name),
);
const overDpo = (Object.keys(sets) as (keyof typeof sets)[]).map((set) => ({
  set,
  row: screen(`dpo-${set}`, [`ncp-dpo-${set}`])[0]!,
}));

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const interval = ({ value, low, high }: Row['winRate']) => `${percent(value)} (${percent(low)} – ${percent(high)})`;
const table = [
  '# The starter adapters',
  '',
  `Made by \`npm run starter:train\` in ${Math.round((performance.now() - began) / 60_000)} minutes on ${availableParallelism()} CPU cores. Four base samples of each of ${captions} captions make ${inspection.pairs} pairs on which a judge that knows the scene can tell the better; ${inspection.contradictoryImages} images win one pair and lose another (${percent(inspection.contradictoryPairs / inspection.pairs)} of the pairs hold one). Filtered: one pair of each absolute winner. Rank 16, batches of 32 pairs, ${seconds} device seconds each.`,
  '',
  `Scored by the starter reward, whose image encoder the judge shares, on ${evaluated} captions that neither the pairs nor the shipped prompts hold and on which nothing was tuned (DDIM, 20 steps, guidance 3.5, equal seeds). Win rate: (W + T/2)/N with Wilson's 95 % interval. The base's median is ${overBase[0]!.baselineMedian.value.toFixed(2)}.`,
  '',
  '| adapter | pairs | steps | device s | win rate over the base | median |',
  '|---|---|---|---|---|---|',
  ...runs.map(({ name, objective, set, steps, deviceSeconds }) => {
    const row = overBase.find(({ model }) => model === name)!;
    return `| ${objective} | ${set} | ${steps} | ${deviceSeconds.toFixed(0)} | ${interval(row.winRate)} | ${row.median.value.toFixed(2)} |`;
  }),
  '',
  '| pairs | NCP-DPO over DPO at equal training time |',
  '|---|---|',
  ...overDpo.map(({ set, row }) => `| ${set} | ${interval(row.winRate)} |`),
  '',
];
// Of each objective the set with the higher win rate over the base ships.
const ships = (Object.keys(objectives) as (keyof typeof objectives)[]).map((objective) => {
  const best = runs
    .filter((run) => run.objective === objective)
    .map((run) => ({ run, value: overBase.find(({ model }) => model === run.name)!.winRate.value }))
    .sort((x, y) => y.value - x.value)[0]!.run;
  const target = starter.models.find(({ name }) => name === `starter-${objective}`)!.adapter;
  copyFileSync(join(folder, 'runs', best.name, 'pytorch_lora_weights.safetensors'), target);
  return `${objective} (${best.set})`;
});
table.push(`Shipped: ${ships.join(' and ')}, of each objective the one with the higher win rate over the base.`, '');
writeFileSync(join(packageRoot(), 'evaluator', 'starter', 'TRAINING.md'), table.join('\n'));
console.log(table.join('\n'));
