/** @file Win rates with Wilson's interval, from counts. */
import { wilson } from '../statistics/wilson.ts';
import type { WinRate } from '../../contract/report.ts';
import type { Tally } from './tallies.ts';

/** (W + T/2) / N over decided pairs; a split counts ½ as a tie does. */
export function winRate({ wins, losses, ties, split }: Tally): WinRate {
  const n = wins + losses + ties + split;
  return proportion(wins + (ties + split) / 2, n, '(W+T/2)/N', 'no pair is decided yet');
}

export function winRateNoTies({ wins, losses }: Tally): WinRate {
  return proportion(wins, wins + losses, 'W/(W+L)', 'no pair was won or lost');
}

function proportion(successes: number, n: number, rule: string, why: string): WinRate {
  if (n === 0) return { value: null, low: null, high: null, n, rule, method: 'wilson', why };
  return { value: successes / n, ...wilson(successes, n), n, rule, method: 'wilson' };
}
