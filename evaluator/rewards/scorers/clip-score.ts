/** @file CLIP score. */
import type { Scorer } from './scorer.ts';

/**
 * CLIP score. Radford et al. (2021), arXiv:2103.00020: the cosine of both embeddings, neither cut at 0 nor scaled by 2.5 or
 * 100 as some libraries do.
 */
export const clipScore: Scorer = {
  kind: 'clip-score',
  family: 'clip',
  preprocessing: 'clip',
  network: 'cosine',
  logit: 'none',
  tokens: 77,
  score: (cosine) => cosine,
};
