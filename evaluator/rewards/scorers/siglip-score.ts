/** @file SigLIP score. */
import type { Scorer } from './scorer.ts';

/**
 * The logit of SigLIP and SigLIP 2. Zhai et al. (2023), arXiv:2303.15343, algorithm 1: t · cos + b with the network's own t and b, as
 * transformers' logits_per_image. Its sigmoid is the probability that image and text belong together; it is nearly 0 for most
 * prompts, so the logit is what is kept.
 */
export const siglipScore: Scorer = {
  kind: 'siglip-score',
  family: 'siglip',
  preprocessing: 'siglip',
  network: 'cosine',
  logit: 'scale and bias',
  tokens: 64,
  score: (cosine, { scale, bias }) => scale * cosine + bias,
};
