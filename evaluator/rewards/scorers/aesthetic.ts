/** @file Aesthetic predictors: heads on an image embedding. */
import type { Scorer } from './scorer.ts';

/**
 * LAION's improved aesthetic predictor v2 (Schuhmann et al. 2022, arXiv:2210.08402): linear layers 768-1024-128-64-16-1
 * without activations on the L2-normalised CLIP L/14 image embedding. It does not read the prompt.
 */
export const aesthetic: Scorer = {
  kind: 'aesthetic',
  family: 'clip',
  preprocessing: 'clip',
  network: 'head',
  logit: 'none',
  tokens: 77,
  score: (rating) => rating,
};

/**
 * Aesthetic Predictor V2.5 (discus0434 2024, github.com/discus0434/aesthetic-predictor-v2-5): linear layers
 * 1152-1024-128-64-16-1 without activations on the L2-normalised pooled output of SigLIP so400m/14 at 384 pixels.
 */
export const aestheticV25: Scorer = {
  ...aesthetic,
  kind: 'aesthetic-v2.5',
  family: 'siglip',
  preprocessing: 'siglip',
};
