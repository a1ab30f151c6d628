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

/** Gained by an iteration, of the whole log-likelihood: below it only the last digits of the sum move. */
const relativeGain = 1e-12;
const smallestGain = 1e-10;

/**
 * An annotator may answer an item more than once. Stops when the log-likelihood gains less than 1e-10, or than `tolerance` of itself
 * where that is more.
 */
export function dawidSkene(
  { items, annotators, classes }: { items: number; annotators: number; classes: number },
  responses: readonly Response[],
  tolerance = relativeGain,
): DawidSkeneFit {
  // Columns, since every iteration goes through all responses: [response], [item · classes + class], [annotator · classes² + class · classes + label].
  const itemOf = Int32Array.from(responses, ({ item }) => item * classes);
  const cellOf = Int32Array.from(responses, ({ annotator, label }) => annotator * classes * classes + label);
  const posterior = new Float64Array(items * classes);
  for (const { item, label } of responses) posterior[item * classes + label]!++;
  normaliseRows(posterior, classes);
  const marginals = new Float64Array(classes);
  const confusion = new Float64Array(annotators * classes * classes);
  const logConfusion = new Float64Array(confusion.length);
  let logLikelihood = -Infinity;
  for (let iteration = 0; iteration < 10_000; iteration++) {
    // M: counts weighted by how probable each class is for each item.
    marginals.fill(0);
    for (let i = 0; i < posterior.length; i += classes)
      for (let c = 0; c < classes; c++) marginals[c]! += posterior[i + c]! / items;
    confusion.fill(0);
    for (let r = 0; r < itemOf.length; r++) {
      const [item, cell] = [itemOf[r]!, cellOf[r]!];
      for (let c = 0; c < classes; c++) confusion[cell + c * classes]! += posterior[item + c]!;
    }
    normaliseRows(confusion, classes);
    // E: the classes' probabilities from everybody's answers, in logarithms.
    for (let i = 0; i < confusion.length; i++) logConfusion[i] = Math.log(confusion[i]!);
    for (let i = 0; i < posterior.length; i += classes)
      for (let c = 0; c < classes; c++) posterior[i + c] = Math.log(marginals[c]!);
    for (let r = 0; r < itemOf.length; r++) {
      const [item, cell] = [itemOf[r]!, cellOf[r]!];
      for (let c = 0; c < classes; c++) posterior[item + c]! += logConfusion[cell + c * classes]!;
    }
    let next = 0;
    for (let i = 0; i < posterior.length; i += classes) {
      let top = -Infinity;
      for (let c = 0; c < classes; c++) top = Math.max(top, posterior[i + c]!);
      let sum = 0;
      for (let c = 0; c < classes; c++) sum += posterior[i + c] = Math.exp(posterior[i + c]! - top);
      for (let c = 0; c < classes; c++) posterior[i + c]! /= sum;
      next += top + Math.log(sum);
    }
    const gain = next - logLikelihood;
    logLikelihood = next;
    if (gain < Math.max(smallestGain, tolerance * Math.abs(next))) break;
  }
  const rows = (flat: Float64Array, size: number, count: number) =>
    Array.from({ length: count }, (_, i) => flat.slice(i * size, (i + 1) * size));
  return {
    marginals: [...marginals],
    confusion: rows(confusion, classes * classes, annotators),
    posterior: rows(posterior, classes, items),
    logLikelihood,
  };
}

function normaliseRows(flat: Float64Array, size: number): void {
  for (let i = 0; i < flat.length; i += size) {
    let sum = 0;
    for (let c = 0; c < size; c++) sum += flat[i + c]!;
    if (sum > 0) for (let c = 0; c < size; c++) flat[i + c]! /= sum;
  }
}
