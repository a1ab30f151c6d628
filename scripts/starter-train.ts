/**
 * @file npm run starter:train. From the starter's pipeline alone to the adapters that ship with it, with the same commands that
 * anybody uses: pairs of base samples, DPO and NCP-DPO for equal device time, and a table on captions on which nothing was
 * chosen. Usage: tsx scripts/starter-train.ts [folder]. A second start continues where the
 * first ended.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openDatabase } from '../db/open.ts';
import { findModel } from '../db/queries/models.ts';
import { findPromptSet } from '../db/queries/prompts.ts';
import { listRenders } from '../db/queries/renders.ts';
import { packageRoot } from '../evaluator/engine/files/package-root.ts';
import { decodeRgb } from '../evaluator/engine/images/decode.ts';
import { ImageStore } from '../evaluator/engine/images/store.ts';
import { likeness } from '../evaluator/starter/judge.ts';
import { randomScene, type Scene } from '../evaluator/starter/scene.ts';
import { starter } from '../evaluator/starter/starter.ts';
import { Random } from '../evaluator/statistics/random.ts';
import type { Interval } from '../evaluator/statistics/wilson.ts';
import { winRate } from '../evaluator/votes/win-rate.ts';
import { makePairs, pairSettings } from './starter-pairs.ts';

const folder = resolve(process.argv[2] ?? 'starter-training');
const captions = 400;
const evaluated = 192;
/** Of captions on which nothing was ever tuned: take a new one after every change of what decides an adapter. */
const evaluationSeed = 77_033;

/** Steps were calibrated once, on two cores, for equal device time; a number of steps can be repeated to the byte. */
const objectives = {
  dpo: { beta: 500, learningRate: 3e-4, steps: 100 },
  'ncp-dpo': { beta: 1e6, learningRate: 3e-4, steps: 78 },
} as const;
type Objective = keyof typeof objectives;
const data = join(folder, 'data');
function visavis(...argv: (string | number)[]): string {
  const bin = join(packageRoot(), 'bin', 'visavis.js');
  return execFileSync(process.execPath, [bin, ...argv.map(String), '--data', data], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
  });
}

mkdirSync(folder, { recursive: true });
const shipped = readFileSync(starter.prompts, 'utf8')
  .split('\n')
  .map((line) => line.split('\t')[0]!);
const plan = JSON.stringify({ captions, evaluated, evaluationSeed, objectives, pairs: pairSettings }, null, 2);
const planFile = join(folder, 'plan.json');
if (existsSync(planFile) ? readFileSync(planFile, 'utf8') !== plan : existsSync(join(folder, 'pairs')))
  throw new Error(`${folder} was made with other settings; delete it or name another folder.`);
writeFileSync(planFile, plan);

// Captions that the shipped prompts hold, and those for scoring, stay out of the pairs.
const used = new Set(shipped);
const scenes: Scene[] = [];
for (const random = new Random(evaluationSeed); scenes.length < evaluated;) {
  const scene = randomScene(random);
  if (used.has(scene.caption)) continue;
  used.add(scene.caption);
  scenes.push(scene);
}
const pairs = join(folder, 'pairs');
const manifest = join(pairs, 'manifest.jsonl');
if (!existsSync(manifest)) await makePairs(pairs, { captions, seed: 7, taken: used });
const inspection = JSON.parse(visavis('preferences', 'inspect', manifest, '--json')) as {
  pairs: number;
  contradictoryImages: number;
  contradictoryPairs: number;
};

const names = Object.keys(objectives) as Objective[];
const adapterOf = (objective: Objective) => join(folder, 'runs', objective, 'pytorch_lora_weights.safetensors');
for (const objective of names) {
  const { beta, learningRate, steps } = objectives[objective];
  visavis(
    ...['train', '--objective', objective, '--pipeline', starter.pipeline],
    ...['--preferences', manifest, '--out', join(folder, 'runs', objective)],
    ...['--rank', 16, '--alpha', 16, '--beta', beta, '--learning-rate', learningRate, '--warmup', 10],
    ...['--batch', 32, '--steps', steps, '--checkpoint-every', 50, '--device', 'cpu', '--json'],
  );
}

const modelsFile = join(folder, 'models');
if (!existsSync(modelsFile)) {
  const { sampler, steps, guidance } = starter.settings;
  const settings = ['--pipeline', starter.pipeline, '--sampler', sampler, '--steps', steps, '--guidance', guidance];
  const prompts = join(folder, 'evaluation.txt');
  writeFileSync(prompts, scenes.map(({ caption }) => `${caption}\n`).join(''));
  visavis('prompts', 'import', prompts, '--name', 'evaluation');
  visavis('models', 'add', 'base', ...settings);
  for (const name of names) visavis('models', 'add', name, ...settings, '--adapter', adapterOf(name));
  visavis('rewards', 'add', 'reward', '--kind', starter.reward.kind, '--network', starter.reward.network);
  writeFileSync(modelsFile, '');
}

