/**
 * @file Gradient checkpointing. Chen et al. (2016), arXiv:1604.06174: of each segment of the network only what goes in is kept; its inner
 * values are computed again when its gradient is. The second computation waits for the gradient that comes into the segment, and
 * for the parameters' gradients of the segment before it (in the way back), so that no runtime does it early and keeps it.
 */
import { dataType, type OnnxNode } from '../onnx/model-file.ts';
import type { BackwardStep } from './backward.ts';
import { count, type Graph } from './graph.ts';

/** Of the names of what is computed again. */
const again = 'again/';

/**
 * Rewrites a graph after `backward`, whose values keep their names.
 * @param steps what `backward` did, in its order
 * @param segmentOf by the node's name; undefined: kept. A node without a segment whose input is of one counts to it where
 *   `inherits` says so
 * @param gradients of the parameters
 * @returns how many segments are computed again
 */
export function recompute(
  graph: Graph,
  steps: readonly BackwardStep[],
  {
    segmentOf,
    inherits,
    gradients,
  }: {
    segmentOf: (node: OnnxNode) => string | undefined;
    inherits: (node: OnnxNode) => boolean;
    gradients: readonly string[];
  },
): number {
  const forward = graph.nodes.slice(0, steps[0]?.from);
  const segments = segmentsOf(forward, segmentOf, inherits);
  /** From last to first. */
  const nodesOf = new Map<string, OnnxNode[]>();
  for (const node of forward.reverse()) {
    const segment = segments.get(node.output[0]!);
    if (segment === undefined) continue;
    const own = nodesOf.get(segment);
    if (own === undefined) nodesOf.set(segment, [node]);
    else own.push(node);
  }
  const isOf = (value: string, segment: string) => segments.get(value) === segment;

  // What the gradients of a segment's nodes read of the segment.
  const read = new Map<string, Set<string>>();
  for (const { node, from, to } of steps) {
    const segment = segments.get(node.output[0]!);
    if (segment === undefined) continue;
    const values = read.get(segment) ?? new Set<string>();
    read.set(segment, values);
    for (const each of graph.nodes.slice(from, to))
      for (const value of each.input) if (isOf(value, segment)) values.add(value);
  }

  const parameterAt = new Map(gradients.map((name) => [graph.producer(name)!, name]));
  const inserted = new Map<number, OnnxNode[]>();
  let waited: string[] = [];
  let segmentCount = 0;
  for (const { node, dy, from, to } of steps) {
    const segment = segments.get(node.output[0]!);
    const values = segment === undefined ? undefined : read.get(segment);
    if (segment !== undefined && values !== undefined) {
      read.delete(segment);
      const start = graph.nodes.length;
      if (values.size > 0) {
        computeAgain(graph, nodesOf.get(segment)!, values, (value) => isOf(value, segment), [dy, ...waited]);
        waited = [];
        segmentCount += 1;
      }
      inserted.set(from, [...(inserted.get(from) ?? []), ...graph.nodes.splice(start)]);
    }
    for (const each of graph.nodes.slice(from, to)) {
      if (segment !== undefined) each.input = each.input.map((value) => (isOf(value, segment) ? again + value : value));
      const parameter = parameterAt.get(each);
      if (parameter !== undefined) waited.push(parameter);
    }
  }
  const all = graph.nodes.splice(0);
  for (const [i, node] of all.entries()) {
    for (const before of inserted.get(i) ?? []) graph.nodes.push(before);
    graph.nodes.push(node);
  }
  return segmentCount;
}

/** Of each value that is computed in a segment, which. */
function segmentsOf(
  forward: readonly OnnxNode[],
  segmentOf: (node: OnnxNode) => string | undefined,
  inherits: (node: OnnxNode) => boolean,
): Map<string, string> {
  const segments = new Map<string, string>();
  for (const node of forward) {
    const own = segmentOf(node);
    const inherited = () =>
      inherits(node)
        ? node.input.map((name) => segments.get(name)).find((segment) => segment !== undefined)
        : undefined;
    const segment = own ?? inherited();
    if (segment !== undefined) for (const name of node.output) segments.set(name, segment);
  }
  return segments;
}

/** Copies of the nodes that make `values`, under other names, behind what they wait for. */
function computeAgain(
  graph: Graph,
  backwards: readonly OnnxNode[],
  values: ReadonlySet<string>,
  isInside: (value: string) => boolean,
  waitFor: readonly string[],
): void {
  const wanted = new Set(values);
  const needed: OnnxNode[] = [];
  for (const node of backwards) {
    if (!node.output.some((name) => wanted.has(name))) continue;
    needed.push(node);
    for (const name of node.input) if (isInside(name)) wanted.add(name);
  }
  const nothing = waitFor.map((value) => firstTimesZero(graph, value)).reduce((a, b) => graph.plus(a, b));
  const late = new Map<string, string>();
  const waiting = (name: string): string => {
    if (name === '' || isInside(name)) return name === '' ? name : again + name;
    const { type, dims } = graph.value(name);
    if (graph.initializers.has(name) || type !== dataType.float32 || dims.length === 0) return name;
    const known = late.get(name) ?? graph.plus(name, nothing);
    late.set(name, known);
    return known;
  };
  for (const node of needed.reverse())
    graph.addNode(
      {
        ...node,
        name: again + (node.name ?? node.output[0]!),
        input: node.input.map(waiting),
        output: node.output.map((name) => (name === '' ? '' : again + name)),
      },
      node.output.map((name) => (name === '' ? { dims: [], type: 0 } : graph.value(name))),
    );
}

/** [1], zero: what it is added to stays as it is and waits for the value. */
function firstTimesZero(graph: Graph, value: string): string {
  const flat = graph.reshape(value, [count(graph.dims(value))]);
  return graph.times(graph.slice(flat, 0, 0, 1), 0);
}
