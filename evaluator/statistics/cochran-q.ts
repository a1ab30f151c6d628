/** @file Cochran (1950), Biometrika 37:256–266: do k raters (or criteria) say yes equally often on the same items? */
import { ArgumentError } from './argument-error.ts';
import { chiSquaredTail } from './special.ts';

/**
 * Q = (k−1)(k ΣG_j² − (ΣG_j)²) / (k ΣL_i − ΣL_i²), χ² with k − 1 degrees of freedom.
 * @param rows [item][rater], 0 or 1
 * @returns p null when every item is unanimous
 */
export function cochranQ(rows: readonly (readonly number[])[]): { statistic: number | null; p: number | null } {
  const k = rows[0]?.length ?? 0;
  if (k < 2) throw new ArgumentError(`Cochran's Q compares at least two raters, not ${k}.`);
  const columns = Array.from({ length: k }, (_, j) => rows.reduce((sum, row) => sum + row[j]!, 0));
  const totals = rows.map((row) => row.reduce((sum, x) => sum + x, 0));
  const total = totals.reduce((sum, x) => sum + x, 0);
  const denominator = k * total - totals.reduce((sum, x) => sum + x * x, 0);
  if (denominator === 0) return { statistic: null, p: null };
  const statistic = ((k - 1) * (k * columns.reduce((sum, x) => sum + x * x, 0) - total ** 2)) / denominator;
  return { statistic, p: chiSquaredTail(statistic, k - 1) };
}
