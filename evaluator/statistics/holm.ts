/** @file Holm (1979), Scandinavian Journal of Statistics 6:65–70: p-values corrected for the number of tests. */

/** max over j ≤ i of min(1, (m − j)·p₍ⱼ₎), in the order given. Nulls stay null and are not counted. */
export function holm(pValues: readonly (number | null)[]): (number | null)[] {
  const order = pValues
    .map((p, i) => ({ p, i }))
    .filter((entry): entry is { p: number; i: number } => entry.p !== null)
    .sort((x, y) => x.p - y.p || x.i - y.i);
  const out: (number | null)[] = pValues.map(() => null);
  let largest = 0;
  order.forEach(({ p, i }, rank) => {
    largest = Math.max(largest, Math.min(1, (order.length - rank) * p));
    out[i] = largest;
  });
  return out;
}
