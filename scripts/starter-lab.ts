/**
 * @file What an experiment on the starter is made of: captions that nothing else has seen, training runs through the same
 * command that anybody uses, and images of an adapter scored by the reward and by the judge. What is done already is found again
 * in the experiment's folder.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Pipeline } from '../evaluator/engine/diffusion/pipeline.ts';
import { packageRoot } from '../evaluator/engine/files/package-root.ts';
import { writeWhole } from '../evaluator/engine/files/write-whole.ts';
import { encodePng } from '../evaluator/engine/images/png.ts';
import type { ObjectiveName } from '../evaluator/preference/objectives/objectives.ts';
import { filesOf } from '../evaluator/preference/run-folder.ts';
import { scoreImages } from '../evaluator/rewards/reward.ts';
import { likeness } from '../evaluator/starter/judge.ts';
import { randomScene, type Scene } from '../evaluator/starter/scene.ts';
import { starter } from '../evaluator/starter/starter.ts';
import { Random } from '../evaluator/statistics/random.ts';

export const size = 128;
/** As a study shows them. */
export const settings = { ...starter.settings, negativePrompt: null, width: size, height: size };
const imagesAtOnce = 16;

/** Scenes whose captions are not `taken`; they are added to it. */
export function unseenScenes(count: number, seed: number, taken: Set<string>): Scene[] {
  const scenes: Scene[] = [];
  for (const random = new Random(seed); scenes.length < count;) {
    const scene = randomScene(random);
    if (taken.has(scene.caption)) continue;
    taken.add(scene.caption);
    scenes.push(scene);
  }
  return scenes;
}

/** The captions that ship, which no experiment is made of or judged on. */
export function shippedCaptions(): Set<string> {
  const rows = readFileSync(starter.prompts, 'utf8').split('\n');
  return new Set(rows.map((row) => row.split('\t')[0]!));
}

export const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

export function signed(value: number): string {
  return `${value >= 0 ? '+' : '−'}${Math.abs(value).toFixed(2)}`;
}

/** The program as a stranger runs it. @returns what it printed */
export function visavis(...argv: (string | number)[]): string {
  const bin = join(packageRoot(), 'bin', 'visavis.js');
  return execFileSync(process.execPath, [bin, ...argv.map(String)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
  });
}

/** What is the same in every run. */
export const sameForAll = { rank: 16, alpha: 16, warmup: 10, batch: 32 };

export interface Recipe {
  objective: ObjectiveName;
  beta: number;
  /** CPO's alone; 1 where it is not said. */
  lambda?: number;
  learningRate: number;
  safeguard: number | null;
  steps: number;
  seed: number;
  /** Steps between checkpoints; none before the end where it is not said. */
  checkpointEvery?: number;
}

/** Trains, or finds what was trained. @returns the adapter's file */
export function train(recipe: Recipe, preferences: string, out: string): string {
  const { objective, beta, lambda = 1, learningRate, safeguard, steps, seed, checkpointEvery = steps } = recipe;
  const { adapter } = filesOf(out);
  if (!existsSync(adapter)) {
    visavis(
      ...[
        'train',
        '--objective',
        objective,
        '--pipeline',
        starter.pipeline,
        '--preferences',
        preferences,
        '--out',
        out,
      ],
      ...Object.entries(sameForAll).flatMap(([name, value]) => [`--${name}`, value]),
      ...['--beta', beta, '--lambda', lambda, '--seed', seed],
      ...['--learning-rate', learningRate],
      ...(safeguard === null ? [] : ['--safeguard', safeguard]),
      ...['--steps', steps, '--checkpoint-every', checkpointEvery, '--device', 'cpu', '--json'],
      ...['--data', join(out, '..', 'data')],
    );
  }
  return adapter;
}

/** One number a caption, in the captions' order; higher is better. */
export interface Scores {
  judge: number[];
  reward: number[];
}

/** Captions with a seed of the noise each, for every model the same. */
export class Panel {
  readonly #scenes: readonly Scene[];
  readonly #firstSeed: number;
  readonly #folder: string;

  /** @param folder keeps images and scores */
  constructor(scenes: readonly Scene[], firstSeed: number, folder: string) {
    this.#scenes = scenes;
    this.#firstSeed = firstSeed;
    this.#folder = folder;
  }

  /** @param name of the scores in the panel's folder. @param adapter none: the base */
  async scores(name: string, adapter?: string): Promise<Scores> {
    const file = join(this.#folder, `${name}.json`);
    if (existsSync(file)) return JSON.parse(await readFile(file, 'utf8')) as Scores;
    const images = await this.#render(adapter);
    const folder = join(this.#folder, name);
    mkdirSync(folder, { recursive: true });
    const files = images.map((_, i) => join(folder, `${String(i).padStart(4, '0')}.png`));
    for (const [i, image] of images.entries()) await writeFile(files[i]!, await encodePng(image, size, size));
    const reward: number[] = [];
    for (let start = 0; start < files.length; start += imagesAtOnce) {
      const [some, captions] = [files, this.#scenes.map(({ caption }) => caption)].map((all) =>
        all.slice(start, start + imagesAtOnce),
      ) as [string[], string[]];
      const request = { kind: starter.reward.kind, network: starter.reward.network, images: some, prompts: captions };
      reward.push(...(await scoreImages(request)).map((row, i) => row[i]!));
    }
    const judge = images.map((image, i) => likeness(this.#scenes[i]!, [image], size)[0]!);
    await writeWhole(file, Buffer.from(JSON.stringify({ judge, reward })));
    return { judge, reward };
  }

  async #render(adapter: string | undefined): Promise<Uint8Array[]> {
    const adapters = adapter === undefined ? [] : [{ file: adapter, scale: 1 }];
    const pipeline = await Pipeline.load({ folder: starter.pipeline, adapters }, { kind: 'cpu' });
    const all: Uint8Array[] = [];
    for (let start = 0; start < this.#scenes.length; start += imagesAtOnce) {
      const prompts = this.#scenes.slice(start, start + imagesAtOnce).map(({ caption }) => caption);
      const seeds = prompts.map((_, i) => this.#firstSeed + start + i);
      const images = await pipeline.generate(prompts, seeds, settings, {
        shouldStop: () => false,
        onStep: () => undefined,
      });
      all.push(...images.map(({ pixels }) => pixels));
    }
    await pipeline.release();
    return all;
  }
}

/** Refuses a folder that was begun with another plan. */
export async function keepPlan(folder: string, plan: unknown): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const [file, text] = [join(folder, 'plan.json'), `${JSON.stringify(plan, null, 2)}\n`];
  if (existsSync(file) && readFileSync(file, 'utf8') !== text)
    throw new Error(`${folder} was made with other settings; delete it or name another folder.`);
  await writeWhole(file, Buffer.from(text));
}
