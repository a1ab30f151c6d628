/** @file HPS v2 and v2.1. */
import type { Scorer } from './scorer.ts';

/**
 * Human Preference Score v2 and v2.1. Wu et al. (2023), arXiv:2306.09341: the plain cosine (tables print it × 100). The two
 * are different weights whose numbers do not compare, so each is a kind of its own.
 */
export const hpsV2: Scorer = {
  kind: 'hps-v2',
  family: 'clip',
  preprocessing: 'hps',
  network: 'cosine',
  logit: 'none',
  tokens: 77,
  score: (cosine) => cosine,
};
export const hpsV21: Scorer = { ...hpsV2, kind: 'hps-v2.1' };
