/** @file PickScore. */
import type { Scorer } from './scorer.ts';

/** PickScore v1. Kirstain et al. (2023), arXiv:2305.01569, eq. 2: exp(logit_scale) · cos, about 20 to 23. */
export const pickScore: Scorer = {
  kind: 'pickscore',
  preprocessing: 'clip',
  network: 'cosine',
  needsLogitScale: true,
  tokens: 77,
  score: (cosine, logitScale) => logitScale * cosine,
};
