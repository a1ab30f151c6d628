/** @file Colours of the charts: variables that a page may set, with what holds elsewhere. Okabe & Ito (2008), the orange darker, so that white is read on it. */

export const palette = {
  text: 'var(--text, #1b1c1d)',
  soft: 'var(--soft, #5c6064)',
  line: 'var(--line, #d9d9d6)',
  page: 'var(--page, #ffffff)',
  /** A and what A wins, a tie, B. */
  a: 'var(--model-a, #0072b2)',
  tie: 'var(--tie, #c4c4c0)',
  b: 'var(--model-b, #bf5000)',
  /** Of several runs or models, one after the other. */
  series: [
    'var(--model-a, #0072b2)',
    'var(--model-b, #bf5000)',
    'var(--series-3, #007a5a)',
    'var(--series-4, #a3497c)',
    'var(--series-5, #5c6064)',
  ],
  /** Numbers on A's and B's colour, and on a tie's. */
  onModel: 'var(--on-model, #ffffff)',
  onTie: 'var(--text, #1b1c1d)',
} as const;

export const fontFamily = "Helvetica, Arial, 'DejaVu Sans', sans-serif";

/** About what a text takes in Helvetica or alike, px. */
export function textWidth(text: string, size = 12): number {
  return Math.ceil(text.length * size * 0.56);
}

/** Coordinates to a tenth of a pixel: the same bytes on every machine. */
export function px(value: number): number {
  return Math.round(value * 10) / 10;
}
