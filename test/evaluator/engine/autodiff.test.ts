/**
 * @file Each gradient rule, run by onnxruntime in float32, against central differences in float64 of the operator
 * written down in test/support/reference-operators.ts, and against a closed form where there is one. Slow: central
 * differences run every operator many times.
 */
import { describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { defaultLimits } from '../../../evaluator/engine/autodiff/attention.ts';
import { backward } from '../../../evaluator/engine/autodiff/backward.ts';
import { canonicalise, instantiate } from '../../../evaluator/engine/autodiff/canonical.ts';
import { count, Graph } from '../../../evaluator/engine/autodiff/graph.ts';
import {
  attributeType,
  dataType,
  encodeModel,
  writeModel,
  type OnnxAttribute,
} from '../../../evaluator/engine/onnx/model-file.ts';
import { createSessionFromBytes, type Session } from '../../../evaluator/engine/onnx/session.ts';
import { Random } from '../../../evaluator/statistics/random.ts';
import { evaluate, type Tensor } from '../../support/reference-operators.ts';
import { temporaryFolder } from '../../support/folders.ts';

interface Case {
  op: string;
  inputs: number[][];
  outputs: number[][];
  attributes?: Record<string, number | number[] | string>;
  /** Constants after the inputs. */
  ints?: number[][];
  /** Only values above 0. */
  positive?: boolean;
  /** The derivative, where it is a formula in x. */
  slope?: (x: number) => number;
}
const cases: Case[] = [
  { op: 'Add', inputs: [[2, 3], [3]], outputs: [[2, 3]] },
  { op: 'Sub', inputs: [[2, 1], [3]], outputs: [[2, 3]] },
  {
    op: 'Mul',
    inputs: [
      [2, 3],
      [2, 1],
    ],
    outputs: [[2, 3]],
  },
  { op: 'Div', inputs: [[2, 3], [3]], outputs: [[2, 3]], positive: true },
  { op: 'Pow', inputs: [[2, 3], [1]], outputs: [[2, 3]], positive: true },
  { op: 'Sqrt', inputs: [[5]], outputs: [[5]], positive: true, slope: (x) => 0.5 / Math.sqrt(x) },
  { op: 'Exp', inputs: [[5]], outputs: [[5]], slope: (x) => Math.exp(x) },
  { op: 'Log', inputs: [[5]], outputs: [[5]], positive: true, slope: (x) => 1 / x },
  { op: 'Neg', inputs: [[5]], outputs: [[5]], slope: () => -1 },
  { op: 'Reciprocal', inputs: [[5]], outputs: [[5]], positive: true, slope: (x) => -1 / x ** 2 },
  { op: 'Erf', inputs: [[5]], outputs: [[5]], slope: (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-(x ** 2)) },
  { op: 'Sigmoid', inputs: [[5]], outputs: [[5]], slope: (x) => sigmoid(x) * (1 - sigmoid(x)) },
  { op: 'Tanh', inputs: [[5]], outputs: [[5]], slope: (x) => 1 - Math.tanh(x) ** 2 },
  { op: 'Softplus', inputs: [[5]], outputs: [[5]], slope: (x) => sigmoid(x) },
  { op: 'Softmax', inputs: [[2, 4]], outputs: [[2, 4]], attributes: { axis: -1 } },
  { op: 'Softmax', inputs: [[2, 4]], outputs: [[2, 4]], attributes: { axis: 0 } },
  { op: 'Gelu', inputs: [[5]], outputs: [[5]] },
  { op: 'Gelu', inputs: [[5]], outputs: [[5]], attributes: { approximate: 'tanh' } },
  {
    op: 'MatMul',
    inputs: [
      [2, 3, 4],
      [4, 2],
    ],
    outputs: [[2, 3, 2]],
  },
  {
    op: 'MatMul',
    inputs: [
      [2, 3, 4],
      [2, 4, 2],
    ],
    outputs: [[2, 3, 2]],
  },
  { op: 'Gemm', inputs: [[3, 4], [2, 4], [2]], outputs: [[3, 2]], attributes: { transB: 1 } },
  {
    op: 'Gemm',
    inputs: [
      [4, 3],
      [4, 2],
      [3, 2],
    ],
    outputs: [[3, 2]],
    attributes: { transA: 1, alpha: 0.5, beta: 1.5 },
  },
  {
    op: 'Conv',
    inputs: [[2, 3, 5, 4], [4, 3, 3, 3], [4]],
    outputs: [[2, 4, 5, 4]],
    attributes: { pads: [1, 1, 1, 1], strides: [1, 1] },
  },
  {
    op: 'Conv',
    inputs: [
      [1, 4, 6, 5],
      [4, 2, 3, 3],
    ],
    outputs: [[1, 4, 3, 3]],
    attributes: { pads: [1, 1, 1, 1], strides: [2, 2], group: 2 },
  },
  {
    op: 'Conv',
    inputs: [
      [1, 2, 7, 7],
      [3, 2, 3, 3],
    ],
    outputs: [[1, 3, 3, 3]],
    attributes: { dilations: [2, 2], pads: [0, 0, 0, 0] },
  },
  {
    op: 'ConvTranspose',
    inputs: [[1, 3, 3, 3], [3, 2, 3, 3], [2]],
    outputs: [[1, 2, 5, 5]],
    attributes: { strides: [2, 2], pads: [1, 1, 1, 1] },
  },
  { op: 'InstanceNormalization', inputs: [[2, 3, 4, 2], [3], [3]], outputs: [[2, 3, 4, 2]] },
  { op: 'LayerNormalization', inputs: [[2, 3, 5], [5], [5]], outputs: [[2, 3, 5]], attributes: { axis: -1 } },
  {
    op: 'LayerNormalization',
    inputs: [
      [2, 3, 5],
      [3, 5],
      [3, 5],
    ],
    outputs: [[2, 3, 5]],
    attributes: { axis: 1 },
  },
  {
    op: 'GroupNormalization',
    inputs: [[2, 4, 3, 2], [2], [2]],
    outputs: [[2, 4, 3, 2]],
    attributes: { num_groups: 2 },
  },
  { op: 'ReduceMean', inputs: [[2, 3, 4]], ints: [[1, 2]], outputs: [[2]], attributes: { keepdims: 0 } },
  { op: 'ReduceSum', inputs: [[2, 3]], ints: [[-1]], outputs: [[2, 1]] },
  { op: 'Reshape', inputs: [[2, 6]], ints: [[3, 4]], outputs: [[3, 4]] },
  { op: 'Transpose', inputs: [[2, 3, 4]], outputs: [[4, 2, 3]], attributes: { perm: [2, 0, 1] } },
  {
    op: 'Concat',
    inputs: [
      [2, 3],
      [2, 2],
    ],
    outputs: [[2, 5]],
    attributes: { axis: -1 },
  },
  {
    op: 'Split',
    inputs: [[2, 5]],
    ints: [[2, 3]],
    outputs: [
      [2, 2],
      [2, 3],
    ],
    attributes: { axis: 1 },
  },
  { op: 'Slice', inputs: [[5, 4]], ints: [[1], [4], [0], [1]], outputs: [[3, 4]] },
  { op: 'Slice', inputs: [[7, 2]], ints: [[1], [7], [0], [2]], outputs: [[3, 2]] },
  { op: 'Slice', inputs: [[6, 2]], ints: [[-1], [-100], [0], [-2]], outputs: [[3, 2]] },
  { op: 'Gather', inputs: [[4, 3]], ints: [[2, 0, 2]], outputs: [[3, 3]], attributes: { axis: 0 } },
  { op: 'Gather', inputs: [[2, 4]], ints: [[3, 3]], outputs: [[2, 2]], attributes: { axis: 1 } },
  { op: 'Expand', inputs: [[3, 1]], ints: [[2, 3, 4]], outputs: [[2, 3, 4]] },
  { op: 'Squeeze', inputs: [[2, 1, 3]], ints: [[1]], outputs: [[2, 3]] },
  { op: 'Unsqueeze', inputs: [[2, 3]], ints: [[0]], outputs: [[1, 2, 3]] },
  { op: 'Pad', inputs: [[2, 3]], ints: [[1, 0, 0, 2]], outputs: [[3, 5]] },
  { op: 'Flatten', inputs: [[2, 3, 2]], outputs: [[2, 6]] },
  { op: 'Identity', inputs: [[3]], outputs: [[3]] },
  { op: 'Abs', inputs: [[5]], outputs: [[5]], slope: Math.sign },
  { op: 'Relu', inputs: [[5]], outputs: [[5]], slope: (x) => Number(x > 0) },
  { op: 'Cast', inputs: [[2, 2]], outputs: [[2, 2]], attributes: { to: dataType.float32 } },
  { op: 'Where', inputs: [[2, 3], [3]], ints: [[1, 0, 1]], outputs: [[2, 3]] },
  {
    op: 'Resize',
    inputs: [[1, 2, 2, 3]],
    ints: [[1, 2, 4, 6]],
    outputs: [[1, 2, 4, 6]],
    attributes: { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
  },
];
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

function attributesOf(attributes: NonNullable<Case['attributes']>): OnnxAttribute[] {
  return Object.entries(attributes).map(([name, value]) => {
    if (name === 'alpha' || name === 'beta') return { name, type: attributeType.float, f: value as number };
    if (typeof value === 'number') return { name, type: attributeType.int, i: value };
    if (typeof value === 'string') return { name, type: attributeType.string, s: new TextEncoder().encode(value) };
    return { name, type: attributeType.ints, ints: value };
  });
}

/** A session that gives Σ (output · weight) over all outputs, and its gradients. */
async function build({ op, inputs, outputs, attributes = {}, ints = [] }: Case): Promise<Session> {
  const graph = new Graph();
  const names = inputs.map((dims, i) => graph.input(`x${i}`, dims));
  const results = outputs.map((_, i) => `y${i}`);
  const constants = ints.map((values) => graph.ints(values));
  graph.addNode(
    {
      name: `the ${op}`,
      opType: op,
      input: inputsOf(op, graph, names, constants),
      output: results,
      attribute: attributesOf(attributes),
    },
    outputs.map((dims) => ({ dims, type: dataType.float32 })),
  );
  const weights = outputs.map((dims, i) => graph.input(`w${i}`, dims));
  const sums = results.map((name, i) =>
    graph.reshape(graph.reduce('ReduceSum', graph.times(name, weights[i]!), [...outputs[i]!.keys()]), [1]),
  );
  const loss = sums.reduce((a, b) => graph.plus(a, b));
  backward(graph, loss, names).forEach((gradient, i) => graph.output(gradient!, `d${i}`));
  graph.output(loss, 'loss');
  return createSessionFromBytes(encodeModel(graph.toModel()), { kind: 'cpu' });
}

/** Two operators take their constants elsewhere than after the inputs. */
function inputsOf(op: string, graph: Graph, names: string[], constants: string[]): string[] {
  if (op === 'Resize') return [...names, '', '', ...constants];
  if (op !== 'Where') return [...names, ...constants];
  const dims = graph.dims(constants[0]!);
  return [graph.add('Cast', [constants[0]!], dims, { to: dataType.bool }, dataType.bool), ...names];
}

describe('gradient rules', () => {
  for (const one of cases) {
    it(`${one.op} ${JSON.stringify(one.inputs)} ${JSON.stringify(one.attributes ?? {})} agrees with central differences`, async () => {
      const { op, inputs, outputs, ints = [], attributes = {} } = one;
      const random = new Random(1);
      const draw = (dims: number[]) =>
        Float32Array.from({ length: count(dims) }, () =>
          one.positive ? 0.6 + random.uniform() : random.uniform() * 2 - 1,
        );
      const values = inputs.map(draw);
      const weights = outputs.map(draw);
      const feed = (prefix: string, arrays: Float32Array[], shapes: number[][]) =>
        Object.fromEntries(
          arrays.map((data, i) => [`${prefix}${i}`, { type: 'float32' as const, data, dims: shapes[i]! }]),
        );
      const session = await build(one);
      const gradients = await session.run({ ...feed('x', values, inputs), ...feed('w', weights, outputs) });
      /** Σ (output · weight), with one number moved. */
      const loss = (input: number, place: number, by: number) => {
        const tensors = values.map((data, i) => ({ dims: inputs[i]!, data: Float64Array.from(data) }));
        tensors[input]!.data[place]! += by;
        return evaluate({ op, inputs: tensors, ints, attributes, outputs }).reduce(
          (sum, { data }, i) => sum + data.reduce((part, value, k) => part + value * weights[i]![k]!, 0),
          0,
        );
      };
      const computed = (gradients['loss']!.data as Float32Array)[0]!;
      expect(Math.abs(computed - loss(0, 0, 0)), 'the operator itself').toBeLessThan(
        2e-5 * Math.max(1, Math.abs(computed)),
      );
      for (const [input, data] of values.entries()) {
        const gradient = gradients[`d${input}`]!.data as Float32Array;
        expect(gradients[`d${input}`]!.dims).toEqual(inputs[input]);
        for (let place = 0; place < data.length; place++) {
          const h = 1e-5;
          const numeric = (loss(input, place, h) - loss(input, place, -h)) / (2 * h);
          // What float32 leaves; the differences themselves are good to some 1e-10.
          expect(Math.abs(numeric - gradient[place]!), `d${input}[${place}]`).toBeLessThan(
            1e-5 * Math.max(1, Math.abs(numeric)),
          );
          if (one.slope === undefined) continue;
          const closed = one.slope(data[place]!) * weights[0]![place]!;
          expect(Math.abs(closed - gradient[place]!)).toBeLessThan(4e-6 * Math.max(1, Math.abs(closed)));
        }
      }
    });
  }

  it('an operator without a rule is an error that names the node', async () => {
    await expect(build({ op: 'Floor', inputs: [[3]], outputs: [[3]] })).rejects.toThrow('Floor "the Floor"');
  });

  it('an exporter’s patterns are rewritten, and their gradients agree with central differences', async () => {
    const dims = [2, 4, 6];
    const exported = new Graph();
    const x = exported.input('x', dims);
    const grouped = exported.reshape(x, [2, 2, 12]);
    const [ones, zeros] = [exported.filled([2], 1), exported.filled([2], 0)];
    const normal = exported.add('InstanceNormalization', [grouped, ones, zeros], [2, 2, 12]);
    const g = exported.reshape(normal, dims);
    const silu = exported.times(g, exported.unary('Sigmoid', g));
    const [first, second] = [exported.slice(silu, 2, 0, 3), exported.slice(silu, 2, 3, 6)];
    const erf = exported.unary('Erf', exported.over(second, Math.SQRT2));
    const phi = exported.plus(erf, exported.scalar(1));
    const gelu = exported.times(exported.times(second, phi), 0.5);
    exported.output(exported.times(first, gelu), 'y');
    const file = join(temporaryFolder(), 'patterns.onnx');
    await writeModel(file, exported.toModel());
    const network = await canonicalise(file, { x: dims });
    const graph = new Graph();
    const feed = new Map([['x', graph.input('x', dims)]]);
    const [y] = instantiate(graph, network, { prefix: 'a/', feed, wanted: ['y'] }) as [string];
    const weighted = graph.times(y, graph.input('w', graph.dims(y)));
    const loss = graph.reduce('ReduceSum', weighted, [0, 1, 2], false);
    graph.output(backward(graph, loss, ['x'])[0]!, 'dx');
    const operators = new Set(graph.nodes.map(({ opType }) => opType));
    for (const name of ['Split', 'Gelu', 'LayerNormalization']) expect(operators).toContain(name);
    for (const name of ['Slice', 'InstanceNormalization']) expect(operators).not.toContain(name);

    const random = new Random(4);
    const draw = (n: number) => Float32Array.from({ length: n }, () => random.uniform() * 4 - 2);
    const [values, weights] = [draw(48), draw(24)];
    const session = await createSessionFromBytes(encodeModel(graph.toModel()), { kind: 'cpu' });
    const feeds = {
      x: { type: 'float32' as const, data: values, dims },
      w: { type: 'float32' as const, data: weights, dims: [2, 4, 3] },
    };
    const gradient = (await session.run(feeds))['dx']!.data as Float32Array;
    const reference = (data: Float64Array) => {
      const call = (op: string, input: Tensor) =>
        evaluate({ op, inputs: [input], ints: [], attributes: {}, outputs: [input.dims] })[0]!;
      const constant = (value: number) => ({ dims: [2], data: new Float64Array(2).fill(value) });
      const [normalised] = evaluate({
        op: 'InstanceNormalization',
        inputs: [{ dims: [2, 2, 12], data }, constant(1), constant(0)],
        ...{ ints: [], attributes: {}, outputs: [[2, 2, 12]] },
      }) as [Tensor];
      const sigma = call('Sigmoid', normalised);
      const both = normalised.data.map((value, i) => value * sigma.data[i]!);
      const geluOf = call('Gelu', { dims: [48], data: both });
      let sum = 0;
      for (let row = 0; row < 8; row++)
        for (let k = 0; k < 3; k++) sum += both[row * 6 + k]! * geluOf.data[row * 6 + 3 + k]! * weights[row * 3 + k]!;
      return sum;
    };
    for (let i = 0; i < 48; i++) {
      const moved = (by: number) => Float64Array.from(values, (value, k) => (k === i ? value + by : value));
      const numeric = (reference(moved(1e-5)) - reference(moved(-1e-5))) / 2e-5;
      expect(Math.abs(numeric - gradient[i]!), `dx[${i}]`).toBeLessThan(2e-5 * Math.max(1, Math.abs(numeric)));
    }
  });

  it('attention in pieces gives the same result and gradients as whole, and holds no probabilities', async () => {
    const shapes = { q: [2, 4, 6, 3], k: [2, 4, 3, 5], v: [2, 4, 5, 3] };
    const exported = new Graph();
    const [q, k, v] = Object.entries(shapes).map(([name, dims]) => exported.input(name, dims)) as [
      string,
      string,
      string,
    ];
    const scores = exported.times(exported.matmul(q, k), 0.7);
    const p = exported.add('Softmax', [scores], exported.dims(scores), { axis: -1 });
    exported.output(exported.matmul(p, v), 'o');
    const file = join(temporaryFolder(), 'attention.onnx');
    await writeModel(file, exported.toModel());
    const random = new Random(3);
    const draw = (dims: readonly number[]) => ({
      type: 'float32' as const,
      data: Float32Array.from({ length: count(dims) }, () => random.uniform() * 4 - 2),
      dims,
    });
    const feeds = {
      ...Object.fromEntries(Object.entries(shapes).map(([name, dims]) => [name, draw(dims)])),
      w: draw([2, 4, 6, 3]),
    };
    const results = [];
    for (const limits of [defaultLimits, { wholeUpTo: 0, pieceBytes: 4 * 30 * 2 }]) {
      const network = await canonicalise(file, shapes, { attention: limits });
      const graph = new Graph();
      const feed = new Map(Object.entries(shapes).map(([name, dims]) => [name, graph.input(name, dims)]));
      const [o] = instantiate(graph, network, { prefix: 'x/', feed, wanted: ['o'] }) as [string];
      const weighted = graph.times(o, graph.input('w', graph.dims(o)));
      const loss = graph.reduce('ReduceSum', weighted, [0, 1, 2, 3], false);
      backward(graph, loss, ['q', 'k', 'v']).forEach((gradient, i) => graph.output(gradient!, `d${i}`));
      graph.output(o, 'result');
      const large = [...graph.values].filter(([, { dims }]) => dims.length === 4 && dims[2] === 6 && dims[3] === 5);
      expect(large.length === 0).toBe(limits !== defaultLimits);
      const session = await createSessionFromBytes(encodeModel(graph.toModel()), { kind: 'cpu' });
      results.push(await session.run(feeds));
    }
    for (const name of ['result', 'd0', 'd1', 'd2']) {
      const [whole, pieces] = results.map((result) => result[name]!.data as Float32Array) as [
        Float32Array,
        Float32Array,
      ];
      expect(pieces.length).toBe(whole.length);
      whole.forEach((value, i) => expect(Math.abs(pieces[i]! - value)).toBeLessThan(1e-5));
    }
  });
});
