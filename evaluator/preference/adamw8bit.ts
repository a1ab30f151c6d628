/**
 * @file AdamW with block-wise 8-bit moments. Dettmers et al. (2022), arXiv:2110.02861: each block of 256 numbers is divided by
 * its largest, and each quotient becomes the nearest of 256 values of a dynamic tree: a decimal exponent that grows shorter as
 * the fraction grows longer. Small tensors stay in float32, as the authors advise.
 */
import { AdamW, type AdamWSettings } from './adamw.ts';

const block = 256;
/** Tensors below this size stay in float32. */
const smallest = 4096;
const exponentBits = 7;

/** 256 sorted values in [−1, 1], or in [0, 1] when unsigned. */
export function dynamicTree(signed: boolean): Float32Array {
  const values: number[] = [0, 1];
  const bits = signed ? 7 : 8;
  for (let i = 0; i < exponentBits; i++) {
    const intervals = 2 ** (i + bits - exponentBits);
    const scale = 10 ** (i - (exponentBits - 1));
    for (let j = 0; j < intervals; j++) {
      const middle = 0.1 + (0.9 * (j + 0.5)) / intervals;
      values.push(scale * middle);
      if (signed) values.push(-scale * middle);
    }
  }
  return Float32Array.from(values).sort();
}

export class QuantisedMoment {
  readonly codes: Uint8Array;
  /** The largest magnitude of each block. */
  readonly scales: Float32Array;
  readonly #tree: Float32Array;

  constructor(size: number, signed: boolean) {
    this.#tree = trees[signed ? 'signed' : 'unsigned'];
    this.codes = new Uint8Array(size).fill(nearest(this.#tree, 0));
    this.scales = new Float32Array(Math.ceil(size / block));
  }

  /** Block b as numbers. @returns how many */
  read(b: number, out: Float32Array): number {
    const [start, end] = [b * block, Math.min((b + 1) * block, this.codes.length)];
    for (let i = start; i < end; i++) out[i - start] = this.#tree[this.codes[i]!]! * this.scales[b]!;
    return end - start;
  }

  write(b: number, values: Float32Array, count: number): void {
    let largest = 0;
    for (let i = 0; i < count; i++) largest = Math.max(largest, Math.abs(values[i]!));
    this.scales[b] = largest;
    for (let i = 0; i < count; i++)
      this.codes[b * block + i] = nearest(this.#tree, largest === 0 ? 0 : values[i]! / largest);
  }
}

const trees = { signed: dynamicTree(true), unsigned: dynamicTree(false) };

function nearest(tree: Float32Array, value: number): number {
  let [low, high] = [0, tree.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (tree[middle]! <= value) low = middle;
    else high = middle;
  }
  return value - tree[low]! <= tree[high]! - value ? low : high;
}

/** The same step as AdamW's on moments that are unpacked block by block. */
export class AdamW8bit {
  step = 0;
  /** One a parameter: quantised moments, or plain AdamW for a small tensor. */
  readonly states: ({ first: QuantisedMoment; second: QuantisedMoment } | AdamW)[];

  constructor(sizes: readonly number[]) {
    this.states = sizes.map((size) =>
      size < smallest
        ? new AdamW([size])
        : { first: new QuantisedMoment(size, true), second: new QuantisedMoment(size, false) },
    );
  }

  update(parameters: readonly Float32Array[], gradients: readonly Float32Array[], settings: AdamWSettings): void {
    const { learningRate, beta1, beta2, epsilon, weightDecay } = settings;
    this.step += 1;
    const stepSize = learningRate / (1 - beta1 ** this.step);
    const root = Math.sqrt(1 - beta2 ** this.step);
    const [m, v] = [new Float32Array(block), new Float32Array(block)];
    this.states.forEach((state, p) => {
      const [values, gradient] = [parameters[p]!, gradients[p]!];
      if (state instanceof AdamW) {
        state.step = this.step - 1;
        state.update([values], [gradient], settings);
        return;
      }
      for (let b = 0; b * block < values.length; b++) {
        const n = state.first.read(b, m);
        state.second.read(b, v);
        for (let i = 0; i < n; i++) {
          const at = b * block + i;
          const g = gradient[at]!;
          m[i] = m[i]! * beta1 + g * (1 - beta1);
          v[i] = v[i]! * beta2 + g * g * (1 - beta2);
          const change = (stepSize * m[i]!) / (Math.sqrt(v[i]!) / root + epsilon);
          values[at] = values[at]! * (1 - learningRate * weightDecay) - change;
        }
        state.first.write(b, m, n);
        state.second.write(b, v, n);
      }
    });
  }
}
