/** @file Hashes of numbers that seed draws. Not for secrets. */

/** The finaliser of MurmurHash3 (Appleby, public domain): every bit of the input changes half of the output's. 32 bits. */
export function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A 32-bit seed of its own for each pair of numbers. */
export function mixPair(a: number, b: number): number {
  return mix(Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b));
}
