/** @file `visavis report`, and how a report is printed. */
import { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import { escapeCell } from '../evaluator/engine/files/spreadsheet.ts';
import type { Report } from '../contract/report.ts';
import { withWorkspace, writeOutput, type DataOption } from './context.ts';
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
      if (options.csv !== undefined) await writeOutput(options.csv, reportCsv(report));
      if (options.json) printJson(report);
      else printReport(report);
    });
}

/** For reading in a terminal, without the manual. */
export function printReport(report: Report): void {
  const { modelA, modelB, votesPerPair: k } = report;
  console.log(`${report.study}: ${modelA} (A) against ${modelB} (B)${report.simulated ? ' — SIMULATED VOTES' : ''}`);
  console.log(
    `A pair is won by the majority of its ${k} ${k === 1 ? 'vote' : 'votes'}. Intervals: Wilson, 95 %, over pairs.\n`,
  );
  printTable(
    ['criterion', 'A wins', '95 %', 'won', 'lost', 'tied', 'split', 'open', 'p (sign)', 'e-value', 'α'],
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
      c.evidence.eValue === null ? '–' : eValue(c.evidence.eValue),
      c.agreement.krippendorffAlpha === null ? '–' : c.agreement.krippendorffAlpha.toFixed(2),
    ]),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  console.log(
    '\nTies and splits count ½. p: read once, at the end. e-value: 20 or more is significant at 5 % however often',
  );
  console.log('one looked. α: Krippendorff’s agreement between annotators, 1 perfect, 0 chance.');
  printWeighted(report);
  printRewards(report);
  for (const c of report.criteria) {
    const { leftShare, low, high } = c.sideBias;
    if (leftShare !== null && low !== null && high !== null && (low > 0.5 || high < 0.5)) {
      console.log(
        `${c.criterion}: ${percent(leftShare)} of the votes (${range(c.sideBias)}) are for the left image: annotators favour a side.`,
      );
    }
  }
  printSlices(report);
}

/** Where some prompts were sampled more than others, the table above is of the sample; this is of the set. */
function printWeighted(report: Report): void {
  if (report.criteria.every(({ winRateWeighted }) => winRateWeighted === null)) return;
  console.log('\nThe sample took some prompts more than others. Weighted back to the whole prompt set:');
  printTable(
    ['criterion', 'A wins', '95 %', 'effective n'],
    report.criteria.map(({ criterion, winRateWeighted: w }) => [
      criterion,
      percent(w?.value ?? null),
      w === null ? '–' : range(w),
      w?.effectiveN == null ? '–' : w.effectiveN.toFixed(0),
    ]),
    [1, 2, 3],
  );
}

function printRewards({ rewards }: Report): void {
  if (rewards.length === 0) return;
  console.log('\nRewards on the same pairs, and how often each names the image that people prefer:');
  printTable(
    ['reward', 'A wins', '95 %', 'agrees with people', '95 %', 'n'],
    rewards.map(({ reward, winRate, agreementWithPeople: people }) => [
      reward,
      percent(winRate.value),
      range(winRate),
      percent(people.value),
      range(people),
      people.n,
    ]),
    [1, 2, 3, 4, 5],
  );
}

/** Categories and challenges that differ, after correction for having looked at all of them. */
function printSlices(report: Report): void {
  const rows = report.criteria.flatMap((c) =>
    [...c.byCategory, ...c.byChallenge]
      .filter((slice) => slice.pHolm !== null && slice.pHolm < 0.05)
      .map((slice) => [
        c.criterion,
        slice.name,
        percent(slice.winRate.value),
        range(slice.winRate),
        slice.winRate.n,
        pValue(slice.pHolm!),
      ]),
  );
  const looked =
    report.criteria[0] === undefined ? 0 : report.criteria[0].byCategory.length + report.criteria[0].byChallenge.length;
  if (looked === 0) return;
  if (rows.length === 0) {
    console.log(
      `\nNone of the ${looked} categories and challenges differs from 50 % after Holm’s correction (--json has all).`,
    );
    return;
  }
  console.log('\nSlices that differ from 50 % after Holm’s correction:');
  printTable(['criterion', 'slice', 'A wins', '95 %', 'n', 'p (Holm)'], rows, [2, 3, 4, 5]);
}

function eValue(value: number): string {
  return value >= 1e4 ? value.toExponential(1) : value.toFixed(2);
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
    { ...c, by: 'all', name: 'all', p: c.signTest.p, pHolm: null },
    ...c.byCategory.map((slice) => ({ criterion: c.criterion, by: 'category', ...slice })),
    ...c.byChallenge.map((slice) => ({ criterion: c.criterion, by: 'challenge', ...slice })),
  ]);
  return stringify(
    rows.map(({ criterion, by, name, wins, losses, ties, split, winRate, p, pHolm }) => ({
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
      p_holm: pHolm,
    })),
    { header: true, cast: { string: escapeCell } },
  );
}
