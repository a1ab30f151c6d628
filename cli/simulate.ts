/** @file `visavis simulate`: marked votes through the same code as people's. */
import { Command } from 'commander';
import { serverConfig } from '../server/config.ts';
import { withWorkspace, type DataOption } from './context.ts';
import { realNumber, wholeNumber } from './numbers.ts';
import { printJson, printTable, startProgress } from './output.ts';

interface Options extends DataOption {
  annotators: number;
  winRate: number;
  tieRate?: number;
  mix?: string;
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
    .option(
      '--mix <shares>',
      'how they behave, as honest:0.8,left:0.1,random:0.1; also reward, colluder, burst; all honest by default',
    )
    .option('--seed <n>', 'seed of their choices', wholeNumber(0), 0)
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (study: string, options: Options) => {
      const { simulate } = await import('../server/simulation/simulate.ts');
      const { studySummary } = await import('../server/study/summary.ts');
      const { parseMix } = await import('../server/simulation/behaviour.ts');
      const mix = options.mix === undefined ? undefined : parseMix(options.mix);
      const { votes, behaviours } = await withWorkspace(options, async ({ db }) => {
        const { votesNeeded } = await studySummary(db, study);
        const progress = startProgress('simulated votes', votesNeeded, 'votes');
        let done = 0;
        try {
          return await simulate(db, {
            ...options,
            mix,
            study,
            config: serverConfig({ data: options.data }),
            onVote: () => progress.update(++done),
          });
        } finally {
          progress.stop();
        }
      });
      if (options.json) {
        printJson({ study, votes, ...(mix === undefined ? {} : { behaviours }) });
        return;
      }
      if (mix !== undefined)
        printTable(
          ['behaviour', 'annotators', 'named by the rule', '95 %'],
          behaviours.map(({ behaviour, annotators, named, low, high }) => [
            behaviour,
            annotators,
            named,
            `${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)} %`,
          ]),
          [1, 2, 3],
        );
      console.error(`${votes} simulated votes. See them with: visavis report ${study}`);
    });
}
