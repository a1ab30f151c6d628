/** @file `visavis export`: a study's votes for other programs. */
import { Command, Option } from 'commander';
import { withWorkspace, writeOutput, type DataOption } from './context.ts';

interface Options extends DataOption {
  format: 'votes-csv' | 'votes-jsonl';
  out: string;
  simulated?: boolean;
}

export function exportCommand(): Command {
  return new Command('export')
    .description('export a study’s votes')
    .argument('<study>')
    .addOption(
      new Option('--format <format>', 'file format').choices(['votes-csv', 'votes-jsonl']).makeOptionMandatory(),
    )
    .requiredOption('--out <file>', 'file to write')
    .option('--simulated', 'the simulated votes, although people have voted')
    .option('--data <dir>', 'data directory')
    .action(async (study: string, options: Options) => {
      const { exportVotes } = await import('../server/study/exports.ts');
      const { text, rows } = await withWorkspace(options, ({ db }) =>
        exportVotes(db, study, options.format, options.simulated ? 'simulated' : undefined),
      );
      await writeOutput(options.out, text);
      console.error(`${rows} votes written to ${options.out}.`);
    });
}
