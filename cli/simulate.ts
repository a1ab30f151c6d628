/** @file `visavis simulate`: marked votes through the same code as people's. */
import { Command } from 'commander';
import { serverConfig } from '../server/config.ts';
import { withWorkspace, type DataOption } from './context.ts';
import { realNumber, wholeNumber } from './numbers.ts';
import { printJson, startProgress } from './output.ts';

interface Options extends DataOption {
  annotators: number;
  winRate: number;
  tieRate?: number;
  seed: number;
  json?: boolean;
}

export function simulateCommand(): Command {
  return new Command('simulate')
    .description('let simulated annotators vote; their votes are marked and never mix with people’s')
    .argument('<study>')
    .requiredOption('--annotators <n>', 'simulated annotators', wholeNumber(1))
    .requiredOption(
      '--win-rate <p>',
      'share of pairs whose majority should go to A, of each two models',
      realNumber(0, 1),
    )
    .option(
      '--tie-rate <r>',
      'share of the votes that are ties; a seventh where the study allows them',
      realNumber(0, 1),
    )
    .option('--seed <n>', 'seed of their choices', wholeNumber(0), 0)
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (study: string, options: Options) => {
      const { simulate } = await import('../server/simulation/simulate.ts');
      const { studySummary } = await import('../server/study/summary.ts');
      const votes = await withWorkspace(options, async ({ db }) => {
        const { votesNeeded } = await studySummary(db, study);
        const progress = startProgress('simulated votes', votesNeeded, 'votes');
        let done = 0;
        try {
          return await simulate(db, {
            ...options,
            study,
            config: serverConfig({ data: options.data }),
            onVote: () => progress.update(++done),
          });
        } finally {
          progress.stop();
        }
      });
      if (options.json) printJson({ study, votes });
      else console.error(`${votes} simulated votes. See them with: visavis report ${study}`);
    });
}
