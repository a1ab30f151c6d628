/**
 * @file npm run starter:claim. The paper's claim on the starter: six objectives, the same budget of settings for each, then seeds of
 * training at equal device time, on captions on which nothing was chosen. Hours; what is done is in claim.jsonl, and a second start
 * goes on from there.
 * Usage: tsx scripts/starter-claim.ts [folder] [--fresh]    --fresh keeps the results of before as claim-before.jsonl
 */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { digestOf, hashFiles } from '../evaluator/engine/files/hashes.ts';
import { packageRoot } from '../evaluator/engine/files/package-root.ts';
import { filesOf } from '../evaluator/preference/run-folder.ts';
import type { ObjectiveName } from '../evaluator/preference/objectives/objectives.ts';
import { studentQuantile } from '../evaluator/statistics/student.ts';
import {
  keepPlan,
  mean,
  Panel,
  sameForAll,
  shippedCaptions,
  signed,
  train,
  unseenScenes,
  type Recipe,
  type Scores,
} from './starter-lab.ts';
import { pairFiles, pairSettings } from './starter-pairs.ts';

const folder = resolve(process.argv[2]?.startsWith('--') === false ? process.argv[2] : 'starter-claim');
const committed = join(packageRoot(), 'evaluator', 'starter', 'claim.jsonl');

const captions = { pairs: 400, validation: 48, perSeed: 64 };
const worldSeeds = { pairs: 7, validation: 811, evaluation: 92_003 };
const trainingSeeds = [1, 2, 3, 4, 5];
/** Pairs that the filter keeps, then all of them. */
const datasets = ['filtered', 'all'] as const;
type Dataset = (typeof datasets)[number];

/** Device seconds of one step of 32 pairs, measured once on two quiet cores; a budget of time becomes a number of steps by them. */
const stepSeconds: Record<Objective, number> = {
  dpo: 0.99,
  'ncp-dpo': 1.24,
  cpo: 0.71,
  'ncp-cpo': 0.93,
  sft: 0.35,
  'ncp-sft': 0.42,
};
const budget = 48;
/** Checkpoints of a run that are scored. */
const points = 3;
const objectives = ['dpo', 'ncp-dpo', 'cpo', 'ncp-cpo', 'sft', 'ncp-sft'] as const satisfies readonly ObjectiveName[];
type Objective = (typeof objectives)[number];
const stepsOf = (objective: Objective) => points * Math.round(budget / stepSeconds[objective] / points);

type Setting = Pick<Recipe, 'beta' | 'learningRate'> & { lambda?: number };
/** Three each. β and λ of perceptual errors are those of the noise's times 200, as both kinds of errors differ in size. */
const grid: Record<Objective, Setting[]> = {
  dpo: comparing(1),
  'ncp-dpo': comparing(200),
  cpo: comparing(1).map((setting) => ({ ...setting, lambda: setting.beta / 5 })),
  'ncp-cpo': comparing(200).map((setting) => ({ ...setting, lambda: setting.beta / 5 })),
  sft: [5e-4, 1e-3, 2e-3].map((learningRate) => ({ beta: 1, learningRate })),
  'ncp-sft': [5e-4, 1e-3, 2e-3].map((learningRate) => ({ beta: 1, learningRate })),
};
function comparing(scale: number): Setting[] {
  return [
    { beta: 5000 * scale, learningRate: 1e-3 },
    { beta: 15000 * scale, learningRate: 1e-3 },
    { beta: 5000 * scale, learningRate: 5e-4 },
  ];
}

/** A row of claim.jsonl: scores of one set of images. Of a run, where it was when it drew them. */
interface Row extends Scores {
  /** grid: on the validation captions; seed: on the captions of that seed. */
  stage: 'grid' | 'seed';
  model: 'base' | Objective;
  data: Dataset | null;
  setting: Setting | null;
  seed: number | null;
  step: number;
}

const assets = join(packageRoot(), 'evaluator', 'starter', 'assets');
const networks = digestOf(await hashFiles(assets, ['pipeline', 'reward']));
const plan = {
  ...{ captions, worldSeeds, trainingSeeds, stepSeconds, budget, points, grid, pairs: pairSettings },
  ...{ sameForAll, networks },
};
const isFresh = process.argv.includes('--fresh');
if (isFresh && existsSync(folder)) throw new Error(`${folder} holds runs of before; --fresh needs another folder.`);
await keepPlan(folder, plan);
const planText = JSON.stringify(plan);
const known = existsSync(committed) ? readFileSync(committed, 'utf8').split('\n').filter(Boolean) : [];
const isOurs = !isFresh && known.length > 0;
if (isFresh && known.length > 0) renameSync(committed, committed.replace('.jsonl', '-before.jsonl'));
if (isOurs && known[0] !== planText)
  throw new Error(`${committed} holds results of another plan or another base; --fresh begins anew.`);
if (!isOurs) writeFileSync(committed, `${planText}\n`);
const rows: Row[] = isOurs ? known.slice(1).map((line) => JSON.parse(line) as Row) : [];
const keyOf = ({ stage, model, data, setting, seed, step }: Omit<Row, keyof Scores>) =>
  JSON.stringify([stage, model, data, setting, seed, step]);
