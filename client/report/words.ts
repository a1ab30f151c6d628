/** @file Numbers as a reader expects them. */
import { criterionTexts } from '../../contract/criteria.ts';

export const names: Record<string, string> = Object.fromEntries(
  Object.entries(criterionTexts).map(([criterion, { name }]) => [criterion, name]),
);

export function percent(value: number | null): string {
  return value === null ? '–' : `${(100 * value).toFixed(1)} %`;
}

export function range({ low, high }: { low: number | null; high: number | null }): string {
  return low === null || high === null ? '–' : `${(100 * low).toFixed(1)} – ${(100 * high).toFixed(1)}`;
}

export function pValue(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(3);
}

/** A reward: four digits say all that differs. */
export function score(value: number): string {
  return value.toPrecision(4);
}
