/** @file Sums and means over axes. */
import { count, intAttribute } from '../graph.ts';
import type { Rule, RuleContext } from './rule.ts';

/** dy repeated over the axes that were reduced. */
function spread({ graph, node, dy }: RuleContext): string {
  const dims = graph.dims(node.input[0]!);
  const axesInput = node.input[1] ?? '';
  const given = axesInput === '' ? [] : graph.readInts(axesInput);
  if (given.length === 0 && intAttribute(node, 'noop_with_empty_axes', 0) === 1) return dy;
  const axes = new Set(given.length === 0 ? dims.keys() : given.map((axis) => (axis < 0 ? axis + dims.length : axis)));
  const kept = dims.map((size, i) => (axes.has(i) ? 1 : size));
  return graph.expand(graph.reshape(dy, kept), dims);
}

export const reductions: Record<string, Rule> = {
  ReduceSum: (context) => [spread(context)],
  ReduceMean(context) {
    const { graph, node } = context;
    const factor = count(graph.dims(node.output[0]!)) / count(graph.dims(node.input[0]!));
    return [spread({ ...context, dy: graph.times(context.dy, factor) })];
  },
};
