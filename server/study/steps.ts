/** @file Which step of a visit is at hand; it follows from the steps that were taken. */
import type { Database } from '../../db/open.ts';
import type { Annotator } from '../../db/queries/assignments.ts';
import type { StudyFacts } from '../../db/queries/immutable.ts';
import { stepsTaken, type TakenStep } from '../../db/queries/visits.ts';
import { steps, type Step, type Visit } from '../../contract/visit.ts';
import { ServiceError } from '../errors.ts';
import { visitFor } from './checks.ts';

/** The steps that a study has. */
export function stepsOf(visit: Visit | null): Step[] {
  const has: Record<Step, boolean> = {
    welcome: visit?.welcome !== undefined || visit?.about !== undefined,
    consent: visit?.consent !== undefined,
    device: visit?.device !== undefined,
    instructions: visit?.instructions !== undefined || visit?.example !== undefined,
    practice: visit?.practice !== undefined,
    work: true,
    survey: visit?.survey !== undefined,
  };
  return steps.filter((step) => has[step]);
}

/** @throws ServiceError step-required when a step before the work was not taken */
export async function requireSteps(tx: Database, annotator: Annotator, facts: StudyFacts): Promise<void> {
  const visit = visitFor(annotator, facts);
  if (visit === null || stepsOf(visit)[0] === 'work') return;
  const at = stepAt(visit, await stepsTaken(tx, annotator.id));
  if (isBefore(at, 'work'))
    throw new ServiceError('step-required', `This study begins with the step "${at}"; see visit:look.`);
}

/** The first step that was not taken; the end when there is none. */
export function stepAt(visit: Visit | null, taken: readonly TakenStep[]): Step | 'end' {
  const isTaken = (step: Step) =>
    step === 'practice' ? practised(taken) >= visit!.practice!.length : taken.some((each) => each.step === step);
  return stepsOf(visit).find((step) => !isTaken(step)) ?? 'end';
}

export function practised(taken: readonly TakenStep[]): number {
  return taken.filter(({ step }) => step === 'practice').length;
}

/** Whether one place of a visit comes before another. */
export function isBefore(step: Step | 'end', other: Step | 'end'): boolean {
  const order: readonly (Step | 'end')[] = [...steps, 'end'];
  return order.indexOf(step) < order.indexOf(other);
}
