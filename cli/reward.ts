/** @file `visavis reward`: images and prompts scored without a database. */
import { Command } from 'commander';
import { rewardKinds } from '../evaluator/rewards/scorers/scorer.ts';
import { printJson, printTable } from './output.ts';

interface Options {
  kind: string;
  network?: string;
  url?: string;
  image: string[];
  prompt: string[];
  device: string;
  json?: boolean;
}

export function rewardCommand(): Command {
  return new Command('reward')
    .description('score images with prompts, without a database')
    .requiredOption('--kind <kind>', rewardKinds.join(', '))
    .option('--network <dir>', 'the reward model’s folder')
    .option('--url <address>', 'of kind http: where the program answers')
    .requiredOption('--image <file...>', 'images')
    .requiredOption('--prompt <text...>', 'prompts')
    .option('--device <device>', 'cpu, cuda[:ID], webgpu', 'cpu')
    .option('--json', 'print JSON: { "scores": number[image][prompt] }')
    .action(async ({ image: images, prompt: prompts, json, ...request }: Options) => {
      const { scoreImages } = await import('../evaluator/rewards/reward.ts');
      const scores = await scoreImages({ ...request, images, prompts });
      if (json) {
        printJson({ scores });
        return;
      }
      const rows = images.map((file, i) => [file, ...scores[i]!.map((score) => score.toPrecision(6))]);
      printTable(
        ['image', ...prompts],
        rows,
        prompts.map((_, i) => i + 1),
      );
    });
}
