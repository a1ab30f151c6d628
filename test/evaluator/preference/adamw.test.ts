/** @file The optimisers: AdamW by hand, 8-bit moments by the published tree and against 32-bit ones. */
import { describe, expect, it } from 'vitest';
import { AdamW, adamWDefaults, globalNorm } from '../../../evaluator/preference/adamw.ts';
import { AdamW8bit, dynamicTree, QuantisedMoment } from '../../../evaluator/preference/adamw8bit.ts';
import { Random } from '../../../evaluator/statistics/random.ts';

const settings = { learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-3, weightDecay: 0.5 };

describe('AdamW', () => {
  it('two steps, worked out by hand', () => {
    const adam = new AdamW([1, 1]);
    const [x, y] = [Float32Array.of(2), Float32Array.of(-1)];
    adam.update([x, y], [Float32Array.of(0.5), Float32Array.of(-3)], settings);
    // Step 1: m̂ = g, v̂ = g²: x ← x(1 − .1·.5) − .1·g/(|g| + ε)
    const [x1, y1] = [2 * 0.95 - (0.1 * 0.5) / (0.5 + 1e-3), -1 * 0.95 + (0.1 * 3) / (3 + 1e-3)];
    expect([x[0], y[0]]).toEqual([expect.closeTo(x1, 6), expect.closeTo(y1, 6)]);
    adam.update([x, y], [Float32Array.of(-1), Float32Array.of(0)], settings);
    // Step 2 for x: m = .9·.05 − .1 = −.055, v = .99·.0025 + .01 = .012475; m̂ = m/(1 − .81), v̂ = v/(1 − .9801)
    const x2 = x1 * 0.95 - (0.1 * (-0.055 / 0.19)) / (Math.sqrt(0.012475 / 0.0199) + 1e-3);
    // For y: m = .9·(−.3), v = .99·.09
    const y2 = y1 * 0.95 - (0.1 * (-0.27 / 0.19)) / (Math.sqrt(0.0891 / 0.0199) + 1e-3);
    expect([x[0], y[0]]).toEqual([expect.closeTo(x2, 6), expect.closeTo(y2, 6)]);
    expect(adam.step).toBe(2);
    expect(adam.first[0]![0]).toBeCloseTo(-0.055, 7);
    expect(adam.second[0]![0]).toBeCloseTo(0.012475, 7);
  });

  it('has the paper’s constants', () => {
    expect(adamWDefaults).toEqual({ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-2 });
  });

  it('the global norm is over all parameters', () => {
    expect(globalNorm([Float32Array.of(3, 0), Float32Array.of(-4), Float32Array.of(12)])).toBe(13);
    expect(globalNorm([])).toBe(0);
  });
});

