/** @file Reverse-mode differentiation: the gradient's operators are appended to the graph that holds the forward ones. */
import { ArgumentError } from '../../statistics/argument-error.ts';
import { BadInput } from '../files/bad-input.ts';
import type { OnnxNode } from '../onnx/model-file.ts';
import { dataType } from '../onnx/model-file.ts';
import { count, type Graph } from './graph.ts';
import { rules } from './rules/all.ts';

/** What the walk back did for one node of the forward pass. */
export interface BackwardStep {
  node: OnnxNode;
  /** The gradient of one of its outputs. */
  dy: string;
  /** Where its gradient's nodes are among the graph's: from here, and up to there. */
  from: number;
  to: number;
}

/**
 * Only what lies between a trainable value and the loss gets a gradient.
 * @param loss a value with one element
 * @param steps is filled with what was done, in that order
 * @returns the names of the gradients, in the trainables' order; undefined for one that the loss does not depend on
 * @throws BadInput naming the node and its operator when there is no rule
 */
export function backward(
  graph: Graph,
  loss: string,
  trainable: readonly string[],
  steps: BackwardStep[] = [],
): (string | undefined)[] {
  if (count(graph.dims(loss)) !== 1) throw new ArgumentError(`The loss has shape [${graph.dims(loss).join(', ')}].`);
  const forward = graph.nodes.filter((node) => !graph.held.has(node.output[0]!));
  const affected = downstream(forward, trainable);
  const { dims, type } = graph.value(loss);
  const gradients = new Map<string, string>([[loss, graph.expand(graph.scalar(1, type), dims)]]);
  for (const node of forward.reverse()) {
    const dys = node.output.map((name) => gradients.get(name));
    if (dys.every((dy) => dy === undefined) || !node.input.some((name) => affected.has(name))) continue;
    const from = graph.nodes.length;
    for (const [i, gradient] of differentiate(graph, node, dys, affected).entries()) {
      const name = node.input[i]!;
      if (gradient === undefined || !affected.has(name)) continue;
      const before = gradients.get(name);
      gradients.set(name, before === undefined ? gradient : graph.plus(before, gradient));
    }
    steps.push({ node, dy: dys.find((dy) => dy !== undefined)!, from, to: graph.nodes.length });
  }
  return trainable.map((name) => gradients.get(name));
}

function differentiate(
  graph: Graph,
  node: OnnxNode,
  dys: readonly (string | undefined)[],
  affected: ReadonlySet<string>,
): (string | undefined)[] {
  const rule = rules[node.opType];
  const named = `${node.opType} "${node.name ?? node.output[0]!}"`;
  if (rule === undefined) throw new BadInput(`There is no gradient of the operator ${named}.`);
  const floats: number[] = [dataType.float32, dataType.float64, dataType.float16];
  const needs = (i: number) => {
    const name = node.input[i] ?? '';
    return affected.has(name) && floats.includes(graph.value(name).type);
  };
  const first = dys[0] ?? graph.zeros(graph.dims(node.output[0]!), graph.value(node.output[0]!).type);
  try {
    return rule({ graph, node, dy: first, dys, needs });
  } catch (error) {
    if (error instanceof ArgumentError) throw new BadInput(`There is no gradient of ${named}: ${error.message}.`);
    throw error;
  }
}

/** Every value that depends on one of these. Nodes come in topological order. */
export function downstream(nodes: readonly OnnxNode[], values: readonly string[]): Set<string> {
  const affected = new Set(values);
  for (const node of nodes)
    if (node.input.some((name) => affected.has(name))) for (const name of node.output) affected.add(name);
  return affected;
}
