/** @file `visavis render`: what a model has not rendered yet. */
import { Command } from 'commander';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import { withThreads } from '../evaluator/engine/onnx/device.ts';
import { sharedStore } from '../evaluator/engine/store/open.ts';
import type { RenderSummary } from '../evaluator/renders/render.ts';
import { endWith, interruptSignal, withWorkspace, type DataOption } from './context.ts';
import { wholeNumber } from './numbers.ts';
import { printJson, startProgress, type Progress } from './output.ts';
import { deviceKindOf, queueOption, submitAndFollow, summaryOf } from './queue.ts';

interface Options extends DataOption {
  prompts: string;
  model: string;
  seed: number;
  limit?: number;
  shard?: string;
  device: string;
  batch: number;
  threads?: number;
  queue?: boolean;
  json?: boolean;
}

export function renderCommand(): Command {
  return new Command('render')
    .description('render a prompt set with a model: only what is missing, safe to stop and repeat')
    .requiredOption('--prompts <name>', 'prompt set')
    .requiredOption('--model <name>', 'model')
    .option('--seed <n>', 'seed of every image', wholeNumber(0), 0)
    .option('--limit <n>', 'only the first n prompts', wholeNumber(1))
    .option('--shard <i/n>', 'the i-th of n parts of the set, for array jobs')
    .option('--device <device>', 'auto, cpu, cuda[:ID], webgpu; several with commas', 'auto')
    .option('--batch <n>', 'images in one run; more than 1 may change the last bits', wholeNumber(1), 1)
    .option('--threads <n>', 'threads of the runtime on a CPU', wholeNumber(1))
    .addOption(queueOption())
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      if (options.queue) {
        await renderInQueue(options);
        return;
      }
      const { renderPromptSet } = await import('../evaluator/renders/render.ts');
      const { chooseDevices } = await import('../evaluator/engine/onnx/choose-device.ts');
      const shard = options.shard === undefined ? undefined : parseShard(options.shard);
      const { devices, notes } = await chooseDevices(options.device);
      for (const note of notes) console.error(`visavis: ${note}`);
      let progress: Progress | undefined;
      const summary = await withWorkspace(options, async ({ db, images }) => {
        try {
          return await renderPromptSet(db, images, {
            ...options,
            shard,
            devices: withThreads(devices, options.threads),
            signal: interruptSignal(),
            onNote: (note) => console.error(`visavis: ${note}`),
            onProgress: ({ done, failed, total, partial }) => {
              progress ??= startProgress(options.model, total, 'images');
              progress.update(done + failed, partial);
            },
          });
        } finally {
          progress?.stop();
        }
      });
      print(options, summary);
    });
}

async function renderInQueue({ shard, device, threads, ...options }: Options): Promise<void> {
  if (shard !== undefined)
    throw new BadInput('--shard is for arrays of jobs without a queue; with --queue leave it out.');
  if (threads !== undefined) throw new BadInput('--threads is the worker’s; with --queue give it to visavis worker.');
  const { prompts, model, seed, limit = null, batch } = options;
  const { planRender } = await import('../evaluator/jobs/render-job.ts');
  const summary = await summaryOf(
    withWorkspace(options, (workspace) =>
      submitAndFollow(
        workspace,
        'render',
        () => planRender(workspace.db, sharedStore(), { prompts, model, seed, limit, batch }),
        { deviceKind: deviceKindOf(device), signal: interruptSignal() },
      ),
    ),
  );
  if (summary === undefined) return;
  const { made: rendered, ...rest } = summary;
  print(options, { rendered, ...rest });
}

function print({ model, json }: Pick<Options, 'model' | 'json'>, summary: RenderSummary): void {
  const { rendered, skipped, failed, stopped } = summary;
  if (json) printJson(summary);
  else console.error(`${model}: ${rendered} rendered, ${skipped} already there, ${failed.length} failed.`);
  endWith(failed, stopped);
}

function parseShard(text: string): { index: number; count: number } {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || count < 1 || index > count) {
    throw new BadInput(`--shard is "${text}"; it must be I/N with I from 1 to N (or 0 to N − 1), as 3/8.`);
  }
  return { index, count };
}
