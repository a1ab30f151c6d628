/** @file `visavis report`, and how a report is printed. */
import { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import { isOfMany, pairingsOf } from '../evaluator/votes/models.ts';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import { escapeCell } from '../evaluator/engine/files/spreadsheet.ts';
import type { AnyReport, ManyModelsReport, Report } from '../contract/report.ts';
import { exitCode, interruptSignal, withWorkspace, writeOutput, type DataOption, type Workspace } from './context.ts';
import { printJson, printTable } from './output.ts';
import { queueOption, submitAndFollow } from './queue.ts';
import { packageVersion } from '../evaluator/engine/files/package-root.ts';

interface Options extends DataOption {
  json?: boolean;
  csv?: string;
  html?: string;
  gallery?: boolean;
  identified?: boolean;
  latex?: string;
  simulated?: boolean;
  queue?: boolean;
}

export function reportCommand(): Command {
  return new Command('report')
    .description('the study’s majority win rates')
    .argument('<study>')
    .option('--csv <file>', 'write the win rates as CSV')
    .option('--html <file>', 'write the report as one file that computes itself again when it is opened')
    .option('--gallery', 'with --html: every pair with its images')
    .option('--identified', 'with --html: participants’ own ids; pseudonyms without it')
    .option('--latex <dir>', 'write a table, figures, methods and a checklist for LaTeX')
    .option('--simulated', 'of the simulated votes, although people have voted')
    .addOption(queueOption())
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (study: string, options: Options) => {
      if (options.html === undefined && (options.gallery || options.identified))
        throw new BadInput(`--${options.gallery ? 'gallery' : 'identified'} goes with --html.`);
      if (options.queue && (options.html !== undefined || options.latex !== undefined))
        throw new BadInput(`--${options.html === undefined ? 'latex' : 'html'} is written here; leave --queue out.`);
      const { studyReport } = await import('../server/study/study-report.ts');
      const { reveal } = await import('../server/study/reveal.ts');
      const population = options.simulated ? ('simulated' as const) : undefined;
      const report = await withWorkspace(options, async (workspace) => {
        const { db, images } = workspace;
        if (population === undefined) await reveal(db, study);
        if (options.queue) return reportByQueue(workspace, study, population ?? null);
        const { html, latex } = options;
        if (html !== undefined) {
          const { reportHtml } = await import('../server/report/html.ts');
          const { gallery, identified = false } = options;
          const about = { population, identified, gallery: gallery ? images : undefined, version: packageVersion() };
          await writeOutput(html, await reportHtml(db, study, about));
        }
        if (latex !== undefined) {
          const { writeLatex } = await import('../server/report/latex.ts');
          const files = await writeLatex(db, study, latex, { population, version: packageVersion() });
          console.error(`${files.length} files in ${latex}; report.tex shows all of them.`);
        }
        return studyReport(db, study, population);
      });
      if (report === undefined) {
        process.exitCode = exitCode.failed;
        return;
      }
      if (options.csv !== undefined) await writeOutput(options.csv, reportCsv(report));
      if (options.json) printJson(report);
      else if (isOfMany(report)) printManyModelsReport(report);
      else printReport(report);
    });
}

async function reportByQueue(
  workspace: Workspace,
  study: string,
  population: 'simulated' | null,
): Promise<AnyReport | undefined> {
  const { planReport } = await import('../server/queue/report-job.ts');
  const outcome = await submitAndFollow(workspace, 'report', () => planReport(workspace.db, { study, population }), {
    deviceKind: null,
    signal: interruptSignal(),
  });
  return outcome && (outcome.slices[0]!.result as AnyReport);
}

/** For reading in a terminal, without the manual. */
export function printReport(report: Report): void {
  const { modelA, modelB, votesPerPair: k } = report;
  console.log(`${report.study}: ${modelA} (A) against ${modelB} (B)${report.simulated ? ' — SIMULATED VOTES' : ''}`);
  const needs = new Set(report.criteria.map(({ votesPerPair }) => votesPerPair));
  const votes = needs.size > 1 ? 'votes' : `${k} ${k === 1 ? 'vote' : 'votes'}`;
  console.log(`A pair is won by more than half of its ${votes}. Intervals: Tango’s, 95 %, over pairs.\n`);
  printCriteria(report.criteria, needs.size > 1);
  console.log(
    '\nTies and splits count ½. p: McNemar’s score test, read once, at the end; the interval ends at 50 % where it is .05.',
  );
  console.log(
    'e-value: 20 or more is significant at 5 % however often one looked. α: Krippendorff’s agreement between',
  );
  console.log('annotators, 1 perfect, 0 chance.');
  printPlan(report);
  printVerdicts(report.criteria, report.plan?.primary);
  printWeighted(report);
  printRewards(report);
  printSideBias(report.criteria);
  printBothBad(report.criteria);
  printSlices(report);
  printDisplay(report);
  printExclusions(report);
}

