/**
 * @file Krippendorff's α. Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability": α = 1 − D_o/D_e over the
 * coincidence matrix. Gaps are allowed; an item with fewer than two ratings is left out.
 */

export type Metric = 'nominal' | 'ordinal' | 'interval' | 'ratio';

export interface Alpha {
  value: number | null;
  why?: string;
}

/**
 * @param counts [item][category], how often each category was given
 * @param values the categories' numbers, ascending; their order alone matters for ordinal, nothing for nominal
 */
export function krippendorffAlpha(
  counts: readonly ArrayLike<number>[],
  values: readonly number[],
  metric: Metric,
): Alpha {
  const size = values.length;
  const coincidences = new Float64Array(size * size);
  for (const row of counts) {
    let ratings = 0;
    for (let c = 0; c < size; c++) ratings += row[c]!;
    if (ratings < 2) continue;
    for (let c = 0; c < size; c++) {
      if (row[c] === 0) continue;
      for (let k = 0; k < size; k++)
        coincidences[c * size + k]! += (row[c]! * (row[k]! - Number(c === k))) / (ratings - 1);
    }
  }
  return alphaOf(coincidences, differences(coincidences, values, metric));
}

/** @param coincidences o_ck, row by row @param delta δ²_ck, likewise */
export function alphaOf(coincidences: Float64Array, delta: Float64Array): Alpha {
  const size = Math.sqrt(coincidences.length);
  const margins = marginsOf(coincidences);
  const total = margins.reduce((sum, n) => sum + n, 0);
  if (total === 0) return { value: null, why: 'no item has two ratings' };
  let [observed, expected] = [0, 0];
  for (let c = 0; c < size; c++) {
    for (let k = 0; k < size; k++) {
      observed += coincidences[c * size + k]! * delta[c * size + k]!;
      expected += margins[c]! * margins[k]! * delta[c * size + k]!;
    }
  }
  if (expected === 0) return { value: null, why: 'every rating is the same, so there is nothing to disagree about' };
  return { value: 1 - ((total - 1) * observed) / expected };
}

/** δ²_ck of each metric; the ordinal one depends on how often the categories between were used. */
export function differences(coincidences: Float64Array, values: readonly number[], metric: Metric): Float64Array {
  const size = values.length;
  const margins = marginsOf(coincidences);
  const out = new Float64Array(size * size);
  for (let c = 0; c < size; c++) {
    for (let k = 0; k < size; k++) {
      if (c === k) continue;
      const [low, high] = [Math.min(c, k), Math.max(c, k)];
      let distance = 1;
      if (metric === 'interval') distance = values[c]! - values[k]!;
      else if (metric === 'ratio') {
        const sum = values[c]! + values[k]!;
        distance = sum === 0 ? 0 : (values[c]! - values[k]!) / sum;
      } else if (metric === 'ordinal') {
        distance = -(margins[low]! + margins[high]!) / 2;
        for (let g = low; g <= high; g++) distance += margins[g]!;
      }
      out[c * size + k] = distance ** 2;
    }
  }
  return out;
}

function marginsOf(coincidences: Float64Array): number[] {
  const size = Math.sqrt(coincidences.length);
  return Array.from({ length: size }, (_, c) => {
    let sum = 0;
    for (let k = 0; k < size; k++) sum += coincidences[c * size + k]!;
    return sum;
  });
}

/** [rater][item] with null for a gap, as tables in papers have it, to [item][category] and the categories. */
export function countRatings<T extends number | string>(
  ratings: readonly (readonly (T | null)[])[],
): { counts: number[][]; values: T[] } {
  const values = [...new Set(ratings.flat().filter((x): x is T => x !== null))].sort((a, b) => (a < b ? -1 : 1));
  const counts = (ratings[0] ?? []).map((_, item) =>
    values.map((value) => ratings.filter((row) => row[item] === value).length),
  );
  return { counts, values };
}
