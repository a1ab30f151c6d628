/** @file `visavis prescreen`: candidates against a baseline by rewards, with gates. */
import { Command } from 'commander';
import type { PrescreenResult } from '../contract/prescreen.ts';
import { sharedStore } from '../evaluator/engine/store/open.ts';
import { exitCode, interruptSignal, withWorkspace, writeOutput, type DataOption } from './context.ts';
import { wholeNumber } from './numbers.ts';
import { printJson, printTable, startProgress, type Progress } from './output.ts';
import { deviceKindOf, queueOption, submitAndFollow } from './queue.ts';
import { percent, pValue, range } from './report.ts';

interface Options extends DataOption {
  prompts: string;
  baseline: string;
  candidate: string[];
  checkpoints: string[];
  reward: string[];
  require: string[];
  seed: number;
  device: string;
  batch?: number;
  queue?: boolean;
  junit?: string;
  svg?: string;
  csv?: string;
  json?: boolean;
}

export function prescreenCommand(): Command {
  const collect = (text: string, all: string[]) => [...all, text];
  return new Command('prescreen')
    .description('candidates against a baseline by synthetic rewards; renders and scores what is missing')
    .requiredOption('--prompts <name>', 'prompt set')
    .requiredOption('--baseline <model>', 'the model to compare with')
    .option('--candidate <model...>', 'models that are there already', [])
    .option(
      '--checkpoints <dir>',
      'a training run’s folder: each checkpoint is a candidate; repeat for several',
      collect,
      [],
    )
    .requiredOption('--reward <name...>', 'reward models')
    .option(
      '--require <gate>',
      'as pickscore.winRate>=0.55; exit code 3 when it is not met; repeat for several',
      collect,
      [],
    )
    .option('--seed <n>', 'the renders’ seed', wholeNumber(0), 0)
    .option('--device <device>', 'auto, cpu, cuda[:ID], webgpu', 'auto')
    .option('--batch <n>', 'images in one run of the pipeline', wholeNumber(1))
    .addOption(queueOption())
    .option('--junit <file>', 'write the gates as JUnit XML')
    .option('--svg <file>', 'write the chart')
    .option('--csv <file>', 'write the table')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      if (options.queue) {
        await prescreenInQueue(options);
        return;
      }
      const { runPrescreen } = await import('../evaluator/screens/prescreen.ts');
      const { chooseDevices } = await import('../evaluator/engine/onnx/choose-device.ts');
      const { recordResult } = await import('../server/prescreens/prescreens.ts');
      const { prescreenRequestSchema } = await import('../contract/prescreen.ts');
      const { devices, notes } = await chooseDevices(options.device);
      for (const note of notes) console.error(`visavis: ${note}`);
      const { prompts, baseline, candidate: candidates, checkpoints, reward: rewards, require, seed } = options;
      const request = { prompts, baseline, candidates, checkpoints, rewards, require, seed };
      const bars = progressByTask();
      const { id, result } = await withWorkspace(options, async ({ db, images, dataFolder }) => {
        try {
          const run = { ...request, devices, batch: options.batch, dataFolder, signal: interruptSignal() };
          const result = await runPrescreen(db, images, { ...run, onProgress: bars.update });
          return { id: await recordResult(db, prescreenRequestSchema.parse(request), result), result };
        } finally {
          bars.stop();
        }
      });
      await show(options, id, result);
    });
}

async function prescreenInQueue(options: Options): Promise<void> {
  const { prompts, baseline, candidate: candidates, checkpoints, reward: rewards, require, seed, batch = 1 } = options;
  const { planPrescreen } = await import('../evaluator/jobs/prescreen-job.ts');
  const { recordResult } = await import('../server/prescreens/prescreens.ts');
  const { prescreenRequestSchema, prescreenResultSchema } = await import('../contract/prescreen.ts');
  const asked = { prompts, baseline, candidates, rewards, require, seed };
  const done = await withWorkspace(options, async (workspace) => {
    const outcome = await submitAndFollow(
      workspace,
      'prescreen',
      () => planPrescreen(workspace.db, sharedStore(), { ...asked, batch }, checkpoints),
      { deviceKind: deviceKindOf(options.device), signal: interruptSignal() },
    );
    if (outcome === undefined) return undefined;
    const result = prescreenResultSchema.parse(outcome.slices.at(-1)!.result);
    const request = prescreenRequestSchema.parse({ ...asked, checkpoints });
    return { id: await recordResult(workspace.db, request, result), result };
  });
  if (done === undefined) process.exitCode = exitCode.failed;
  else await show(options, done.id, done.result);
}

