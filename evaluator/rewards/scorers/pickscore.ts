/** @file PickScore. */
import type { Scorer } from './scorer.ts';

/** PickScore v1. Kirstain et al. (2023), arXiv:2305.01569, eq. 2: exp(logit_scale) · cos, about 20 to 23. */
export const pickScore: Scorer = {
  kind: 'pickscore',
  family: 'clip',
  preprocessing: 'clip',
  network: 'cosine',
  logit: 'scale',
  tokens: 77,
  score: (cosine, { scale }) => scale * cosine,
};
