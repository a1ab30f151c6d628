/** @file `visavis score`: renders that a reward has not scored yet. */
import { Command } from 'commander';
import { exitCode, interruptSignal, withWorkspace, type DataOption } from './context.ts';
import { wholeNumber } from './numbers.ts';
import { printJson, startProgress, type Progress } from './output.ts';

interface Options extends DataOption {
  prompts: string;
  model: string;
  reward: string;
  device: string;
  batch?: number;
  json?: boolean;
}

export function scoreCommand(): Command {
  return new Command('score')
    .description('score a model’s renders with a reward model: only what is missing, safe to stop and repeat')
    .requiredOption('--prompts <name>', 'prompt set')
    .requiredOption('--model <name>', 'model')
    .requiredOption('--reward <name>', 'reward model')
    .option('--device <device>', 'auto, cpu, cuda[:ID], webgpu', 'auto')
    .option('--batch <n>', 'images in one run of the network', wholeNumber(1))
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const { scoreRenders } = await import('../evaluator/rewards/score.ts');
      const { chooseDevices } = await import('../evaluator/engine/onnx/choose-device.ts');
      const { devices, notes } = await chooseDevices(options.device);
      for (const note of notes) console.error(`visavis: ${note}`);
      let progress: Progress | undefined;
      const summary = await withWorkspace(options, async ({ db, images, dataFolder }) => {
        try {
          return await scoreRenders(db, images, {
            ...options,
            dataFolder,
            device: devices[0]!,
            signal: interruptSignal(),
            onProgress: ({ done, total }) => {
              progress ??= startProgress(`${options.model} · ${options.reward}`, total, 'images');
              progress.update(done);
            },
          });
        } finally {
          progress?.stop();
        }
      });
      if (options.json) printJson(summary);
      else {
        const { scored, skipped, failed } = summary;
        console.error(
          `${options.model} · ${options.reward}: ${scored} scored, ${skipped} already there, ${failed.length} failed.`,
        );
      }
      for (const { prompt, message } of summary.failed.slice(0, 5))
        console.error(`visavis: ${JSON.stringify(prompt)}: ${message}`);
      if (summary.stopped || summary.failed.length > 0) process.exitCode = exitCode.failed;
    });
}