const found = new Map(rows.map((row) => [keyOf(row), row]));

const taken = shippedCaptions();
const pairScenes = unseenScenes(captions.pairs, worldSeeds.pairs, new Set(taken));
for (const { caption } of pairScenes) taken.add(caption);
const validation = new Panel(
  unseenScenes(captions.validation, worldSeeds.validation, taken),
  31_000,
  join(folder, 'validation'),
);
const panelOf = new Map(
  trainingSeeds.map((seed) => {
    const scenes = unseenScenes(captions.perSeed, worldSeeds.evaluation + seed, taken);
    return [seed, new Panel(scenes, 40_000 + 1000 * seed, join(folder, `seed-${seed}`))] as const;
  }),
);

/** Finds, or draws and scores, and keeps. */
async function scored(key: Omit<Row, keyof Scores>, panel: Panel, adapter: () => string | undefined): Promise<Row> {
  const before = found.get(keyOf(key));
  if (before !== undefined) return before;
  const { judge, reward } = await panel.scores(keyOf(key).replace(/[^\w.-]+/g, '_'), adapter());
  const short = (values: number[]) => values.map((value) => Number(value.toFixed(3)));
  const row: Row = { ...key, judge: short(judge), reward: short(reward) };
  appendFileSync(committed, `${JSON.stringify(row)}\n`);
  found.set(keyOf(key), row);
  console.error(`${keyOf(key)} ${mean(row.judge).toFixed(2)} ${mean(row.reward).toFixed(2)}`);
  return row;
}

const nameOf = (objective: Objective, setting: Setting, data: Dataset, seed: number) =>
  [objective, setting.beta, setting.learningRate, data, seed].join('-');
async function run(objective: Objective, setting: Setting, data: Dataset, seed: number): Promise<string> {
  const steps = stepsOf(objective);
  const out = join(folder, 'runs', nameOf(objective, setting, data, seed));
  const recipe = { objective, safeguard: null, steps, seed, checkpointEvery: steps / points, ...setting };
  const pairs = await pairFiles(join(folder, 'pairs'), pairScenes, worldSeeds.pairs);
  train(recipe, pairs[data], out);
  return out;
}
const checkpointOf = (out: string, step: number) => `${filesOf(out).checkpoint(step)}.safetensors`;

// Settings: on the filtered pairs, by the judge's mean over the validation captions.
const ofBase = { model: 'base', data: null, setting: null, step: 0 } as const;
await scored({ stage: 'grid', ...ofBase, seed: null }, validation, () => undefined);
const chosen = {} as Record<Objective, Setting>;
const tried: { objective: Objective; setting: Setting; judge: number }[] = [];
for (const objective of objectives) {
  for (const setting of grid[objective]) {
    const step = stepsOf(objective);
    const key = { stage: 'grid', model: objective, data: 'filtered', setting, seed: 0, step } as const;
    const out = found.has(keyOf(key)) ? '' : await run(objective, setting, 'filtered', 0);
    const { judge } = await scored(key, validation, () => checkpointOf(out, step));
    tried.push({ objective, setting, judge: mean(judge) });
  }
  chosen[objective] = tried
    .filter((one) => one.objective === objective)
    .reduce((a, b) => (b.judge > a.judge ? b : a)).setting;
}
for (const data of datasets)
  for (const seed of trainingSeeds) {
    const panel = panelOf.get(seed)!;
    await scored({ stage: 'seed', ...ofBase, seed }, panel, () => undefined);
    for (const objective of objectives) {
      const setting = chosen[objective];
      const steps = Array.from({ length: points }, (_, i) => ((i + 1) * stepsOf(objective)) / points);
      const keys = steps.map((step) => ({ stage: 'seed', model: objective, data, setting, seed, step }) as const);
      const out = keys.every((key) => found.has(keyOf(key))) ? '' : await run(objective, setting, data, seed);
      for (const key of keys) await scored(key, panel, () => checkpointOf(out, key.step));
    }
    report();
  }