/** What was planned, whether it was shown, and what was done otherwise. */
function printPlan({ plan, criteria = [] }: Pick<Report, 'plan'> & Partial<Pick<Report, 'criteria'>>): void {
  if (plan === undefined) return;
  const margin = plan.margin === null ? '' : `, margin ${(100 * plan.margin).toFixed(1)} points`;
  console.log(
    `\nBy the plan (${plan.hypothesis} on ${plan.primary}${margin}, α ${plan.alpha}, ${plan.stopping === 'fixed' ? 'all votes' : 'until the e-value is reached'}; SHA-256 ${plan.sha256}):`,
  );
  for (const { says } of plan.verdicts) console.log(`  ${says}`);
  for (const departure of plan.departures) console.log(`  Otherwise than planned: ${departure}.`);
  if (plan.stopping === 'e-value') {
    console.log(
      '  Intervals and p values above are of a fixed number of pairs; this study could end before. However often one looks:',
    );
    for (const { criterion, evidence } of criteria)
      console.log(
        `  ${criterion}: ${range(evidence)} of won and lost pairs (95 %), e-value ${eValue(evidence.eValue ?? 1)}.`,
      );
  }
  if (plan.published !== null)
    console.log(`  Published: ${percent(plan.published.value)}, ${plan.published.says} (${plan.published.paper}).`);
}

/** Who is left out, and what that changes. */
function printExclusions({ withExcluded, annotators, criteria }: Report): void {
  if (withExcluded === undefined) return;
  printLeftOut(annotators);
  printBoth(criteria, withExcluded.criteria);
}

function printLeftOut(annotators: Report['annotators']): void {
  console.log('\nLeft out of everything above:');
  printTable(
    ['annotator', 'votes', 'because'],
    annotators
      .filter(({ excluded }) => excluded)
      .map(({ id, votes, excludedBecause = '' }) => [id, votes, excludedBecause]),
    [1],
  );
}

function printBoth(without: Report['criteria'], everybody: Report['criteria']): void {
  const rate = ({ winRate }: Report['criteria'][number]) =>
    winRate.value === null ? '–' : `${percent(winRate.value)} (${range(winRate)})`;
  printTable(
    ['criterion', 'without them', 'with them'],
    without.map((each, i) => [each.criterion, rate(each), rate(everybody[i]!)]),
  );
}

/** What people had on screen, where it could matter. */
function printDisplay({ display }: Pick<Report, 'display'>): void {
  if (display === undefined || display.slices.length === 0) return;
  console.log(`\nOn screen, as the page told with ${display.votes} votes (share for A, 95 % over prompts and people):`);
  const cell = ({
    value,
    low,
    high,
    n,
  }: {
    value: number | null;
    low: number | null;
    high: number | null;
    n: number;
  }) =>
    value === null
      ? '–'
      : `${(100 * value).toFixed(1)} %${low === null || high === null ? '' : ` (${(100 * low).toFixed(1)} – ${(100 * high).toFixed(1)})`}, n = ${n}`;
  printTable(
    ['votes', 'criterion', 'where it holds', 'where not'],
    display.slices.flatMap(({ name, byCriterion }) => [
      [name, '', '', ''],
      ...byCriterion.map((each) => ['', each.criterion, cell(each.with), cell(each.without)]),
    ]),
  );
}

/** Of three and more models. */
export function printManyModelsReport(report: ManyModelsReport): void {
  console.log(`${report.study}: ${report.models.join(', ')}${report.simulated ? ' — SIMULATED VOTES' : ''}`);
  for (const pairing of report.pairings) {
    console.log(`\n${pairing.modelA} (A) against ${pairing.modelB} (B)`);
    printCriteria(pairing.criteria, false);
    printVerdicts(pairing.criteria, report.plan?.primary);
    printWeighted(pairing);
    printRewards(pairing);
    printSideBias(pairing.criteria);
    printBothBad(pairing.criteria);
    printSlices(pairing);
    printDisplay(pairing);
  }
  printPlan({ plan: report.plan });
  console.log('\nRatings: log strength (Bradley–Terry, mean 0), 95 %, votes on one prompt taken together.');
  if (report.drawn === true)
    console.log(
      'Which models were compared was drawn while people voted; each vote is weighted by the inverse of its chance.',
    );
  printTable(
    ['criterion', 'model', 'rating', '95 %'],
    report.ratings.map(({ criterion, model, rating, low, high, why }) => [
      criterion,
      model,
      rating === null ? (why ?? '–') : rating.toFixed(3),
      low === null || high === null ? '–' : `${low.toFixed(3)} … ${high.toFixed(3)}`,
    ]),
    [2, 3],
  );
  for (const { criterion, models } of report.cycles)
    console.log(`${criterion}: ${models.join(' beats ')} beats ${models[0]}: these three have no order.`);
  const { withExcluded } = report;
  if (withExcluded !== undefined) {
    printLeftOut(report.annotators);
    report.pairings.forEach(({ modelA, modelB, criteria }, i) => {
      console.log(`${modelA} against ${modelB}:`);
      printBoth(criteria, withExcluded.pairings[i]!.criteria);
    });
  }
}

