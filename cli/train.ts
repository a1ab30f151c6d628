/** @file `visavis train`: an adapter or a pipeline from preference data, or the trainer against reference cases. */
import { basename, join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { existsSync } from 'node:fs';
import { findSlice } from '../db/queries/jobs.ts';
import { putTrainingRun } from '../db/queries/training-runs.ts';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import { adapterStyles, type AdapterStyle } from '../evaluator/engine/diffusion/adapter-styles.ts';
import {
  featureNames,
  lossOf,
  objectiveNames,
  objectiveOf,
  type ObjectiveName,
} from '../evaluator/preference/objectives/objectives.ts';
import { readJson } from '../evaluator/engine/files/read-json.ts';
import { filesOf, firstChange } from '../evaluator/preference/run-folder.ts';
import type { TrainingSettings } from '../evaluator/preference/trainer.ts';
import { dataFolderOf } from '../server/config.ts';
import { exitCode, interruptSignal, storeOf, withWorkspace, writeOutput, type DataOption } from './context.ts';
import { realNumber, wholeNumber } from './numbers.ts';
import type { PreferenceSource } from '../evaluator/preference/preference-rows.ts';
import { printSkipped } from './preferences.ts';
import { printJson, printTable, startProgress, type Progress } from './output.ts';
import { deviceKindOf, queueOption, submitAndFollow } from './queue.ts';

type Settings = Omit<
  TrainingSettings,
  'objective' | 'maxSeconds' | 'beta' | 'safeguard' | 'targetModules' | 'ema' | 'gradientCheckpointing'
>;
interface Options extends DataOption, Settings {
  objective?: ObjectiveName;
  beta?: number;
  safeguard?: number;
  targetModules?: string[];
  ema?: number;
  gradientCheckpointing?: boolean;
  pipeline: string;
  preferences?: string;
  out?: string;
  verify?: string;
  maxSeconds?: number;
  width?: number;
  height?: number;
  threads?: number;
  device: string;
  saveAs: AdapterStyle;
  queue?: boolean;
  json?: boolean;
}

export function trainCommand(): Command {
  return new Command('train')
    .description(
      'train a LoRA adapter, or the whole U-Net, on preference pairs; the same command again continues a run that was stopped',
    )
    .addOption(new Option('--objective <name>', 'what is minimised').choices(objectiveNames))
    .requiredOption('--pipeline <dir>', 'diffusers/optimum ONNX folder')
    .option(
      '--preferences <file>',
      'Pick-a-Pic style parquet, CSV or JSONL; ties are left out; for kto and ncp-kto also rows of caption, image, liked',
    )
    .option('--out <dir>', 'where the result, its checkpoints and log.jsonl go')
    .option('--verify <dir>', 'recompute reference cases instead of training')
    .addOption(
      new Option('--adapter <kind>', 'what is trained: a LoRA adapter, or none, the whole U-Net, into OUT/pipeline')
        .choices(['lora', 'none'])
        .default('lora'),
    )
    .option('--rank <n>', 'rank of the adapter', wholeNumber(1), 64)
    .option('--alpha <n>', 'its scale is alpha / rank', realNumber(0), 64)
    .option(
      '--target-modules <names>',
      'layers with an adapter, by the ends of their names: to_q,to_k,to_v,to_out.0 (as it is), conv1,conv2, ff.net.0.proj, …',
      namesOf,
    )
    .option(
      '--beta <n>',
      'how much a difference of errors counts (2500; dspo 0.0005; mapo: weight of its ratio term)',
      realNumber(0),
    )
    .option('--lambda <n>', 'weight of CPO’s second term', realNumber(0), 1)
    .option(
      '--safeguard <mu>',
      'scale the loser’s gradient so that the winner’s error does not grow, 0 … 1',
      realNumber(0, 1),
    )
    .addOption(
      new Option('--features <where>', 'of the frozen encoder, for ncp-*').choices(featureNames).default('down'),
    )
    .option('--learning-rate <n>', 'after the warm-up', realNumber(0), 5.12e-6)
    .option('--warmup <n>', 'steps over which the learning rate grows', wholeNumber(0), 0)
    .option('--steps <n>', 'optimiser steps', wholeNumber(1), 1500)
    .option('--max-seconds <n>', 'end after so many device seconds', realNumber(0))
    .option('--batch <n>', 'pairs in one run of the graph', wholeNumber(1), 4)
    .option('--accumulate <n>', 'runs whose gradients are averaged for a step', wholeNumber(1), 1)
    .addOption(
      new Option('--optimizer <name>', 'moments in 32 or 8 bits').choices(['adamw', 'adamw8bit']).default('adamw'),
    )
    .option('--clip <n>', 'largest global norm of the gradient', realNumber(0), 1)
    .addOption(
      new Option('--save-as <style>', 'the adapter with another program’s names too: OUT/kohya.safetensors, OUT/peft')
        .choices(adapterStyles)
        .default('diffusers'),
    )
    .option(
      '--ema <decay>',
      'write the moving average of the weights, which keeps so much of itself at each step: 0.999',
      realNumber(0, 1),
    )
    .option('--gradient-checkpointing', 'compute each block again for its gradient: less memory, more time')
    .option('--checkpoint-every <n>', 'steps between checkpoints', wholeNumber(1), 100)
    .option('--seed <n>', 'seed of everything random', wholeNumber(0), 0)
    .option('--width <pixels>', 'training size; the pipeline’s own', wholeNumber(8))
    .option('--height <pixels>', 'training size; the pipeline’s own', wholeNumber(8))
    .option('--threads <n>', 'threads of the runtime on a CPU', wholeNumber(1))
    .option('--device <device>', 'auto, cpu, cuda[:ID]', 'auto')
    .addOption(queueOption())
    .option('--data <dir>', 'data directory, whose cache keeps latents and prompt states')
    .option('--json', 'print JSON')
    .action(async (options: Options, command: Command) => {
      if (options.verify !== undefined)
        refuse(command, ['adapter', 'targetModules', 'gradientCheckpointing'], 'the cases say it themselves');
      if (options.adapter === 'none')
        refuse(command, ['rank', 'alpha', 'targetModules', 'saveAs'], 'it is for adapters; --adapter none makes none');
      if (options.queue) {
        await trainInQueue(options);
        return;
      }
      const { chooseDevices } = await import('../evaluator/engine/onnx/choose-device.ts');
      const { devices, notes } = await chooseDevices(options.device);
      for (const note of notes) console.error(`visavis: ${note}`);
      if (options.verify === undefined) await trainAdapter(options, devices[0]!);
      else await verify(options.verify, options, devices[0]!);
    });
}

/** @throws BadInput for an option that was given and would be passed over */
function refuse(command: Command, options: readonly string[], why: string): void {
  const given = command.options.find(
    (option) =>
      options.includes(option.attributeName()) && command.getOptionValueSource(option.attributeName()) === 'cli',
  );
  if (given !== undefined) throw new BadInput(`Leave ${given.long!} out: ${why}.`);
}

/** @throws InvalidArgumentError for an empty name */
function namesOf(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('A name between two commas is missing.');
  return [...new Set(names)].sort();
}

type Device = Awaited<
  ReturnType<typeof import('../evaluator/engine/onnx/choose-device.ts').chooseDevices>
>['devices'][number];

/** What was asked for, complete. @throws BadInput for what training cannot do without */
function askedFor(options: Options) {
  const { objective, preferences, out } = options;
  if (objective === undefined || preferences === undefined || out === undefined)
    throw new BadInput(
      'Training needs --objective, --preferences and --out (or --verify, to recompute reference cases).',
    );
  return { preferences, out, settings: settingsOf(options, objective) };
}

function settingsOf(options: Options, objective: ObjectiveName): TrainingSettings {
  const beta = options.beta ?? lossOf(objectiveOf(objective)).usualBeta;
  if (beta === null)
    throw new BadInput(`--objective ${objective} has no usual --beta; give one (it weighs the ratio term).`);
  const { safeguard = null, targetModules = null, ema = null, gradientCheckpointing = false } = options;
  if (ema === 1) throw new BadInput('--ema 1 would keep what the run began with; it must be below 1.');
  if (safeguard !== null && !objectiveOf(objective).usesLoser)
    throw new BadInput(`--safeguard is for objectives that compare pairs; ${objective} does not.`);
  const { adapter, rank, alpha, lambda, features, learningRate, warmup, steps, batch, accumulate } = options;
  const { optimizer, clip, checkpointEvery, seed, maxSeconds = null } = options;
  return {
    ...{
      objective,
      adapter,
      features,
      rank,
      alpha,
      targetModules,
      beta,
      lambda,
      safeguard,
      learningRate,
      warmup,
      steps,
      batch,
      accumulate,
    },
    ...{ ema, gradientCheckpointing, optimizer, clip, checkpointEvery, seed, maxSeconds },
  };
}

async function trainAdapter(options: Options, device: Device): Promise<void> {
  const { preferences, out, settings } = askedFor(options);
  const { pipeline, width, height, threads, saveAs } = options;
  const { objective } = settings;
  const { runTraining } = await import('../evaluator/preference/run-training.ts');
  const { Diverged } = await import('../evaluator/preference/loss-watch.ts');
  const bar: { task: string; progress: Progress | undefined } = { task: '', progress: undefined };
  const show = (name: string, done: number, total: number, unit: string) => {
    if (name !== bar.task) {
      bar.progress?.stop();
      bar.progress = startProgress(name, total, unit);
      bar.task = name;
    }
    bar.progress!.update(done);
  };
  // The research page shows the run from its first step on.
  await withWorkspace(options, ({ db }) => putTrainingRun(db, rowOf(out, settings)));
  try {
    const outcome = await runTraining({
      pipeline,
      preferences,
      out,
      settings,
      width,
      height,
      cacheFolder: join(dataFolderOf(options.data), 'cache', 'encodings'),
      device,
      threads,
      signal: interruptSignal(),
      onProgress: ({ task: name, done, total }) => show(name, done, total, 'done'),
      onStep: ({ step }, total) => show(`train ${objective}`, step, total, 'steps'),
    });
    bar.progress?.stop();
    if (outcome.adapter !== undefined) await saveToo(outcome.adapter, out, saveAs);
    printSkipped(outcome);
    if (options.json) printJson(outcome);
    else if (!outcome.stopped) printTrained(outcome);
    else console.error(`visavis: stopped after step ${outcome.step}; the same command continues.`);
    if (outcome.stopped) process.exitCode = exitCode.failed;
  } catch (error) {
    bar.progress?.stop();
    if (!(error instanceof Diverged)) throw error;
    console.error(`visavis: ${error.message}`);
    process.exitCode = exitCode.failed;
  }
}

function printTrained(run: {
  step: number;
  deviceSeconds: number;
  pairs: number | null;
  adapter?: string | undefined;
  pipeline?: string | undefined;
}): void {
  const made = (run.adapter ?? run.pipeline)!;
  console.log(
    `Trained ${run.step} steps on ${run.pairs} pairs in ${Math.round(run.deviceSeconds)} device seconds: ${made}`,
  );
}

const rowOf = (out: string, settings: TrainingSettings) => ({
  folder: resolve(out),
  name: basename(resolve(out)),
  settings,
  updatedAt: Date.now(),
});

async function saveToo(adapter: string, out: string, style: AdapterStyle): Promise<void> {
  if (style === 'diffusers') return;
  const { convertAdapter } = await import('../evaluator/engine/diffusion/adapter-styles.ts');
  await convertAdapter(adapter, join(out, style === 'kohya' ? 'kohya.safetensors' : 'peft'), style);
}

/** Says that a run's folder is a copy of what workers make. */
const markOf = (out: string) => join(out, 'queue.json');

/** @throws BadInput when the folder holds a run that this machine made, or another one */
async function requireOwnFolder(out: string, settings: TrainingSettings): Promise<void> {
  const { settings: file } = filesOf(out);
  if (!existsSync(file)) return;
  if (!existsSync(markOf(out)))
    throw new BadInput(`${out} holds a run of this machine; continue it without --queue, or choose another --out.`);
  const before = (await readJson(file)) as Record<string, unknown>;
  const changed = firstChange(before, { ...settings });
  if (changed !== undefined)
    throw new BadInput(
      `${out} holds a run with ${changed.key} = ${changed.was}, not ${changed.is}; choose another --out.`,
    );
}

/** The run's folder is here after each of its checkpoints, whichever machine makes them. */
async function trainInQueue(options: Options): Promise<void> {
  if (options.verify !== undefined) throw new BadInput('--verify runs here; leave --queue out.');
  const { preferences, out, settings } = askedFor(options);
  const { pipeline, width = null, height = null, threads = null, saveAs } = options;
  await requireOwnFolder(out, settings);
  const { fetchRun, planTraining, trainResultSchema } = await import('../evaluator/jobs/train-job.ts');
  let skipped: PreferenceSource['skipped'] = [];
  const result = await withWorkspace(options, async (workspace) => {
    const { db } = workspace;
    const store = await storeOf(workspace);
    const name = basename(resolve(out));
    let last = 0;
    const fetchLast = async (id: string) => {
      const slice = await findSlice(db, id, 0);
      if (slice?.result == null) return undefined;
      const result = trainResultSchema.parse(slice.result);
      if (result.step > last || slice.state === 'done') {
        await fetchRun(store, result.files, out);
        await writeOutput(markOf(out), `${JSON.stringify({ job: id })}\n`);
      }
      if (last === 0) await putTrainingRun(db, rowOf(out, settings));
      last = result.step;
      return result;
    };
    const plan = async () => {
      const { leftOut, ...job } = await planTraining(store, {
        ...{ name, pipeline, preferences, settings, width, height, threads },
      });
      skipped = leftOut;
      printSkipped({ skipped });
      return job;
    };
    const outcome = await submitAndFollow(workspace, 'train', plan, {
      deviceKind: deviceKindOf(options.device),
      signal: interruptSignal(),
      onLook: async (id) => void (await fetchLast(id)),
    });
    return outcome && fetchLast(outcome.id!);
  });
  if (result === undefined) {
    process.exitCode = exitCode.failed;
    return;
  }
  const made = settings.adapter === 'none' ? { pipeline: filesOf(out).pipeline } : { adapter: filesOf(out).adapter };
  if (made.adapter !== undefined) await saveToo(made.adapter, out, saveAs);
  const { step, deviceSeconds, pairs } = result;
  if (options.json) printJson({ step, deviceSeconds, stopped: false, ...made, pairs, skipped });
  else printTrained({ step, deviceSeconds, pairs, ...made });
}

async function verify(folder: string, { pipeline, json }: Options, device: Device): Promise<void> {
  const { verifyCases, bounds } = await import('../evaluator/preference/verify.ts');
  const { unetOf } = await import('../evaluator/engine/diffusion/folder.ts');
  const cases = await verifyCases(folder, unetOf(pipeline), device, ({ name }) => console.error(`verified ${name}`));
  if (json) printJson({ cases });
  else {
    printTable(
      ['case', 'errors', 'losses', 'gradient', 'adapter'],
      [...cases, { name: 'bound', ...bounds }].map((one) => [
        one.name,
        ...[one.errorsError, one.lossError, one.gradientError, one.adapterError].map((value) => value.toExponential(1)),
      ]),
      [1, 2, 3, 4],
    );
  }
  const names = Object.keys(bounds) as (keyof typeof bounds)[];
  const beyond = cases.flatMap((one) =>
    names.filter((name) => !(one[name] <= bounds[name])).map((name) => `${one.name} ${name}`),
  );
  if (beyond.length === 0) return;
  console.error(`visavis: beyond its bound: ${beyond.join(', ')}.`);
  process.exitCode = exitCode.gateNotMet;
}
