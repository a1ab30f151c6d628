/** @file What scores images with prompts, whether a network on this machine or a program elsewhere. */
import { BadInput } from '../engine/files/bad-input.ts';
import { keyOf } from '../engine/files/vector-cache.ts';

export interface PromptedImage {
  file: string;
  /** SHA-256 of its bytes in hex, or another key of the same image. */
  sha256: string;
  prompt: string;
}
/** A score, or the sentence that says why there is none. */
export type ScoreResult = { score: number } | { refused: string };

export interface ImageScorer {
  /** Scores in the order given, batch by batch; ends early, without a word, when the signal is aborted. */
  score(
    items: readonly PromptedImage[],
    signal?: AbortSignal,
  ): AsyncGenerator<{ start: number; results: ScoreResult[] }>;
  close(): Promise<void>;
}

/** [images][prompts]: every image with every prompt. @throws BadInput for the first image that cannot be used */
export async function scoreAll(
  scorer: ImageScorer,
  files: readonly string[],
  prompts: readonly string[],
): Promise<number[][]> {
  const items = files.flatMap((file) => prompts.map((prompt) => ({ file, sha256: keyOf(file), prompt })));
  const scores: number[] = [];
  for await (const { results } of scorer.score(items)) {
    for (const result of results) {
      if ('refused' in result) throw new BadInput(result.refused);
      scores.push(result.score);
    }
  }
  return files.map((_, i) => scores.slice(i * prompts.length, (i + 1) * prompts.length));
}
