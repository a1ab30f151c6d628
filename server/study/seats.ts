/** @file The places at a pair: which side shows A, and which question is asked. */
import { seatsPerPair, type Pair, type Seat, type Study } from '../../db/queries/studies.ts';

/**
 * A pair's seats: k, or k for each criterion where they are split over annotators, A's side in turn.
 * @param leftFirst whether the first one shows A on the left
 */
export function seatsOf(
  study: Pick<Study, 'votesPerPair' | 'split' | 'criteria'>,
  { id, studyId, position }: Pair,
  leftFirst: boolean,
  population: Seat['population'] = 'people',
): Seat[] {
  // The criteria in turn, so that each is asked from the start.
  const asked = study.split ? study.criteria : [null];
  return Array.from({ length: seatsPerPair(study) }, (_, seatIndex) => ({
    id: `${id}.${population[0]}${String(seatIndex).padStart(2, '0')}`,
    studyId,
    pairId: id,
    population,
    seatIndex,
    position,
    sideA: (Math.floor(seatIndex / asked.length) % 2 === 0) === leftFirst ? ('left' as const) : ('right' as const),
    state: 'free' as const,
    criterion: asked[seatIndex % asked.length]!,
  }));
}
