/** @file `visavis score`: renders that a reward has not scored yet. */
import { Command } from 'commander';
import { sharedStore } from '../evaluator/engine/store/open.ts';
import type { ScoreSummary } from '../evaluator/rewards/score.ts';
import { endWith, interruptSignal, withWorkspace, type DataOption } from './context.ts';
import { wholeNumber } from './numbers.ts';
import { printJson, startProgress, type Progress } from './output.ts';
import { deviceKindOf, queueOption, submitAndFollow, summaryOf } from './queue.ts';

interface Options extends DataOption {
  prompts: string;
  model: string;
  reward: string;
  device: string;
  batch?: number;
  queue?: boolean;
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
    .addOption(queueOption())
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      if (options.queue) {
        await scoreInQueue(options);
        return;
      }
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
      print(options, summary);
    });
}

async function scoreInQueue({ device, ...options }: Options): Promise<void> {
  const { prompts, model, reward, batch = null } = options;
  const { planScore } = await import('../evaluator/jobs/score-job.ts');
  const summary = await summaryOf(
    withWorkspace(options, (workspace) =>
      submitAndFollow(
        workspace,
        'score',
        () => planScore(workspace.db, sharedStore(), { prompts, model, reward, batch }),
        { deviceKind: deviceKindOf(device), signal: interruptSignal() },
      ),
    ),
  );
  if (summary === undefined) return;
  const { made: scored, ...rest } = summary;
  print(options, { scored, ...rest });
}

function print({ model, reward, json }: Pick<Options, 'model' | 'reward' | 'json'>, summary: ScoreSummary): void {
  const { scored, skipped, failed, stopped } = summary;
  if (json) printJson(summary);
  else console.error(`${model} · ${reward}: ${scored} scored, ${skipped} already there, ${failed.length} failed.`);
  endWith(failed, stopped);
}
