/** @file The verdict by a study's own plan, from its report. */
import { presets, type Plan, type PresetName } from '../../contract/plan.ts';
import type { AnyReport, CriterionReport, PlanReport } from '../../contract/report.ts';
import { holm } from '../statistics/holm.ts';
import { tango } from '../statistics/tango.ts';
import { pairingsOf } from './models.ts';

export interface StudyPlan {
  plan: Plan;
  /** Of all that was decided. */
  sha256: string;
  preset: PresetName | null;
  state: string;
  /** Departures that votes do not tell. */
  departures: readonly string[];
}

type Verdict = PlanReport['verdicts'][number];

/** @returns the report with its plan's part */
export function planReport(report: AnyReport, { plan, sha256, preset, state, departures }: StudyPlan): PlanReport {
  const primaries = pairingsOf(report).map(({ modelA, modelB, criteria }) => ({
    modelA,
    modelB,
    row: criteria.find(({ criterion }) => criterion === plan.primary)!,
  }));
  // Several pairings are several tests of one question.
  const corrected = holm(primaries.map(({ row }) => row.signTest.pScore));
  // Before anybody was left out: a pair that an exclusion opened was not left open.
  const opens = everybodys(report, plan.primary);
  const early = opens.reduce((sum, open) => sum + open, 0);
  const stopsByItself =
    plan.stopping === 'e-value' && primaries.every(({ row }) => row.evidence.eValue! >= 1 / plan.alpha);
  const all = [
    ...(state === 'closed' && early > 0 && !stopsByItself
      ? [`stopped ${early} ${early === 1 ? 'pair' : 'pairs'} early`]
      : []),
    ...departures,
  ];
  const published = preset === null ? undefined : presets[preset].published;
  return {
    ...plan,
    margin: plan.margin ?? null,
    exclusions: plan.exclusions ?? null,
    sha256,
    preset,
    published:
      published === undefined || plan.primary !== 'general' ? null : { ...published, paper: presets[preset!].paper },
    verdicts: primaries.map(({ modelA, modelB, row }, i) => ({
      modelA,
      modelB,
      ...verdictOn(plan, { modelA, modelB, row, p: corrected[i]!, open: state === 'closed' ? 0 : opens[i]! }),
    })),
    departures: all,
  };
}

/** Pairs without all their votes, of each pairing, whoever was left out later. */
function everybodys(report: AnyReport, primary: string): number[] {
  const all =
    'pairings' in report
      ? (report.withExcluded?.pairings ?? report.pairings).map(({ criteria }) => criteria)
      : [report.withExcluded?.criteria ?? report.criteria];
  return all.map((criteria) => criteria.find(({ criterion }) => criterion === primary)!.incomplete);
}

interface Tested {
  modelA: string;
  modelB: string;
  row: CriterionReport;
  /** Corrected over the pairings. */
  p: number | null;
  /** Pairs that still get votes. */
  open: number;
}

function verdictOn(plan: Plan, tested: Tested): Pick<Verdict, 'verdict' | 'says'> {
  const { modelA, modelB, row, open } = tested;
  if (row.decided === 0) return { verdict: 'open', says: 'Nothing is decided yet.' };
  if (plan.stopping === 'e-value') return byEvidence(plan, tested);
  if (open > 0)
    return { verdict: 'open', says: `${open} of ${row.pairs} pairs are open: the plan has no verdict yet.` };
  if (plan.hypothesis === 'superiority') return bySuperiority(plan, tested);
  const margin = plan.margin!;
  const level = levelOf(plan);
  const { low, high } = tango(row.wins, row.ties + row.split, row.losses, level);
  const interval = `${declared(100 * level)} % interval ${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)}`;
  const points = `${declared(100 * margin)} points`;
  const holds = low > 0.5 - margin && (plan.hypothesis === 'non-inferiority' || high < 0.5 + margin);
  const claim =
    plan.hypothesis === 'equivalence'
      ? `${modelA} and ${modelB} are equivalent within ${points}`
      : `${modelA} is not worse than ${modelB} by ${points}`;
  return holds
    ? { verdict: 'holds', says: `${claim} (${interval}).` }
    : { verdict: 'fails', says: `Not shown: ${claim} (${interval}).` };
}

/** Of the interval: equivalence is two one-sided tests at α, which the interval at 1 − 2α is. */
export function levelOf({ hypothesis, alpha }: Plan): number {
  return hypothesis === 'equivalence' ? 1 - 2 * alpha : 1 - alpha;
}

/** As it was declared: without rounding but that of binary fractions. */
export function declared(value: number): string {
  return String(Number(value.toPrecision(12)));
}

function bySuperiority({ alpha }: Plan, { modelA, modelB, row, p }: Tested): Pick<Verdict, 'verdict' | 'says'> {
  const said = p === null ? 'undefined' : p.toPrecision(2);
  if (p === null || p >= alpha) return { verdict: 'fails', says: `No difference is shown (p ${said}, α ${alpha}).` };
  const [winner, loser] = row.wins > row.losses ? [modelA, modelB] : [modelB, modelA];
  return { verdict: 'holds', says: `${winner} is preferred to ${loser} (p ${said}, α ${alpha}).` };
}

function byEvidence({ alpha }: Plan, { modelA, modelB, row, open }: Tested): Pick<Verdict, 'verdict' | 'says'> {
  const { eValue } = row.evidence;
  const said = `e-value ${eValue!.toPrecision(3)}, it needs ${(1 / alpha).toPrecision(3)}`;
  if (eValue! < 1 / alpha)
    return open > 0
      ? { verdict: 'open', says: `No difference is shown yet (${said}).` }
      : { verdict: 'fails', says: `No difference is shown (${said}).` };
  const [winner, loser] = row.wins > row.losses ? [modelA, modelB] : [modelB, modelA];
  return { verdict: 'holds', says: `${winner} is preferred to ${loser} (${said}).` };
}
