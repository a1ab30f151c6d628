/**
 * @file What each annotator's answers are worth. Dawid & Skene (1979), Applied Statistics 28:20–28: EM over the items'
 * unknown classes, starting from the shares of the answers.
 *
 * Here              In the paper
 * marginals[c]      p_j
 * confusion[a][c,l] π^(k)_jl: annotator a says l when the class is c
 */

export interface Response {
  item: number;
  annotator: number;
  label: number;
}

export interface DawidSkeneFit {
  marginals: number[];
  /** [annotator][class · classes + label] */
  confusion: Float64Array[];
  /** [item][class] */
  posterior: Float64Array[];
  logLikelihood: number;
}

/** An annotator may answer an item more than once. Stops when the log-likelihood gains less than 1e-10. */
export function dawidSkene(
  { items, annotators, classes }: { items: number; annotators: number; classes: number },
  responses: readonly Response[],
): DawidSkeneFit {
  const posterior = Array.from({ length: items }, () => new Float64Array(classes));
  for (const { item, label } of responses) posterior[item]![label]!++;
  for (const row of posterior) normalise(row);
  let marginals: number[] = [];
  let confusion: Float64Array[] = [];
  let logLikelihood = -Infinity;
  for (let iteration = 0; iteration < 10_000; iteration++) {
    // M: counts weighted by how probable each class is for each item.
    marginals = Array.from({ length: classes }, (_, c) => posterior.reduce((sum, row) => sum + row[c]!, 0) / items);
    confusion = Array.from({ length: annotators }, () => new Float64Array(classes * classes));
    for (const { item, annotator, label } of responses) {
      for (let c = 0; c < classes; c++) confusion[annotator]![c * classes + label]! += posterior[item]![c]!;
    }
    for (const matrix of confusion) {
      for (let c = 0; c < classes; c++) normalise(matrix.subarray(c * classes, (c + 1) * classes));
    }
    // E: the classes' probabilities from everybody's answers, in logarithms.
    const logs = posterior.map(() => Float64Array.from(marginals, Math.log));
    for (const { item, annotator, label } of responses) {
      for (let c = 0; c < classes; c++) logs[item]![c]! += Math.log(confusion[annotator]![c * classes + label]!);
    }
    let next = 0;
    logs.forEach((row, item) => {
      const top = row.reduce((a, b) => Math.max(a, b));
      let sum = 0;
      for (let c = 0; c < classes; c++) sum += posterior[item]![c] = Math.exp(row[c]! - top);
      for (let c = 0; c < classes; c++) posterior[item]![c]! /= sum;
      next += top + Math.log(sum);
    });
    const gain = next - logLikelihood;
    logLikelihood = next;
    if (gain < 1e-10) break;
  }
  return { marginals, confusion, posterior, logLikelihood };
}

function normalise(row: Float64Array): void {
  const sum = row.reduce((a, b) => a + b, 0);
  if (sum > 0) for (let i = 0; i < row.length; i++) row[i]! /= sum;
}
