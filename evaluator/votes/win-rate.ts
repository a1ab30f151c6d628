/** @file Win rates with their intervals, from counts. */
import { tango } from '../statistics/tango.ts';
import { wilson } from '../statistics/wilson.ts';
import type { WinRate } from '../../contract/report.ts';
import type { Tally } from './tallies.ts';

/** (W + T/2) / N over decided pairs; a split counts ½ as a tie does. */
export function winRate({ wins, losses, ties, split }: Tally): WinRate {
  const n = wins + losses + ties + split;
  const named = { n, rule: '(W+T/2)/N', method: 'tango' };
  if (n === 0) return { value: null, low: null, high: null, ...named, why: 'no pair is decided yet' };
  return { value: (wins + (ties + split) / 2) / n, ...tango(wins, ties + split, losses), ...named };
}

export function winRateNoTies({ wins, losses }: Tally): WinRate {
  const n = wins + losses;
  const named = { n, rule: 'W/(W+L)', method: 'wilson' };
  if (n === 0) return { value: null, low: null, high: null, ...named, why: 'no pair was won or lost' };
  return { value: wins / n, ...wilson(wins, n), ...named };
}
