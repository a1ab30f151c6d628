/** @file `visavis analyze`: the report on votes collected with other tools. */
import { Command } from 'commander';
import { wholeNumber } from './numbers.ts';
import { printJson } from './output.ts';
import { printReport } from './report.ts';

interface Options {
  json?: boolean;
  seed: number;
  votes?: number;
}

export function analyzeCommand(): Command {
  return new Command('analyze')
    .description(
      'the report on votes collected with other tools: CSV or JSONL with item, annotator, choice (a, b, tie)',
    )
    .argument('<file>')
    .option('--votes <k>', 'votes an item needs to be decided; the usual number by default', wholeNumber(1))
    .option('--seed <n>', 'seed of the bootstrap', wholeNumber(0), 0)
    .option('--data <dir>', 'data directory; not used')
    .option('--json', 'print JSON')
    .action(async (file: string, options: Options) => {
      const { analyze } = await import('../evaluator/votes/analyze.ts');
      const { rows, ...report } = await analyze(file, {
        seed: options.seed,
        ...(options.votes === undefined ? {} : { votesPerPair: options.votes }),
      });
      if (options.json) {
        printJson({ ...report, rows });
        return;
      }
      printReport(report);
      for (const note of rows.notes) console.log(note);
      for (const { reason, count, examples } of rows.skipped) {
        console.log(
          `${count} of ${rows.read} rows skipped: ${reason} (${examples.join('; ')}${count > examples.length ? '; …' : ''}).`,
        );
      }
    });
}
