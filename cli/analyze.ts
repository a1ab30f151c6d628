/** @file `visavis analyze`: the report on votes collected with other tools. */
import { Command, InvalidArgumentError } from 'commander';
import { isOfMany } from '../evaluator/votes/models.ts';
import { parseValues } from '../evaluator/votes/choices.ts';
import { fields, formats, type Field, type Format } from '../evaluator/votes/formats.ts';
import { wholeNumber } from './numbers.ts';
import { printJson } from './output.ts';
import { printManyModelsReport, printReport } from './report.ts';

interface Options {
  json?: boolean;
  seed: number;
  votes?: number;
  format?: Format;
  map?: Map<Field, string>;
  values?: NonNullable<ReturnType<typeof parseValues>>;
  encoding?: string;
}

export function analyzeCommand(): Command {
  return new Command('analyze')
    .description(
      'the report on votes collected with other tools: item, annotator, choice (a, b, tie) as CSV, JSONL, JSON or Parquet, or another program’s file',
    )
    .argument('<file>')
    .option(
      '--votes <k>',
      'votes an item needs to be decided; the usual number of each criterion by default',
      wholeNumber(1),
    )
    .option('--format <name>', `what wrote the file: ${formats.join(', ')}; told by its columns by default`, format)
    .option('--map <field=column,…>', `which column holds what; fields: ${fields.slice(0, 9).join(', ')}`, map)
    .option('--values <value=choice,…>', 'what the file’s words mean: a, b, tie, both (bad), left, right', values)
    .option('--encoding <name>', 'of the file’s bytes, as latin1 or utf-16le; UTF-8 by default')
    .option('--seed <n>', 'seed of the bootstrap', wholeNumber(0), 0)
    .option('--data <dir>', 'data directory; not used')
    .option('--json', 'print JSON')
    .action(async (file: string, { json, votes, ...options }: Options) => {
      const { analyzeAny } = await import('../evaluator/votes/analyze.ts');
      const report = await analyzeAny(file, { ...options, ...(votes === undefined ? {} : { votesPerPair: votes }) });
      if (json) {
        printJson(report);
        return;
      }
      const { rows } = report;
      if (isOfMany(report)) printManyModelsReport(report);
      else printReport(report);
      for (const note of rows.notes) console.log(note);
      for (const { reason, count, examples } of rows.skipped) {
        console.log(
          `${count} of ${rows.read} rows skipped: ${reason} (${examples.join('; ')}${count > examples.length ? '; …' : ''}).`,
        );
      }
    });
}

function format(text: string): Format {
  if (!(formats as readonly string[]).includes(text))
    throw new InvalidArgumentError(`It must be one of ${formats.join(', ')}.`);
  return text as Format;
}

function map(text: string): Map<Field, string> {
  return new Map(
    text.split(',').map((part) => {
      const [field, column, ...more] = part.split('=').map((word) => word.trim());
      if (!(fields as readonly string[]).includes(field!) || !column || more.length > 0)
        throw new InvalidArgumentError(`"${part}" must be FIELD=COLUMN, with a field of ${fields.join(', ')}.`);
      return [field as Field, column];
    }),
  );
}

function values(text: string) {
  const parsed = parseValues(text);
  if (parsed === undefined)
    throw new InvalidArgumentError('It must be VALUE=CHOICE,… with the choices a, b, tie, both, left and right.');
  return parsed;
}
