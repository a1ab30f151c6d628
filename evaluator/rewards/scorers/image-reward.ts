/** @file ImageReward. */
import type { Scorer } from './scorer.ts';

/** The mean and standard deviation of the raw reward over its authors' data, in their released code. */
const mean = 0.16717362830052426;
const deviation = 1.0333394966054072;

/** ImageReward v1. Xu et al. (2023), arXiv:2304.05977: BLIP-L reads image and prompt (35 tokens) together. */
export const imageReward: Scorer = {
  kind: 'image-reward',
  family: 'blip',
  preprocessing: 'clip',
  network: 'joint',
  logit: 'none',
  tokens: 35,
  score: (raw) => (raw - mean) / deviation,
};
