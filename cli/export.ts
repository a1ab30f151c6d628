/** @file `visavis export`: a study's votes for other programs. */
import { Command, Option } from 'commander';
import { dataFolderOf } from '../server/config.ts';
import { exportFormats, type ExportFormat } from '../contract/words.ts';
import { withWorkspace, writeOutput, type DataOption } from './context.ts';

interface Options extends DataOption {
  format: ExportFormat;
  criterion?: string;
  out: string;
  simulated?: boolean;
}

export function exportCommand(): Command {
  return new Command('export')
    .description('export a study’s votes')
    .argument('<study>')
    .addOption(new Option('--format <format>', 'file format').choices(exportFormats).makeOptionMandatory())
    .requiredOption(
      '--out <file>',
      'file to write; of arena .csv, .jsonl or .json, of pick-a-pic also .parquet with the images',
    )
    .option('--criterion <name>', 'of pick-a-pic, whose rows have one; general preference by default')
    .option('--simulated', 'the simulated votes, although people have voted')
    .option('--data <dir>', 'data directory')
    .action(async (study: string, options: Options) => {
      const { exportVotes } = await import('../server/study/exports.ts');
      const { reveal } = await import('../server/study/reveal.ts');
      const { content, rows } = await withWorkspace(options, async ({ db }) => {
        if (!options.simulated) await reveal(db, study);
        return exportVotes(db, study, {
          format: options.format,
          out: options.out,
          population: options.simulated ? 'simulated' : undefined,
          criterion: options.criterion,
          dataFolder: dataFolderOf(options.data),
        });
      });
      await writeOutput(options.out, content);
      console.error(`${rows} votes written to ${options.out}.`);
    });
}