describe('8-bit moments', () => {
  it('the tree has bitsandbytes’ values: 7 decades, from 5.5e-7 to 0.99296875 and 1', () => {
    // create_dynamic_map(signed=True): decade i has 2^i means of a linear cut of [.1, 1]; unsigned twice as many.
    const signed = dynamicTree(true);
    expect(signed).toHaveLength(256);
    const positive = [...signed].filter((x) => x > 0);
    expect(positive).toHaveLength(128);
    expect(positive[0]).toBeCloseTo(5.5e-7, 12);
    expect(positive.slice(1, 3)).toEqual([expect.closeTo(3.25e-6, 11), expect.closeTo(7.75e-6, 11)]);
    expect(positive.at(-2)).toBeCloseTo(0.99296875, 7);
    expect(positive.at(-1)).toBe(1);
    expect(signed[0]).toBeCloseTo(-0.99296875, 7);
    expect([...signed].filter((x) => x < 0)).toEqual(
      positive
        .slice(0, -1)
        .reverse()
        .map((x) => -x),
    );
    const unsigned = dynamicTree(false);
    expect(unsigned).toHaveLength(256);
    expect(unsigned[0]).toBe(0);
    expect(unsigned.slice(1, 3)).toEqual(Float32Array.of(3.25e-7, 7.75e-7));
    expect(unsigned.at(-2)).toBeCloseTo(0.1 + (0.9 * 127.5) / 128, 7);
    for (const tree of [signed, unsigned]) for (let i = 1; i < 256; i++) expect(tree[i]!).toBeGreaterThan(tree[i - 1]!);
  });

  it('a block is divided by its largest magnitude, and each number becomes the nearest of the tree', () => {
    const moment = new QuantisedMoment(300, true);
    const tree = dynamicTree(true);
    const values = Float32Array.from({ length: 256 }, (_, i) => -8 * Math.sin(i * 0.37) * 10 ** -(i % 5));
    moment.write(0, values, 256);
    const largest = Math.max(...[...values].map(Math.abs));
    expect(moment.scales[0]).toBe(Math.fround(largest));
    const back = new Float32Array(256);
    expect(moment.read(0, back)).toBe(256);
    values.forEach((value, i) => {
      const wanted = value / largest;
      const nearest = tree.reduce((best, x) => (Math.abs(x - wanted) < Math.abs(best - wanted) ? x : best));
      expect(back[i]! / largest, `value ${i}`).toBeCloseTo(nearest, 6);
    });
    // The second block is 44 numbers, and knows nothing of the first.
    moment.write(1, Float32Array.of(0.25, -1, 0), 3);
    expect(moment.read(1, back)).toBe(44);
    // −1 has no place in the signed tree: its end is −0.9929…
    expect([...back.slice(0, 3)]).toEqual([expect.closeTo(0.25, 2), expect.closeTo(-0.99296875, 6), 0]);
    expect(moment.scales[1]).toBe(1);
  });

  it('a fresh moment is zero, and a block of zeros stays zero', () => {
    for (const signed of [true, false]) {
      const moment = new QuantisedMoment(2, signed);
      const out = Float32Array.of(9, 9);
      moment.read(0, out);
      expect([...out]).toEqual([0, 0]);
      moment.write(0, Float32Array.of(0, 0), 2);
      moment.read(0, out);
      expect([...out]).toEqual([0, 0]);
    }
  });

  it('small tensors stay in float32, large ones are quantised', () => {
    const adam = new AdamW8bit([4095, 4096]);
    expect(adam.states[0]).toBeInstanceOf(AdamW);
    expect(adam.states[1]).not.toBeInstanceOf(AdamW);
  });

  it('a small tensor moves exactly as with AdamW, however many steps', () => {
    const [small, full] = [new AdamW8bit([3]), new AdamW([3])];
    const [a, b] = [Float32Array.of(1, 2, -3), Float32Array.of(1, 2, -3)];
    for (let step = 0; step < 4; step++) {
      const gradient = Float32Array.of(0.3 - step, 0.1 * step, 2);
      small.update([a], [gradient], settings);
      full.update([b], [gradient], settings);
    }
    expect([...a]).toEqual([...b]);
    expect(small.step).toBe(4);
  });

  it('the first step of a large tensor is AdamW’s but for the moments it keeps', () => {
    const size = 4096 + 100;
    const gradient = Float32Array.from({ length: size }, (_, i) => Math.cos(i) + 0.01);
    const start = Float32Array.from({ length: size }, (_, i) => Math.sin(i));
    const x = start.slice();
    new AdamW8bit([size]).update([x], [gradient], settings);
    // m̂ = g, v̂ = g², decay .95
    start.forEach((value, i) => {
      const g = gradient[i]!;
      expect(x[i]!).toBeCloseTo(value * 0.95 - (0.1 * g) / (Math.abs(g) + 1e-3), 5);
    });
  });

  it('8-bit moments move parameters as 32-bit ones do, within a few per cent', () => {
    const random = new Random(2);
    const size = 8192;
    const start = Float32Array.from({ length: size }, () => random.uniform() - 0.5);
    const [a, b] = [Float32Array.from(start), Float32Array.from(start)];
    const [full, small] = [new AdamW([size]), new AdamW8bit([size])];
    for (let step = 0; step < 10; step++) {
      const gradient = Float32Array.from({ length: size }, () => random.uniform() - 0.3);
      full.update([a], [gradient], { learningRate: 1e-2, ...adamWDefaults });
      small.update([b], [gradient], { learningRate: 1e-2, ...adamWDefaults });
    }
    const distance = (x: Float32Array, y: Float32Array) =>
      Math.sqrt(x.reduce((sum, v, i) => sum + (v - y[i]!) ** 2, 0));
    expect(distance(a, b) / distance(a, start)).toBeLessThan(0.05);
  });
});