/** CLAIM.md as far as the results go. */
function report(): void {
  const all = [...found.values()];
  const seedRows = all.filter(({ stage }) => stage === 'seed');
  const at = (model: Row['model'], data: Dataset | null, seed: number, point = points) =>
    seedRows.find(
      (row) =>
        row.model === model &&
        row.data === data &&
        row.seed === seed &&
        row.step === (model === 'base' ? 0 : (point * stepsOf(model)) / points),
    );
  const lines = [
    '# NCP-DPO and DPO on the starter',
    '',
    `Made by \`npm run starter:claim\` from claim.jsonl beside this file, which holds every score. Six objectives train a LoRA of rank 16 on pairs of ${captions.pairs} captions (as in TRAINING.md), 32 pairs a step, for the same device time: ${budget} s by the seconds of a step that were measured once (${objectives.map((name) => `${name} ${stepsOf(name)} steps`).join(', ')}). Each objective has three settings; trained once each on the filtered pairs, the judge's mean on ${captions.validation} validation captions chooses the one that is used for both kinds of pairs. Then each training seed is scored on ${captions.perSeed} captions of its own, on which nothing was chosen, by the reward (a network that ranked and chose nothing) and by the judge (which ranked the pairs). Intervals are 95 %, Student's t over the seeds' win rates: a seed's captions, noise and training vary in them; the one set of pairs, the one base and the choice of the setting do not, and they are not corrected for being many.`,
    '',
    '## Settings',
    '',
    '| objective | β | λ | learning rate | judge, over the base |',
    '|---|---|---|---|---|',
  ];
  const baseline = mean(all.find(({ stage, model }) => stage === 'grid' && model === 'base')!.judge);
  for (const { objective, setting, judge } of tried) {
    const gain = signed(judge - baseline);
    const { beta, lambda, learningRate } = setting;
    const isSft = objective.endsWith('sft');
    lines.push(
      `| ${objective} | ${isSft ? '' : beta} | ${lambda ?? ''} | ${learningRate} | ${setting === chosen[objective] ? `**${gain}**` : gain} |`,
    );
  }
  for (const data of datasets) {
    const seeds = trainingSeeds.filter((seed) => objectives.every((name) => at(name, data, seed) !== undefined));
    lines.push('', `## ${data === 'filtered' ? 'The pairs that the filter keeps' : 'All pairs'}`, '');
    if (seeds.length < 2) {
      lines.push(`Not run yet${seeds.length === 1 ? ' but for one seed' : ''}.`);
      continue;
    }
    const compare = (a: Row['model'], b: Row['model'], by: keyof Scores) =>
      overSeeds(
        seeds.map((seed) =>
          share(at(a, a === 'base' ? null : data, seed)![by], at(b, b === 'base' ? null : data, seed)![by]),
        ),
      );
    lines.push(
      `${seeds.length} of ${trainingSeeds.length} seeds.`,
      '',
      '| objective | over the base, reward | over the base, judge | over its plain form, reward | over its plain form, judge |',
      '|---|---|---|---|---|',
      ...objectives.map((name) => {
        const plain = name.startsWith('ncp-') ? (name.slice(4) as Objective) : undefined;
        const overPlain =
          plain === undefined ? ['', ''] : [compare(name, plain, 'reward'), compare(name, plain, 'judge')];
        return `| ${[name, compare(name, 'base', 'reward'), compare(name, 'base', 'judge'), ...overPlain].join(' | ')} |`;
      }),
      '',
      "Mean reward over the base's, at shares of the device time (mean over seeds), and how much of the time that the plain form needed for its best the perceptual form needs to reach it (straight lines between means; no interval):",
      '',
      `| objective | ${Array.from({ length: points }, (_, i) => `${Math.round((100 * (i + 1)) / points)} %`).join(' | ')} | share of the time |`,
      `|---|${'---|'.repeat(points + 1)}`,
    );
    const curve = (name: Objective) =>
      Array.from({ length: points }, (_, i) =>
        mean(seeds.map((seed) => mean(at(name, data, seed, i + 1)!.reward) - mean(at('base', null, seed)!.reward))),
      );
    for (const name of objectives) {
      const plain = name.startsWith('ncp-') ? (name.slice(4) as Objective) : undefined;
      const needed = plain === undefined ? '' : timeNeeded(curve(name), curve(plain));
      lines.push(`| ${name} | ${curve(name).map(signed).join(' | ')} | ${needed} |`);
    }
  }
  lines.push('');
  writeFileSync(join(packageRoot(), 'evaluator', 'starter', 'CLAIM.md'), lines.join('\n'));
}

/** Of the captions, ties half. */
function share(own: readonly number[], other: readonly number[]): number {
  return mean(own.map((value, i) => (1 + Math.sign(value - other[i]!)) / 2));
}

function overSeeds(rates: readonly number[]): string {
  const n = rates.length;
  const centre = mean(rates);
  const deviation = Math.sqrt(rates.reduce((sum, rate) => sum + (rate - centre) ** 2, 0) / (n - 1));
  const reach = (studentQuantile(0.95, n - 1) * deviation) / Math.sqrt(n);
  const percent = (value: number) => (100 * Math.min(1, Math.max(0, value))).toFixed(1);
  return `${percent(centre)} % (${percent(centre - reach)} – ${percent(centre + reach)})`;
}

/** Straight lines between the points, from 0 at the beginning. */
function timeNeeded(own: readonly number[], other: readonly number[]): string {
  const [best, path] = [Math.max(...other), [0, ...own]];
  const reached = path.findIndex((value) => value >= best);
  if (reached === -1) return 'never reached';
  if (reached === 0) return 'the plain form never rose above the base';
  const [low, high] = [path[reached - 1]!, path[reached]!];
  const time = (reached - 1 + (best - low) / (high - low)) / points;
  const bestAt = (other.indexOf(best) + 1) / points;
  return `${Math.round((100 * time) / bestAt)} %`;
}
