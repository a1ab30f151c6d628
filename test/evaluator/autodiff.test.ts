/** @file Each gradient rule against central differences of the operator itself, run by onnxruntime. */
import { describe, expect, it } from 'vitest';
import { backward } from '../../evaluator/autodiff/backward.ts';
import { count, Graph } from '../../evaluator/autodiff/graph.ts';
import { attributeType, dataType, encodeModel, type OnnxAttribute } from '../../evaluator/onnx/model-file.ts';
import { createSessionFromBytes } from '../../evaluator/onnx/session.ts';
import { Random } from '../../evaluator/statistics/random.ts';

interface Case {
  op: string;
  inputs: number[][];
  outputs: number[][];
  attributes?: Record<string, number | number[] | string>;
  /** Constants after the inputs. */
  ints?: number[][];
  /** Only values above 0. */
  positive?: boolean;
  version?: number;
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
  { op: 'Sqrt', inputs: [[5]], outputs: [[5]], positive: true },
  { op: 'Exp', inputs: [[5]], outputs: [[5]] },
  { op: 'Log', inputs: [[5]], outputs: [[5]], positive: true },
  { op: 'Neg', inputs: [[5]], outputs: [[5]] },
  { op: 'Reciprocal', inputs: [[5]], outputs: [[5]], positive: true },
  { op: 'Erf', inputs: [[5]], outputs: [[5]] },
  { op: 'Sigmoid', inputs: [[5]], outputs: [[5]] },
  { op: 'Tanh', inputs: [[5]], outputs: [[5]] },
  { op: 'Softplus', inputs: [[5]], outputs: [[5]] },
  { op: 'Softmax', inputs: [[2, 4]], outputs: [[2, 4]], attributes: { axis: -1 } },
  { op: 'Softmax', inputs: [[2, 4]], outputs: [[2, 4]], attributes: { axis: 0 } },
  { op: 'Gelu', inputs: [[5]], outputs: [[5]], version: 20 },
  { op: 'Gelu', inputs: [[5]], outputs: [[5]], version: 20, attributes: { approximate: 'tanh' } },
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
    attributes: { transA: 1 },
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
    op: 'GroupNormalization',
    inputs: [[2, 4, 3, 2], [4], [4]],
    outputs: [[2, 4, 3, 2]],
    attributes: { num_groups: 2 },
    version: 21,
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
];

function attributesOf(attributes: NonNullable<Case['attributes']>): OnnxAttribute[] {
  return Object.entries(attributes).map(([name, value]) => {
    if (typeof value === 'number') return { name, type: attributeType.int, i: value };
    if (typeof value === 'string') return { name, type: attributeType.string, s: new TextEncoder().encode(value) };
    return { name, type: attributeType.ints, ints: value };
  });
}

/** Loss = Σ (output · fixed numbers) over all outputs, and its gradients. */
async function build({ op, inputs, outputs, attributes = {}, ints = [], version }: Case, withGradients: boolean) {
  const graph = new Graph();
  const names = inputs.map((dims, i) => graph.input(`x${i}`, dims));
  const results = outputs.map((_, i) => `y${i}`);
  const constants = ints.map((values) => graph.ints(values));
  graph.addNode(
    {
      name: `the ${op}`,
      opType: op,
      input: [...names, ...constants],
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
  if (withGradients) backward(graph, loss, names).forEach((gradient, i) => graph.output(gradient!, `d${i}`));
  graph.output(loss, 'loss');
  const model = graph.toModel();
  if (version !== undefined) model.opsetImport[0]!.version = version;
  const session = await createSessionFromBytes(encodeModel(model), { kind: 'cpu' });
  return { session, names, weights };
}

describe('gradient rules', () => {
  for (const one of cases) {
    it(`${one.op} ${JSON.stringify(one.inputs)} ${JSON.stringify(one.attributes ?? {})} agrees with central differences`, async () => {
      const random = new Random(1);
      const draw = (dims: number[]) =>
        Float32Array.from({ length: count(dims) }, () =>
          one.positive ? 0.6 + random.uniform() : random.uniform() * 2 - 1,
        );
      const values = one.inputs.map(draw);
      const weights = one.outputs.map((dims) =>
        Float32Array.from({ length: count(dims) }, () => random.uniform() * 2 - 1),
      );
      const feeds = (changed?: { input: number; data: Float32Array }) => ({
        ...Object.fromEntries(
          values.map((data, i) => [
            `x${i}`,
            { type: 'float32' as const, data: changed?.input === i ? changed.data : data, dims: one.inputs[i]! },
          ]),
        ),
        ...Object.fromEntries(
          weights.map((data, i) => [`w${i}`, { type: 'float32' as const, data, dims: one.outputs[i]! }]),
        ),
      });
      const plain = await build(one, false);
      const differentiated = await build(one, true);
      const gradients = await differentiated.session.run(feeds());
      const loss = async (input: number, at: number, by: number) => {
        const data = Float32Array.from(values[input]!);
        data[at]! += by;
        return ((await plain.session.run(feeds({ input, data })))['loss']!.data as Float32Array)[0]!;
      };
      for (const [input, data] of values.entries()) {
        const gradient = gradients[`d${input}`]!.data as Float32Array;
        expect(gradients[`d${input}`]!.dims).toEqual(one.inputs[input]);
        for (let at = 0; at < data.length; at += Math.ceil(data.length / 12)) {
          const h = 4e-3;
          const numeric = ((await loss(input, at, h)) - (await loss(input, at, -h))) / (2 * h);
          // float32 runs: rounding of the loss over 2h, and h² of the third derivative.
          expect(Math.abs(numeric - gradient[at]!), `d${input}[${at}]`).toBeLessThan(
            2e-3 * Math.max(1, Math.abs(numeric)),
          );
        }
      }
    });
  }

  it('an operator without a rule is an error that names the node', async () => {
    await expect(build({ op: 'Floor', inputs: [[3]], outputs: [[3]] }, true)).rejects.toThrow('Floor "the Floor"');
  });
});
