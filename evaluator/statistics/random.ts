/** @file Seeded random numbers: xoshiro128** (Blackman & Vigna 2021, arXiv:1805.01407), seeded by splitmix32. */

/** Uniform 32-bit integers, the same sequence for the same seed on every machine. */
export class Random {
  readonly #s = new Uint32Array(4);

  constructor(seed: number) {
    let x = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      x = (x + 0x9e3779b9) >>> 0;
      let z = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.#s[i] = (z ^ (z >>> 16)) >>> 0;
    }
  }

  next(): number {
    const s = this.#s;
    const r = Math.imul(s[1]!, 5);
    const out = Math.imul((r << 7) | (r >>> 25), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return out;
  }

  /** In [0, 1), 32 bits. */
  uniform(): number {
    return this.next() / 2 ** 32;
  }

  /** 0 … bound − 1. Its bias is below bound / 2³². */
  below(bound: number): number {
    return Math.floor((this.next() / 2 ** 32) * bound);
  }
}

/** In place, Fisher–Yates. @returns the same list */
export function shuffle<L extends Int32Array | unknown[]>(list: L, random: Random): L {
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
  return list;
}