interface Row {
  model: string;
  winRate: Interval & { value: number };
  median: { value: number };
  baselineMedian: { value: number };
}
/** Of the reward: each candidate over the baseline, with equal seeds. */
function screen(baseline: string, candidates: readonly string[]): Row[] {
  const argv = ['--prompts', 'evaluation', '--baseline', baseline, '--candidate', ...candidates, '--reward', 'reward'];
  const { rewards } = JSON.parse(visavis('prescreen', ...argv, '--device', 'cpu', '--json')) as {
    rewards: { candidates: Row[] }[];
  };
  return rewards[0]!.candidates;
}

/** Of the judge that ranked the pairs: each image's likeness, in the captions' order. */
async function judged(model: string): Promise<number[]> {
  const db = await openDatabase(join(data, 'visavis.db'));
  try {
    const [set, row] = [(await findPromptSet(db, 'evaluation'))!, (await findModel(db, model))!];
    const store = new ImageStore(data);
    const scores: number[] = [];
    for (const { position, imageSha256 } of await listRenders(db, { promptSetId: set.id, modelId: row.id })) {
      const { pixels, width } = await decodeRgb(await store.file(imageSha256), model);
      scores[position] = likeness(scenes[position]!, [pixels], width)[0]!;
    }
    return scores;
  } finally {
    await db.destroy();
  }
}
function winRateOf(scores: readonly number[], baseline: readonly number[]): Row['winRate'] {
  const count = (sign: number) => scores.filter((score, i) => Math.sign(score - baseline[i]!) === sign).length;
  return winRate({ wins: count(1), losses: count(-1), ties: count(0), split: 0 }) as Row['winRate'];
}

const overBase = screen('base', names);
const overDpo = screen('dpo', ['ncp-dpo'])[0]!.winRate;
const judgedAs = { base: await judged('base'), dpo: await judged('dpo'), 'ncp-dpo': await judged('ncp-dpo') };

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const interval = ({ value, low, high }: Row['winRate']) => `${percent(value)} (${percent(low)} – ${percent(high)})`;
const { sampler, steps, guidance } = starter.settings;
const table = [
  '# The starter adapters',
  '',
  `Made by \`npm run starter:train\`. ${pairSettings.samples} base samples of each of ${captions} captions make ${inspection.pairs} pairs that the judge (judge.ts: colours and contrasts beside good drawings of the caption) tells apart; ${inspection.contradictoryImages} images win one pair and lose another (${percent(inspection.contradictoryPairs / inspection.pairs)} of the pairs hold one). Rank 16, batches of 32 pairs; the numbers of steps were calibrated for equal device time; one seed each.`,
  '',
  `Scored on ${evaluated} captions that neither the pairs nor the shipped prompts hold and on which nothing was chosen, by the starter's reward, a network that ranked nothing in training, and by the judge that ranked the pairs (${sampler}, ${steps} steps, guidance ${guidance}, equal seeds). Win rate: (W + T/2)/N with Wilson's 95 % interval over captions; how much another training seed would change is not in it. The base's median reward is ${overBase[0]!.baselineMedian.value.toFixed(2)}.`,
  '',
  '| adapter | β | learning rate | steps | over the base, reward | over the base, judge | median reward |',
  '|---|---|---|---|---|---|---|',
  ...names.map((name) => {
    const { beta, learningRate, steps: taken } = objectives[name];
    const row = overBase.find(({ model }) => model === name)!;
    const byJudge = winRateOf(judgedAs[name], judgedAs.base);
    return `| ${name} | ${beta} | ${learningRate} | ${taken} | ${interval(row.winRate)} | ${interval(byJudge)} | ${row.median.value.toFixed(2)} |`;
  }),
  '',
  `NCP-DPO over DPO: ${interval(overDpo)} by the reward, ${interval(winRateOf(judgedAs['ncp-dpo'], judgedAs.dpo))} by the judge.`,
  '',
];
for (const name of names)
  copyFileSync(adapterOf(name), starter.models.find((model) => model.name === `starter-${name}`)!.adapter);
writeFileSync(join(packageRoot(), 'evaluator', 'starter', 'TRAINING.md'), table.join('\n'));
console.log(table.join('\n'));
