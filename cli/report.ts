import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import type { Report } from '../server/contract/report.ts';
import { withWorkspace, type DataOption } from './context.ts';
import { printJson, printTable } from './output.ts';

interface Options extends DataOption {
  json?: boolean;
  csv?: string;
  simulated?: boolean;
}

export function reportCommand(): Command {
  return new Command('report')
    .description('the study’s majority win rates')
    .argument('<study>')
    .option('--csv <file>', 'write the win rates as CSV')
    .option('--simulated', 'of the simulated votes, although people have voted')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (study: string, options: Options) => {
      const { studyReport } = await import('../server/study/study-report.ts');
      const report = await withWorkspace(options, ({ db }) =>
        studyReport(db, study, options.simulated ? 'simulated' : undefined),
      );
      if (options.csv !== undefined) await writeFile(options.csv, reportCsv(report));
      if (options.json) printJson(report);
      else printReport(report);
    });
}

/** For reading in a terminal. */
export function printReport(report: Report): void {
  console.log(
    `${report.study}: ${report.modelA} (A) against ${report.modelB} (B)${report.simulated ? ' — SIMULATED VOTES' : ''}`,
  );
  console.log(`${report.votesPerPair} votes a pair, majority of each; interval: Wilson 95 % over prompts\n`);
  printTable(
    ['criterion', 'A wins', '95 %', 'won', 'lost', 'tied', 'split', 'open', 'p (sign)'],
    report.criteria.map((c) => [
      c.criterion,
      percent(c.winRate.value),
      range(c.winRate),
      c.wins,
      c.losses,
      c.ties,
      c.split,
      c.incomplete,
      c.signTest.p === null ? '–' : pValue(c.signTest.p),
    ]),
    [1, 2, 3, 4, 5, 6, 7, 8],
  );
}

export function percent(value: number | null): string {
  return value === null ? '–' : `${(100 * value).toFixed(1)} %`;
}

export function range({ low, high }: { low: number | null; high: number | null }): string {
  return low === null || high === null ? '–' : `${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)}`;
}

export function pValue(p: number): string {
  return p < 0.001 ? p.toExponential(1) : p.toFixed(3);
}

/** One row a criterion and slice; the whole criterion's slice is "all". */
export function reportCsv(report: Report): string {
  const rows = report.criteria.flatMap((c) => [
    { ...c, by: 'all', name: 'all', p: c.signTest.p },
    ...c.byCategory.map((slice) => ({ criterion: c.criterion, by: 'category', ...slice })),
    ...c.byChallenge.map((slice) => ({ criterion: c.criterion, by: 'challenge', ...slice })),
  ]);
  return stringify(
    rows.map(({ criterion, by, name, wins, losses, ties, split, winRate, p }) => ({
      criterion,
      by,
      name,
      n: winRate.n,
      wins,
      losses,
      ties,
      split,
      win_rate: winRate.value,
      low: winRate.low,
      high: winRate.high,
      p,
    })),
    { header: true },
  );
}
