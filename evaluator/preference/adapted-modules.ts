/**
 * @file Layers with an adapter, as PEFT picks and builds them: W' = W + α/rank · B·A (Hu et al. 2021, arXiv:2106.09685). A
 * convolution's A is a convolution to `rank` channels, its B one of 1 × 1.
 */
import { ArgumentError } from '../statistics/argument-error.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import type { CanonicalNetwork } from '../engine/autodiff/canonical.ts';
import { intAttribute, type Graph } from '../engine/autodiff/graph.ts';
import type { OnnxNode } from '../engine/onnx/model-file.ts';
import { weightFinder } from '../engine/onnx/subgraph.ts';
import { modulePath } from './network-parameters.ts';

/** Where the original LoRA of Stable Diffusion goes: every attention's projections. */
export const attentionModules = ['to_q', 'to_k', 'to_v', 'to_out.0'] as const;

export interface AdaptedModule {
  /** As down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q */
  path: string;
  /** [rank, in], a convolution's [rank, in, height, width] */
  a: number[];
  /** [out, rank], a convolution's [out, rank, 1, 1] */
  b: number[];
  /** The layer in the export. */
  node: OnnxNode;
}

/**
 * @param targets as PEFT's target_modules: a module's whole path, or its end after a dot
 * @returns by path. @throws BadInput for a target that no layer has, or a layer that takes no adapter
 */
export function adaptedModules(network: CanonicalNetwork, targets: readonly string[], rank: number): AdaptedModule[] {
  const weighted = weightedNodes(network);
  const isMeant = (target: string) => (path: string) => path === target || path.endsWith(`.${target}`);
  for (const target of targets) {
    if ([...weighted.keys()].some(isMeant(target))) continue;
    throw new BadInput(
      `${network.file} has no layer named ${target}; its layers end in ${lastNames(weighted.keys()).join(', ') || 'no names: export it with optimum'}.`,
    );
  }
  return [...weighted]
    .filter(([path]) => targets.some((target) => isMeant(target)(path)))
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([path, node]) => {
      const weight = network.values.get(node.input[1]!)!.dims;
      if (node.opType === 'Conv') {
        if (intAttribute(node, 'group', 1) !== 1)
          throw new BadInput(`${network.file}: ${path} is a convolution of groups, which takes no adapter here.`);
        return { path, node, a: [rank, ...weight.slice(1)], b: [weight[0]!, rank, 1, 1] };
      }
      const isTurned = node.opType === 'Gemm' && intAttribute(node, 'transB', 0) === 1;
      const [inputs, outputs] = isTurned ? [weight[1]!, weight[0]!] : [weight[0]!, weight[1]!];
      return { path, node, a: [rank, inputs], b: [outputs, rank] };
    });
}

/** Products and convolutions with a weight, by their module's path. */
function weightedNodes(network: CanonicalNetwork): Map<string, OnnxNode> {
  const find = weightFinder(network.nodes, network.initializers);
  return new Map(
    network.nodes
      .filter((node) => ['MatMul', 'Gemm', 'Conv'].includes(node.opType) && find(node.input[1]!) !== undefined)
      .map((node) => [modulePath(node), node]),
  );
}

/** The last names of paths without numbers, each once: to_q, to_out.0, conv1. */
function lastNames(paths: Iterable<string>): string[] {
  const names = [...paths].map((path) => /[^.]*[a-z_][^.]*(\.\d+)*$/i.exec(path)?.[0] ?? path);
  return [...new Set(names)].sort();
}

/**
 * Where in·out is at most so many times rank·(in + out), the adapter is added to its weight for the step. A token then costs
 * 2·in·out for dW' more, and 6·rank·(in + out) of thin products less: even at 3, and thin products run slower.
 */
const mergedUpTo = 4;

/**
 * A layer's output with its adapter, whose matrices are the graph's values PATH.A and PATH.B.
 * @param inputs the layer's inputs in the graph. @param base copies the layer as it is
 * @param scale α/rank
 */
export function withAdapter(
  graph: Graph,
  { path, a, b, node }: AdaptedModule,
  inputs: readonly string[],
  base: () => string,
  scale: number,
): string {
  const [down, up] = [`${path}.A`, `${path}.B`];
  const [x, weight] = inputs as [string, string];
  const rank = a[0]!;
  if (node.opType === 'Conv') {
    const own = base();
    const [batch, , height, width] = graph.dims(own) as [number, number, number, number];
    // x * A, as the layer itself slides, then B at every place
    const low = graph.add('Conv', [x, down], [batch, rank, height, width], windowOf(node, a.slice(2)));
    const change = graph.add('Conv', [low, up], graph.dims(own), windowOf(undefined, [1, 1]));
    return graph.plus(own, graph.times(change, scale));
  }
  const [downT, upT] = [graph.transposeLast(down), graph.transposeLast(up)];
  const [inputsCount, outputs] = [a[1]!, b[0]!];
  // W' = W + s·AᵀBᵀ, [in, out]: one product forward and two back.
  if (node.opType === 'MatMul' && inputsCount * outputs <= mergedUpTo * rank * (inputsCount + outputs))
    return graph.matmul(x, graph.plus(weight, graph.times(graph.matmul(downT, upT), scale)));
  if (node.opType === 'Gemm' && intAttribute(node, 'transA', 0) === 1)
    throw new ArgumentError(`${path} multiplies by its input's transpose, which takes no adapter.`);
  // x [samples, tokens, in] · Aᵀ [in, rank] · Bᵀ [rank, out] beside the frozen product
  return graph.plus(base(), graph.times(graph.matmul(graph.matmul(x, downT), upT), scale));
}

/** A window's attributes. @param like the convolution that slides in the same way; none: stride 1 without edges */
function windowOf(like: OnnxNode | undefined, kernel: readonly number[]): Record<string, readonly number[] | number> {
  const ints = (name: string, fallback: readonly number[]) =>
    like?.attribute.find((attribute) => attribute.name === name)?.ints ?? fallback;
  return {
    kernel_shape: kernel,
    strides: ints('strides', [1, 1]),
    pads: ints('pads', [0, 0, 0, 0]),
    dilations: ints('dilations', [1, 1]),
    group: 1,
  };
}
