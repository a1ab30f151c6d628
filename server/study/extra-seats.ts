/**
 * @file Others are asked about the pairs of people who are left out. Arrow: exclusions → seats. Votes stay where they are: a pair gets
 * one seat more for each of its seats that somebody has filled who is left out, so that k votes of others come to it, and both results
 * of a report stay what they are.
 */
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import {
  deleteSeats,
  extraSeatsOf,
  largestIndexes,
  putSeatsAway,
  seatsOfExcluded,
  setExtraSeats,
  type ExcludedSeat,
  type ExtraSeat,
} from '../../db/queries/extra-seats.ts';
import { insertSeats, seatsPerPair, type Seat, type Study } from '../../db/queries/studies.ts';
import { commandLine, record } from '../access/audit.ts';
import { ServiceError } from '../errors.ts';
import { groupBy } from '../../evaluator/statistics/group-by.ts';
import { requireStudy } from './lifecycle.ts';

export interface Reopened {
  /** Seats that were opened. */
  opened: number;
  /** Seats that two have filled together, of whom one is left out: nobody is asked for them again. */
  shared: number;
}

/** Criteria that whoever has a seat answers there. */
export function questionsOfSeat({ split, criteria }: Pick<Study, 'split' | 'criteria'>): number {
  return split ? 1 : criteria.length;
}

/** Votes of a finished study: of every seat, one for each criterion. */
export function votesNeeded(
  study: Pick<Study, 'votesPerPair' | 'extraSeats' | 'criteria' | 'split'>,
  pairs: number,
): number {
  return (pairs * seatsPerPair(study) + study.extraSeats) * questionsOfSeat(study);
}

/** Opens what is missing; called again it opens nothing more. @throws ServiceError not-found; conflict for a closed study */
export async function reopenSeats(
  db: Database,
  studyName: string,
  actor = commandLine,
  now = Date.now(),
): Promise<Reopened> {
  return inTransaction(db, async (tx) => {
    const study = await requireStudy(tx, studyName);
    if (study.state === 'closed')
      throw new ServiceError('conflict', `The study "${studyName}" is closed; open it, so that others can be asked.`);
    const reopened = await fitSeats(tx, study, true);
    if (reopened.opened > 0)
      await record(tx, { actor, action: 'study reopen', subject: `${studyName}: ${reopened.opened} seats` }, now);
    return reopened;
  });
}

/**
 * Takes away what nobody needs any more and nobody has held; opens what is missing.
 * @param opens false: takes away alone
 */
export async function fitSeats(tx: Database, study: Study, opens: boolean): Promise<Reopened> {
  const touched = await seatsOfExcluded(tx, study.id);
  const questions = questionsOfSeat(study);
  // Half of a seat that nobody has gone on with is free for whoever comes.
  const shared = touched.filter(({ votes, excluded }) => votes > excluded);
  const whole = touched.filter(({ votes, excluded }) => excluded === questions && votes === questions);
  const place = ({ pairId, criterion }: Pick<Seat, 'pairId' | 'criterion'>) => JSON.stringify([pairId, criterion]);
  const extras = groupBy(await extraSeatsOf(tx, study.id, seatsPerPair(study)), place);
  const needed = groupBy(whole, place);
  const indexes = opens ? await largestIndexes(tx, study.id) : new Map<string, number>();
  const spare: ExtraSeat[] = [];
  const missing: Seat[] = [];
  let total = 0;
  for (const where of new Set([...extras.keys(), ...needed.keys()])) {
    const [have, want] = [extras.get(where) ?? [], needed.get(where) ?? []];
    const unneeded = Math.max(0, have.length - want.length);
    const gone = unneeded === 0 ? [] : have.filter(({ isUsed }) => !isUsed).slice(-unneeded);
    spare.push(...gone);
    const kept = have.filter(({ id }) => !gone.some((seat) => seat.id === id));
    const added = opens ? notCovered(want, kept) : [];
    for (const seat of added) {
      const index = (indexes.get(seat.pairId) ?? -1) + 1;
      indexes.set(seat.pairId, index);
      missing.push(extraSeat(study, seat, index));
    }
    total += have.length - gone.length + added.length;
  }
  await deleteSeats(
    tx,
    spare.filter(({ wasHeld }) => !wasHeld).map(({ id }) => id),
  );
  await putSeatsAway(
    tx,
    spare.filter(({ wasHeld }) => wasHeld).map(({ id }) => id),
  );
  await insertSeats(tx, missing);
  await setExtraSeats(tx, study.id, total);
  return { opened: missing.length, shared: shared.length };
}

/** Those for which there is no seat yet: one of the same side first, so that the sides stay balanced, then any. */
function notCovered(want: readonly ExcludedSeat[], have: readonly Pick<ExcludedSeat, 'sideA'>[]): ExcludedSeat[] {
  const left = [...want];
  const others = have.filter(({ sideA }) => {
    const same = left.findIndex((seat) => seat.sideA === sideA);
    if (same !== -1) left.splice(same, 1);
    return same === -1;
  });
  return left.slice(others.length);
}

/** A is on the side on which whoever is left out had it: the sides of what counts stay balanced. */
function extraSeat({ id }: Study, { pairId, position, sideA, criterion }: ExcludedSeat, seatIndex: number): Seat {
  return {
    id: `${pairId}.p${String(seatIndex).padStart(2, '0')}`,
    studyId: id,
    pairId,
    population: 'people',
    seatIndex,
    position,
    sideA,
    state: 'free',
    criterion,
  };
}
