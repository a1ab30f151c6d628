/** @file `visavis render`: what a model has not rendered yet. */
import { Command } from 'commander';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import { exitCode, interruptSignal, withWorkspace, type DataOption } from './context.ts';
import { wholeNumber } from './numbers.ts';
import { printJson, startProgress, type Progress } from './output.ts';

interface Options extends DataOption {
  prompts: string;
  model: string;
  seed: number;
  limit?: number;
  shard?: string;
  device: string;
  batch: number;
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
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
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
            devices,
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
      if (options.json) printJson(summary);
      else {
        console.error(
          `${options.model}: ${summary.rendered} rendered, ${summary.skipped} already there, ${summary.failed.length} failed.`,
        );
      }
      for (const { prompt, message } of summary.failed.slice(0, 5))
        console.error(`visavis: ${JSON.stringify(prompt)}: ${message}`);
      if (summary.stopped || summary.failed.length > 0) process.exitCode = exitCode.failed;
    });
}

function parseShard(text: string): { index: number; count: number } {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || count < 1 || index > count) {
    throw new BadInput(`--shard is "${text}"; it must be I/N with I from 1 to N (or 0 to N − 1), as 3/8.`);
  }
  return { index, count };
}
