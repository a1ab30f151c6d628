/** @file Which models are compared. */
import type { AnyReport, ManyModelsReport, Report } from '../../contract/report.ts';

/** Of what is compared two by two: first what stands as A, then what stands as B alone. */
export function modelsOf(pairings: readonly { modelA: string; modelB: string }[]): string[] {
  return [...new Set([...pairings.map(({ modelA }) => modelA), ...pairings.map(({ modelB }) => modelB)])];
}

/** Whether a report is of three or more models. */
export function isOfMany<T extends object>(report: T): report is Extract<T, { pairings: unknown }> {
  return 'pairings' in report;
}

/** A report's results two by two; of two models it is the report itself. */
export function pairingsOf(report: AnyReport): (Report | ManyModelsReport['pairings'][number])[] {
  return 'pairings' in report ? report.pairings : [report];
}
