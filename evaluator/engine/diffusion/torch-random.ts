/**
 * @file PyTorch's CPU normal noise, bit for bit, so that a seed gives the image that diffusers gives.
 * Sources: pytorch aten/src/ATen/core/{MT19937RNGEngine,DistributionsHelper}.h,
 * aten/src/ATen/native/cpu/{DistributionTemplates.h,avx_mathfun.h} (Cephes polynomials, AVX2 build with FMA).
 *
 * float32 tensors only: torch.randn(dtype=float16) draws other numbers. Arm builds and CUDA generators differ too.
 */
import { ArgumentError } from '../../statistics/argument-error.ts';
import { mersenne } from 'pure-rand/generator/mersenne';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

const f64 = new Float64Array(1);
const u32 = new Uint32Array(f64.buffer);
const f32 = new Float32Array(1);
const i32 = new Int32Array(f32.buffer);
const fround = Math.fround;

/**
 * a·b + c rounded once to float32. The product of two float32 is exact in float64; the sum is rounded to float64 first,
 * which changes the result only where it falls exactly between two float32: there the lost part decides.
 */
function fma(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  f64[0] = sum;
  if ((u32[0]! & 0x1fffffff) !== 0x10000000) return fround(sum);
  const back = sum - product;
  const lost = product - (sum - back) + (c - back);
  if (lost === 0) return fround(sum);
  u32[0] = u32[0]! + (lost > 0 === sum > 0 ? 1 : -1);
  return fround(f64[0]);
}

const sqrtHalf = fround(0.707106781186547524);
const logPolynomial = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
].map(fround);
const logSmall = fround(-2.1219444e-4);
const logLarge = fround(0.693359375);

/** Cephes logf for 0 < x ≤ 1 as AVX2 computes it. */
function logf(value: number): number {
  f32[0] = value;
  let exponent = ((i32[0]! >>> 23) & 0xff) - 126;
  i32[0] = (i32[0]! & 0x807fffff) | 0x3f000000;
  let x = f32[0];
  if (x < sqrtHalf) {
    exponent -= 1;
    x = fround(fround(x - 1) + x);
  } else {
    x = fround(x - 1);
  }
  const z = fround(x * x);
  let y = logPolynomial[0]!;
  for (let i = 1; i < 9; i++) y = fma(y, x, logPolynomial[i]!);
  y = fround(y * x);
  y = fma(y, z, fround(exponent * logSmall));
  y = fma(-z, 0.5, y);
  return fma(exponent, logLarge, fround(x + y));
}

const fourOverPi = fround(1.27323954473516);
const [dp1, dp2, dp3] = [-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8].map(fround) as [
  number,
  number,
  number,
];
const [c0, c1, c2] = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2].map(fround) as [
  number,
  number,
  number,
];
const [s0, s1, s2] = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1].map(fround) as [number, number, number];

/** Cephes sincosf for x ≥ 0; writes sin to out[0] and cos to out[1]. */
function sincosf(value: number, out: Float64Array): void {
  const j = (Math.trunc(fround(value * fourOverPi)) + 1) & ~1;
  let x = fma(j, dp1, value);
  x = fma(j, dp2, x);
  x = fma(j, dp3, x);
  const z = fround(x * x);
  let c = fma(c0, z, c1);
  c = fma(c, z, c2);
  c = fround(c * z);
  c = fma(c, z, -fround(z * 0.5));
  c = fround(c + 1);
  let s = fma(s0, z, s1);
  s = fma(s, z, s2);
  s = fround(s * z);
  s = fma(s, x, x);
  const swap = (j & 2) !== 0;
  out[0] = (j & 4) !== 0 ? -(swap ? c : s) : swap ? c : s;
  out[1] = (~(j - 2) & 4) !== 0 ? -(swap ? s : c) : swap ? s : c;
}

const twoPi = fround(2 * Math.PI);

/** torch.Generator('cpu').manual_seed(seed): successive calls continue one stream. */
export class TorchGenerator {
  readonly #engine: RandomGenerator;
  /** The second normal of a Box–Muller pair drawn by the short path; torch keeps it in the generator too. */
  #cached: number | undefined;
  readonly #sincos = new Float64Array(2);

  /** @param seed an integer from 0 to 2⁵³ − 1; like torch's engine it uses the low 32 bits */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new ArgumentError(`The seed is ${seed}; it must be a whole number from 0 to 9007199254740991.`);
    }
    this.#engine = mersenne(Number(BigInt.asUintN(32, BigInt(seed))) | 0);
  }

  /** torch.randn(count, dtype=float32); a tensor's shape does not matter, it is filled in memory order. */
  randn(count: number): Float32Array {
    return count >= 16 ? this.#randnBlocks(count) : this.#randnShort(count);
  }

  #randnBlocks(count: number): Float32Array {
    const data = new Float32Array(count);
    for (let i = 0; i < count; i++) data[i] = this.#uniform();
    for (let start = 0; start + 16 <= count; start += 16) this.#boxMuller(data, start);
    if (count % 16 !== 0) {
      // The last 16 values are drawn afresh, over the block before them.
      for (let i = count - 16; i < count; i++) data[i] = this.#uniform();
      this.#boxMuller(data, count - 16);
    }
    return data;
  }

  /** 16 uniforms in place to 16 normals: pairs (j, j + 8). */
  #boxMuller(data: Float32Array, start: number): void {
    for (let j = start; j < start + 8; j++) {
      const radius = fround(Math.sqrt(fround(-2 * logf(fround(1 - data[j]!)))));
      sincosf(fround(twoPi * data[j + 8]!), this.#sincos);
      data[j] = radius * this.#sincos[1]!;
      data[j + 8] = radius * this.#sincos[0]!;
    }
  }

  /** Fewer than 16 values: float64, one Box–Muller pair at a time. */
  #randnShort(count: number): Float32Array {
    return Float32Array.from({ length: count }, () => {
      if (this.#cached !== undefined) {
        const value = this.#cached;
        this.#cached = undefined;
        return value;
      }
      const angle = 2 * Math.PI * this.#uniformDouble();
      const radius = Math.sqrt(-2 * Math.log1p(-this.#uniformDouble()));
      this.#cached = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    });
  }

  /** 24 random bits in [0, 1). */
  #uniform(): number {
    return (this.#engine.next() & 0xffffff) * 2 ** -24;
  }

  /** 53 random bits in [0, 1); the high word is drawn first. */
  #uniformDouble(): number {
    const high = this.#engine.next() & 0x1fffff;
    return (high * 2 ** 32 + (this.#engine.next() >>> 0)) * 2 ** -53;
  }
}
