/**
 * @file Normalisations. With x̂ = (x − μ)/s over the normalised axes and g = γ∘dy:
 * dx = (g − mean(g) − x̂∘mean(g∘x̂))/s, dγ = Σ dy∘x̂, dβ = Σ dy. Ba et al. (2016), arXiv:1607.06450, and its kin.
 */
import { ArgumentError } from '../../../statistics/argument-error.ts';
import { attributeType, type OnnxNode } from '../../onnx/model-file.ts';
import { floatAttribute, intAttribute, sameDims, type Graph } from '../graph.ts';
import type { Rule } from './rule.ts';

interface Normalised {
  xHat: string;
  /** 1/s */
  inverse: string;
}

function normalise(graph: Graph, x: string, axes: readonly number[], epsilon: number): Normalised {
  const centred = graph.minus(x, graph.reduce('ReduceMean', x, axes));
  const variance = graph.reduce('ReduceMean', graph.square(centred), axes);
  const { type } = graph.value(x);
  const inverse = graph.over(
    graph.scalar(1, type),
    graph.unary('Sqrt', graph.plus(variance, graph.scalar(epsilon, type))),
  );
  return { xHat: graph.times(centred, inverse), inverse };
}

function inputGradient(graph: Graph, g: string, { xHat, inverse }: Normalised, axes: readonly number[]): string {
  const mean = graph.reduce('ReduceMean', g, axes);
  const along = graph.reduce('ReduceMean', graph.times(g, xHat), axes);
  return graph.times(graph.minus(graph.minus(g, mean), graph.times(xHat, along)), inverse);
}

/** An instance normalisation without scale and shift: as a layer normalisation the node itself gives x̂ and 1/s. */
function asLayerNormalization(graph: Graph, node: OnnxNode, axes: readonly number[]): Normalised {
  const [x, xHat] = [node.input[0]!, node.output[0]!];
  node.opType = 'LayerNormalization';
  node.input = [x, graph.filled(graph.dims(x).slice(2), 1)];
  node.attribute = [
    ...node.attribute.filter(({ name }) => name === 'epsilon'),
    { name: 'axis', type: attributeType.int, i: 2 },
  ];
  return { xHat, inverse: statisticsOf(graph, node, axes).inverse };
}

/** The second and third output of a layer normalisation, its mean and 1/s. */
function statisticsOf(graph: Graph, node: OnnxNode, axes: readonly number[]): { mean: string; inverse: string } {
  const { dims, type } = graph.value(node.input[0]!);
  const reduced = dims.map((size, i) => (axes.includes(i) ? 1 : size));
  for (const [i, name] of [
    [1, 'mean'],
    [2, 'inverse'],
  ] as const) {
    node.output[i] ||= `${node.output[0]!}/${name}`;
    graph.values.set(node.output[i], { dims: reduced, type });
  }
  return { mean: node.output[1]!, inverse: node.output[2]! };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

export const normalizations: Record<string, Rule> = {
  // x [n, c, …], γ and β [c]
  InstanceNormalization({ graph, node, dy, needs }) {
    const [x, gamma, beta] = node.input as [string, string, string];
    const rank = graph.dims(x).length;
    const axes = range(2, rank);
    if (graph.isFilledWith(gamma, 1) && graph.isFilledWith(beta, 0) && !needs(1) && !needs(2))
      return [inputGradient(graph, dy, asLayerNormalization(graph, node, axes), axes)];
    const normalised = normalise(graph, x, axes, floatAttribute(node, 'epsilon', 1e-5));
    const shaped = graph.reshape(gamma, [graph.dims(gamma)[0]!, ...axes.map(() => 1)]);
    const others = [0, ...axes];
    return [
      needs(0) ? inputGradient(graph, graph.times(dy, shaped), normalised, axes) : undefined,
      needs(1) ? graph.reduce('ReduceSum', graph.times(dy, normalised.xHat), others, false) : undefined,
      needs(2) ? graph.reshape(graph.reduce('ReduceSum', dy, others, false), graph.dims(beta)) : undefined,
    ];
  },
  // γ and β have the shape of the normalised axes; mean and 1/s are the forward node's own second and third output
  LayerNormalization({ graph, node, dy, needs }) {
    const [x, gamma, beta] = node.input as [string, string, string?];
    const dims = graph.dims(x);
    const axis = intAttribute(node, 'axis', -1);
    const axes = range(axis < 0 ? axis + dims.length : axis, dims.length);
    const { mean, inverse } = statisticsOf(graph, node, axes);
    const normalised = { xHat: graph.times(graph.minus(x, mean), inverse), inverse };
    return [
      needs(0) ? inputGradient(graph, graph.times(dy, gamma), normalised, axes) : undefined,
      needs(1) ? graph.sumTo(graph.times(dy, normalised.xHat), graph.dims(gamma)) : undefined,
      beta !== undefined && needs(2) ? graph.sumTo(dy, graph.dims(beta)) : undefined,
    ];
  },
  // x [n, c, …] in groups of channels; γ and β [groups], as they are until opset 20
  GroupNormalization({ graph, node, dy, needs }) {
    const [x, gamma, beta] = node.input as [string, string, string];
    const dims = graph.dims(x);
    const groups = intAttribute(node, 'num_groups', 1);
    if (!sameDims(graph.dims(gamma), [groups])) throw new ArgumentError('its scale is not one number a group');
    const grouped = [dims[0]!, groups, dims[1]! / groups, ...dims.slice(2)];
    const axes = range(2, grouped.length);
    const normalised = normalise(graph, graph.reshape(x, grouped), axes, floatAttribute(node, 'epsilon', 1e-5));
    const shaped = graph.reshape(gamma, [groups, ...axes.map(() => 1)]);
    const dyGrouped = graph.reshape(dy, grouped);
    const others = [0, ...axes];
    const sum = (value: string, to: string) =>
      graph.reshape(graph.reduce('ReduceSum', value, others, false), graph.dims(to));
    return [
      needs(0)
        ? graph.reshape(inputGradient(graph, graph.times(dyGrouped, shaped), normalised, axes), dims)
        : undefined,
      needs(1) ? sum(graph.times(dyGrouped, normalised.xHat), gamma) : undefined,
      needs(2) ? sum(dyGrouped, beta) : undefined,
    ];
  },
};