function printCriteria(criteria: Report['criteria'], withVotes: boolean): void {
  printTable(
    [
      'criterion',
      ...(withVotes ? ['votes'] : []),
      'A wins',
      '95 %',
      'won',
      'lost',
      'tied',
      'split',
      'open',
      'p',
      'p (sign)',
      'e-value',
      'α',
    ],
    criteria.map((c) => [
      c.criterion,
      ...(withVotes ? [c.votesPerPair] : []),
      percent(c.winRate.value),
      range(c.winRate),
      c.wins,
      c.losses,
      c.ties,
      c.split,
      c.incomplete,
      c.signTest.pScore === null ? '–' : pValue(c.signTest.pScore),
      c.signTest.p === null ? '–' : pValue(c.signTest.p),
      c.evidence.eValue === null ? '–' : eValue(c.evidence.eValue),
      c.agreement.krippendorffAlpha === null ? '–' : c.agreement.krippendorffAlpha.toFixed(2),
    ]),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  );
}

/** Where the two tests differ, and what holds over all questions that were asked. */
function printVerdicts(criteria: Report['criteria'], primary: string | undefined): void {
  for (const { criterion, signTest } of criteria)
    if (signTest.note !== undefined) console.log(`${criterion}: ${signTest.note}.`);
  for (const { criterion, breakdown } of criteria)
    if (breakdown.votes !== null)
      console.log(
        `${criterion}: ${breakdown.votes} of ${breakdown.of} votes, changed, would turn ${breakdown.verdict === 'none' ? '“no difference”' : `“${breakdown.verdict.toUpperCase()} wins more”`}.`,
      );
  if (criteria.length < 2) return;
  const others = criteria.filter(({ criterion }) => criterion !== primary);
  const differing = others.filter(({ signTest }) => signTest.pHolm !== null && signTest.pHolm < 0.05);
  const family = `after Holm’s correction over the ${others.length} ${primary === undefined ? '' : 'other '}criteria`;
  if (differing.length === 0) console.log(`No criterion differs from 50 % ${family}.`);
  else console.log(`Different from 50 % ${family}: ${differing.map(({ criterion }) => criterion).join(', ')}.`);
}

/** Only where it could be said. */
function printBothBad(criteria: Report['criteria']): void {
  for (const { criterion, votes } of criteria)
    if (votes.bothBad !== undefined && votes.tie > 0)
      console.log(`${criterion}: ${votes.bothBad} of ${votes.tie} tied votes say that neither image will do.`);
}

/** Only where the interval says so. */
function printSideBias(criteria: Report['criteria']): void {
  for (const c of criteria) {
    const { leftShare, low, high } = c.sideBias;
    if (leftShare !== null && low !== null && high !== null && (low > 0.5 || high < 0.5)) {
      console.log(
        `${c.criterion}: ${percent(leftShare)} of the votes (${range(c.sideBias)}) are for the left image: annotators favour a side.`,
      );
    }
  }
}

/** Where some prompts were sampled more than others, the table above is of the sample; this is of the set. */
function printWeighted(report: Pick<Report, 'criteria'>): void {
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

function printRewards({ rewards }: Pick<Report, 'rewards'>): void {
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
function printSlices(report: Pick<Report, 'criteria'>): void {
  const rows = report.criteria.flatMap((c) =>
    [...c.byCategory, ...c.byChallenge]
      .filter((slice) => slice.pScoreHolm !== null && slice.pScoreHolm < 0.05)
      .map((slice) => [
        c.criterion,
        slice.name,
        percent(slice.winRate.value),
        range(slice.winRate),
        slice.winRate.n,
        pValue(slice.pScoreHolm!),
      ]),
  );
  const looked =
    report.criteria[0] === undefined ? 0 : report.criteria[0].byCategory.length + report.criteria[0].byChallenge.length;
  if (looked === 0) return;
  if (rows.length === 0) {
    console.log(
      `\nNone of the ${looked} categories and challenges differs from 50 % after Holm’s correction, for each kind and criterion (--json has all).`,
    );
    return;
  }
  console.log('\nSlices that differ from 50 % after Holm’s correction, for each kind and criterion:');
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

/** One row a criterion and slice, of each two models; the whole criterion's slice is "all". */
export function reportCsv(report: Report | ManyModelsReport): string {
  const pairings = pairingsOf(report).map(({ modelA, modelB, criteria }) => ({
    models: isOfMany(report) ? { model_a: modelA, model_b: modelB } : {},
    criteria,
  }));
  const rows = pairings.flatMap(({ models, criteria }) =>
    criteria.flatMap((c) => [
      { ...c, models, by: 'all', name: 'all', p: c.signTest.p, pHolm: null },
      ...c.byCategory.map((slice) => ({ models, criterion: c.criterion, by: 'category', ...slice })),
      ...c.byChallenge.map((slice) => ({ models, criterion: c.criterion, by: 'challenge', ...slice })),
    ]),
  );
  return stringify(
    rows.map(({ models, criterion, by, name, wins, losses, ties, split, winRate, p, pHolm }) => ({
      ...models,
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
