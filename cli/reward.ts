import { Command } from 'commander';
import { rewardKinds } from '../evaluator/rewards/scorers/scorer.ts';
import { printJson, printTable } from './output.ts';

interface Options {
  kind: string;
  network: string;
  image: string[];
  prompt: string[];
  device: string;
  json?: boolean;
}

export function rewardCommand(): Command {
  return new Command('reward')
    .description('score images with prompts, without a database')
    .requiredOption('--kind <kind>', rewardKinds.join(', '))
    .requiredOption('--network <dir>', 'the reward model’s folder')
    .requiredOption('--image <file...>', 'images')
    .requiredOption('--prompt <text...>', 'prompts')
    .option('--device <device>', 'cpu, cuda[:ID], webgpu', 'cpu')
    .option('--json', 'print JSON: { "scores": number[image][prompt] }')
    .action(async ({ kind, network: folder, image, prompt, device, json }: Options) => {
      const { readNetworkFolder } = await import('../evaluator/rewards/network-folder.ts');
      const { RewardScorer } = await import('../evaluator/rewards/reward-scorer.ts');
      const { chooseDevices } = await import('../evaluator/engine/onnx/choose-device.ts');
      const network = await readNetworkFolder(folder, kind);
      const { devices } = await chooseDevices(device);
      const scorer = new RewardScorer(network, { device: devices[0]! });
      try {
        const scores = await scorer.scoreAll(image, prompt);
        if (json) printJson({ scores });
        else {
          const rows = image.map((file, i) => [file, ...scores[i]!.map((score) => score.toPrecision(6))]);
          printTable(
            ['image', ...prompt],
            rows,
            prompt.map((_, i) => i + 1),
          );
        }
      } finally {
        await scorer.close();
      }
    });
}
