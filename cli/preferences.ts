/** @file `visavis preferences`: inspect and filter preference data. */
import { Command, Option } from 'commander';
import { printJson, printTable } from './output.ts';
import { keepChoices, rowChoices, type Keep, type RowChoice } from '../evaluator/preference/filter.ts';
import type { PreferenceSource } from '../evaluator/preference/preference-rows.ts';
import { wholeNumber } from './numbers.ts';

interface FilterOptions {
  keep: Keep;
  minWins: number;
  rows: RowChoice;
  out: string;
  strict?: boolean;
  json?: boolean;
}

function skippedOf({ skipped }: PreferenceSource) {
  return skipped.map(({ reason, count }) => ({ reason, rows: count }));
}

export function printSkipped({ skipped }: Pick<PreferenceSource, 'skipped'>): void {
  for (const { reason, count, example } of skipped)
    console.error(`${count} ${count === 1 ? 'row was' : 'rows were'} left out: ${reason} (first: ${example}).`);
}

export function preferencesCommand(): Command {
  const preferences = new Command('preferences').description('preference pairs: look at them, filter them');
  preferences
    .command('inspect')
    .argument('<source>', 'parquet file, folder of shards, CSV or JSONL')
    .description('ties, contradictions, winners, prompts, models')
    .option('--min-wins <n>', 'wins that an absolute winner needs', wholeNumber(1), 1)
    .option('--data <dir>', 'not used')
    .option('--json', 'print JSON')
    .option('--strict', 'refuse a source with a row that is no preference, instead of leaving it out')
    .action(async (path: string, { minWins, json, strict }: { minWins: number; json?: boolean; strict?: boolean }) => {
      const { openPreferences } = await import('../evaluator/preference/preference-rows.ts');
      const { inspectPairs } = await import('../evaluator/preference/filter.ts');
      const source = await openPreferences(path, { strict });
      const inspection = inspectPairs(source.rows, minWins);
      if (json) {
        printJson({ ...inspection, skipped: skippedOf(source) });
        return;
      }
      const { models, ...counts } = inspection;
      const words: Record<keyof typeof counts, string> = {
        pairs: 'pairs',
        decided: 'decided pairs',
        ties: 'ties',
        prompts: 'prompts',
        images: 'images',
        contradictoryImages: 'contradictory images (they win one pair and lose another)',
        contradictoryPairs: 'decided pairs with such an image',
        absoluteWinners: 'absolute winners',
        promptsWithWinner: 'prompts with one',
      };
      printTable(
        ['', 'count'],
        Object.entries(counts).map(([key, value]) => [words[key as keyof typeof counts], value]),
        [1],
      );
      console.log();
      printTable(
        ['model', 'images', 'wins', 'losses', 'ties'],
        models.map((m) => [m.model, m.images, m.wins, m.losses, m.ties]),
        [1, 2, 3, 4],
      );
      printSkipped(source);
    });
  preferences
    .command('filter')
    .argument('<source>', 'parquet file, folder of shards, CSV or JSONL')
    .description('keep absolute winners, or the mini sets of the NCP paper’s table 2')
    .addOption(new Option('--keep <what>', 'which pairs').choices(keepChoices).default('absolute-winners'))
    .option('--min-wins <n>', 'wins that an absolute winner needs', wholeNumber(1), 1)
    .addOption(new Option('--rows <which>', 'which of a winner’s rows').choices(rowChoices).default('first'))
    .option('--strict', 'refuse a source with a row that is no preference, instead of leaving it out')
    .requiredOption('--out <file>', '.parquet with images, .jsonl or .csv without')
    .option('--data <dir>', 'not used')
    .option('--json', 'print JSON')
    .action(async (path: string, options: FilterOptions) => {
      const { openPreferences } = await import('../evaluator/preference/preference-rows.ts');
      const { filterPairs } = await import('../evaluator/preference/filter.ts');
      const { writePairs } = await import('../evaluator/preference/write-pairs.ts');
      const source = await openPreferences(path, { strict: options.strict });
      const pairs = filterPairs(source.rows, options);
      await writePairs(options.out, source, pairs);
      const prompts = new Set(pairs.map(({ caption }) => caption)).size;
      if (options.json) {
        const { length: read } = source.rows;
        printJson({ read, kept: pairs.length, prompts, out: options.out, skipped: skippedOf(source) });
        return;
      }
      printSkipped(source);
      console.log(`Kept ${pairs.length} of ${source.rows.length} pairs, of ${prompts} prompts: ${options.out}`);
    });
  return preferences;
}