/** Writes and prints a result, and sets the exit code by its gates. */
async function show(options: Options, id: string, result: PrescreenResult): Promise<void> {
  await writeFiles(options, result);
  if (options.json) printJson({ id, ...result });
  else printResult(id, result);
  for (const problem of result.problems.slice(0, 5)) console.error(`visavis: ${problem}`);
  if (result.problems.length > 5) console.error(`visavis: and ${result.problems.length - 5} more (--json lists all).`);
  for (const { requirement, model, value } of result.requirements.filter(({ met }) => !met))
    console.error(
      `visavis: ${model} does not meet ${requirement}: it is ${value === null ? 'undefined' : String(value)}.`,
    );
  if (!result.passed) process.exitCode = exitCode.gateNotMet;
  else if (result.problems.length > 0) process.exitCode = exitCode.failed;
}

async function writeFiles({ junit: junitFile, svg, csv }: Options, result: PrescreenResult): Promise<void> {
  if (junitFile !== undefined) {
    const { junit } = await import('../evaluator/screens/junit.ts');
    await writeOutput(junitFile, junit(result.requirements, `prescreen ${result.promptSet}`));
  }
  if (svg !== undefined) {
    const { loadRenderer } = await import('../server/report/renderer.ts');
    await writeOutput(svg, (await loadRenderer()).allFiguresSvg(result));
  }
  if (csv !== undefined) {
    const { resultCsv } = await import('../evaluator/screens/csv.ts');
    await writeOutput(csv, resultCsv(result));
  }
}

/** A bar for each render and score in turn. */
function progressByTask() {
  let [task, progress]: [string, Progress | undefined] = ['', undefined];
  return {
    update(step: { task: string; done: number; total: number }) {
      if (step.task !== task) {
        progress?.stop();
        progress = startProgress(step.task, step.total, 'images');
        task = step.task;
      }
      progress!.update(step.done);
    },
    stop: () => progress?.stop(),
  };
}

function printResult(id: string, result: PrescreenResult): void {
  console.log(
    `${result.promptSet} (${result.prompts} prompts) against ${result.baseline}. Win rate: (W + T/2)/N, 95 % intervals by Tango (Wilson where nothing is tied).`,
  );
  for (const { reward, kind, candidates, best, equalTime } of result.rewards) {
    console.log(
      `\n${reward} (${kind}), median of ${result.baseline}: ${number(candidates[0]?.baselineMedian.value ?? null)}`,
    );
    printTable(
      ['candidate', 'win rate', '95 %', 'bootstrap', 'won', 'lost', 'tied', 'n', 'median', '95 %', 'p (Holm)', 'best'],
      candidates.map((row) => [
        row.model,
        percent(row.winRate.value),
        range(row.winRate),
        range(row.bootstrap),
        row.wins,
        row.losses,
        row.ties,
        row.winRate.n,
        number(row.median.value),
        row.median.low === null ? '–' : `${number(row.median.low)}–${number(row.median.high)}`,
        row.signTest.pHolm === null ? '–' : pValue(row.signTest.pHolm),
        row.probabilityBest === null ? '–' : `${Math.round(100 * row.probabilityBest)} %`,
      ]),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    );
    if (best !== null && candidates.length > 1) {
      const { indistinguishable: others } = best;
      console.log(
        `Highest median: ${best.model}. ${others.length === 0 ? 'No other comes close enough to be it.' : `These prompts cannot tell it from ${others.join(', ')}.`}`,
      );
    }
    if (equalTime !== null) {
      console.log(`At equal training time (${Math.round(equalTime.deviceSeconds)} device seconds):`);
      printTable(
        ['run', 'against', 'win rate', '95 %', 'n'],
        equalTime.winRates.map(({ a, b, winRate }) => [a, b, percent(winRate.value), range(winRate), winRate.n]),
        [2, 3, 4],
      );
    }
  }
  console.log(`\nSend the best two to people: visavis study create NAME --prescreen ${id}`);
}

function number(value: number | null): string {
  return value === null ? '–' : value.toPrecision(4);
}
