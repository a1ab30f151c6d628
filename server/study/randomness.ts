/** @file Seeded randomness of a study's design. */
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

export function seededGenerator(seed: number): RandomGenerator {
  return xoroshiro128plus(seed);
}

/** Fisher–Yates; returns a new array. */
export function shuffled<T>(items: readonly T[], generator: RandomGenerator): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = uniformInt(generator, 0, i);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
