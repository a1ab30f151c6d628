/** @file Every gradient rule by its operator. */
import { activations } from './activations.ts';
import { arithmetic } from './arithmetic.ts';
import { attention } from './attention.ts';
import { convolutions } from './convolutions.ts';
import { normalizations } from './normalizations.ts';
import { products } from './products.ts';
import { reductions } from './reductions.ts';
import type { Rule } from './rule.ts';
import { shapes } from './shapes.ts';

/** By operator. */
export const rules: Readonly<Record<string, Rule>> = {
  ...arithmetic,
  ...activations,
  ...products,
  ...attention,
  ...convolutions,
  ...normalizations,
  ...reductions,
  ...shapes,
};
