/** @file What a scorer adds to its network: which images go in, and how its number comes out. */

export const rewardKinds = ['pickscore', 'hps-v2', 'hps-v2.1', 'clip-score', 'aesthetic', 'image-reward'] as const;
export type RewardKind = (typeof rewardKinds)[number];

export interface Scorer {
  kind: RewardKind;
  /** How an image is prepared, see preprocessing.ts. */
  preprocessing: 'clip' | 'hps';
  /**
   * `cosine`: an image and a text encoder with a common space. `head`: an image encoder and a network on its embedding;
   * the prompt plays no part. `joint`: one network reads image and prompt together.
   */
  network: 'cosine' | 'head' | 'joint';
  /** The network must bring its logit scale. */
  needsLogitScale: boolean;
  /** Tokens of a prompt, when the tokenizer's own files do not say. */
  tokens: number;
  /** @param raw the cosine of both embeddings, or what the head or the joint network gave */
  score(raw: number, logitScale: number): number;
}
