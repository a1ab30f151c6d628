/** @file `visavis rewards`: reward models. */
import { Command } from 'commander';
import { listRewards } from '../db/queries/rewards.ts';
import { rewardKinds } from '../evaluator/rewards/scorers/scorer.ts';
import type { RewardSettings } from '../evaluator/rewards/add.ts';
import { withWorkspace, type DataOption } from './context.ts';
import { newName } from './numbers.ts';
import { printJson, printTable } from './output.ts';

interface Options extends DataOption {
  json?: boolean;
}

export function rewardsCommand(): Command {
  const rewards = new Command('rewards').description('reward models: scorers of a prompt and an image');
  rewards
    .command('add')
    .argument('<name>', 'the reward’s name', newName)
    .description('add a reward model from its ONNX export, or a program that answers over HTTP')
    .requiredOption('--kind <kind>', rewardKinds.join(', '))
    .option('--network <dir>', 'the export’s folder')
    .option('--url <address>', 'of kind http: where the program answers')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options & { kind: string; network?: string; url?: string }) => {
      const { addReward } = await import('../evaluator/rewards/add.ts');
      const { settings, replaced } = await withWorkspace(options, ({ db }) => addReward(db, { ...options, name }));
      const shown = describe(name, options.kind, settings);
      if (options.json) printJson(shown);
      else {
        const about = 'size' in shown ? `${shown.size} px` : `version ${shown.version}`;
        console.log(`Added "${name}": ${shown.kind}, ${about}, ${shown.network}.`);
      }
      if (replaced)
        console.error(`"${name}" has another network now; the scores of the old one are kept and not used.`);
    });
  rewards
    .command('list')
    .description('list the reward models')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const rows = await withWorkspace(options, ({ db }) => listRewards(db));
      const shown = rows.map((row) => ({
        ...describe(row.name, row.kind, row.settings as RewardSettings),
        networkSha256: row.networkSha256,
        scores: row.scores,
      }));
      if (options.json) printJson(shown);
      else {
        printTable(
          ['name', 'kind', 'scores', 'network'],
          shown.map(({ name, kind, scores, network }) => [name, kind, scores, network]),
          [2],
        );
      }
    });
  return rewards;
}

/** `network` is the folder, or an http reward's address. */
function describe(name: string, kind: string, settings: RewardSettings) {
  if ('url' in settings) {
    const { url, version, batch } = settings;
    return { name, kind, version, network: url, batch };
  }
  const { network, logitScale } = settings;
  const { version, folder, preprocessing } = network;
  return { name, kind, version, network: folder, size: preprocessing.size, logitScale };
}
