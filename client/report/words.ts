/** @file Numbers as a reader expects them. */
export function percent(value: number | null): string {
  return value === null ? '–' : `${(100 * value).toFixed(1)} %`;
}

export function range({ low, high }: { low: number | null; high: number | null }): string {
  return low === null || high === null ? '–' : `${(100 * low).toFixed(1)} – ${(100 * high).toFixed(1)}`;
}

export function pValue(p: number | null): string {
  if (p === null) return '–';
  return p < 0.001 ? '< 0.001' : p.toFixed(3);
}

export function eValue(value: number | null): string {
  if (value === null) return '–';
  return value >= 1e4 ? value.toExponential(1) : value.toFixed(2);
}

/** A reward: four digits say all that differs. */
export function score(value: number): string {
  return value.toPrecision(4);
}
