/** @file What a scorer adds to its network: which images go in, and how its number comes out. */

/** Kinds that a network on this machine computes. */
export const networkKinds = [
  'pickscore',
  'hps-v2',
  'hps-v2.1',
  'clip-score',
  'siglip-score',
  'aesthetic',
  'aesthetic-v2.5',
  'image-reward',
] as const;
/** Those, and a program that answers over HTTP. */
export const rewardKinds = [...networkKinds, 'http'] as const;
export type NetworkKind = (typeof networkKinds)[number];

/** What turns a cosine into the logit that a network was trained with. */
export interface Logit {
  /** exp(logit_scale). */
  scale: number;
  bias: number;
}

export interface Scorer {
  kind: NetworkKind;
  /** Whose networks it takes; another family's cosine has another meaning. */
  family: 'clip' | 'siglip' | 'blip';
  /** How an image is prepared, see preprocessing.ts. */
  preprocessing: 'clip' | 'hps' | 'siglip';
  /**
   * `cosine`: an image and a text encoder with a common space. `head`: an image encoder and a network on its embedding;
   * the prompt plays no part. `joint`: one network reads image and prompt together.
   */
  network: 'cosine' | 'head' | 'joint';
  /** What of its logit the network must bring. */
  logit: 'none' | 'scale' | 'scale and bias';
  /** Tokens of a prompt, when the tokenizer's own files do not say. */
  tokens: number;
  /** @param raw the cosine of both embeddings, or what the head or the joint network gave */
  score(raw: number, logit: Logit): number;
}
