/** @file LAION's aesthetic predictor. */
import type { Scorer } from './scorer.ts';

/**
 * LAION's improved aesthetic predictor v2 (Schuhmann et al. 2022, arXiv:2210.08402): linear layers 768-1024-128-64-16-1
 * without activations on the L2-normalised CLIP L/14 image embedding. It does not read the prompt.
 */
export const aesthetic: Scorer = {
  kind: 'aesthetic',
  preprocessing: 'clip',
  network: 'head',
  needsLogitScale: false,
  tokens: 77,
  score: (rating) => rating,
};
