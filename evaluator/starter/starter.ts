/** @file The embedded default: where its files are, and the settings that suit it (see README.md beside this file). */
import { join } from 'node:path';
import { packageRoot } from '../engine/files/package-root.ts';

export const starter = {
  promptSet: 'starter',
  prompts: asset('prompts.tsv'),
  pipeline: asset('pipeline'),
  models: [
    { name: 'starter-ncp-dpo', adapter: asset('adapters/ncp-dpo.safetensors') },
    { name: 'starter-dpo', adapter: asset('adapters/dpo.safetensors') },
  ],
  /** The pipeline without an adapter, which both were trained from. */
  base: 'starter-base',
  reward: { name: 'starter-reward', kind: 'pickscore', network: asset('reward') },
  /**
   * Of the noise: of the first twenty, the one on which both adapters' images differ most (in mean colour, over eight prompts). On
   * most seeds both models draw well, and many pairs look alike.
   */
  seed: 2,
  settings: { sampler: 'dpmpp-2m', steps: 12, guidance: 3.5 },
} as const;

/** The assets stay where they are in the package; this file also runs from dist/. */
function asset(path: string): string {
  return join(packageRoot(), 'evaluator', 'starter', 'assets', path);
}
