/** @file A prescreen result as CSV. */
import { stringify } from 'csv-stringify/sync';
import { escapeCell } from '../engine/files/spreadsheet.ts';
import type { PrescreenResult } from '../../contract/prescreen.ts';

/** One row a reward, candidate and slice; the whole set's slice is "all". */
export function resultCsv(result: PrescreenResult): string {
  const rows = result.rewards.flatMap(({ reward, candidates }) =>
    candidates.flatMap((row) => {
      const shared = {
        reward,
        baseline: result.baseline,
        model: row.model,
        run: row.checkpoint?.run ?? '',
        step: row.checkpoint?.step ?? '',
        device_seconds: row.checkpoint?.deviceSeconds ?? '',
      };
      const all = { name: 'all', ...row, p: row.signTest.p, pHolm: row.signTest.pHolm };
      return [all, ...row.byCategory].map((slice) => ({
        ...shared,
        slice: slice.name,
        n: slice.winRate.n,
        wins: slice.wins,
        losses: slice.losses,
        ties: slice.ties,
        win_rate: slice.winRate.value,
        low: slice.winRate.low,
        high: slice.winRate.high,
        p: slice.p,
        p_holm: slice.pHolm,
        median: slice === all ? row.median.value : '',
        median_low: slice === all ? row.median.low : '',
        median_high: slice === all ? row.median.high : '',
      }));
    }),
  );
  return stringify(rows, { header: true, cast: { string: escapeCell } });
}
