/** @file Element-wise arithmetic with broadcasting: the gradient of what was repeated is summed. */
import type { Graph } from '../graph.ts';
import type { Rule } from './rule.ts';

/** y = f(a), with ∂y/∂a · dy written from a, y and dy. */
function unary(derivative: (graph: Graph, a: string, y: string, dy: string) => string): Rule {
  return ({ graph, node, dy }) => [derivative(graph, node.input[0]!, node.output[0]!, dy)];
}

export const arithmetic: Record<string, Rule> = {
  Add: ({ graph, node, dy, needs }) =>
    node.input.map((name, i) => (needs(i) ? graph.sumTo(dy, graph.dims(name)) : undefined)),
  Sub: ({ graph, node, dy, needs }) => [
    needs(0) ? graph.sumTo(dy, graph.dims(node.input[0]!)) : undefined,
    needs(1) ? graph.unary('Neg', graph.sumTo(dy, graph.dims(node.input[1]!))) : undefined,
  ],
  Mul({ graph, node, dy, needs }) {
    const [a, b] = node.input as [string, string];
    if (isSigmoidOf(graph, b, a)) return [siluGradient(graph, b, node.output[0]!, dy), undefined];
    if (isSigmoidOf(graph, a, b)) return [undefined, siluGradient(graph, a, node.output[0]!, dy)];
    return [
      needs(0) ? graph.sumTo(graph.times(dy, b), graph.dims(a)) : undefined,
      needs(1) ? graph.sumTo(graph.times(dy, a), graph.dims(b)) : undefined,
    ];
  },
  // ∂(a/b)/∂b = −y/b
  Div({ graph, node, dy, needs }) {
    const [a, b] = node.input as [string, string];
    const scaled = graph.over(dy, b);
    return [
      needs(0) ? graph.sumTo(scaled, graph.dims(a)) : undefined,
      needs(1) ? graph.unary('Neg', graph.sumTo(graph.times(scaled, node.output[0]!), graph.dims(b))) : undefined,
    ];
  },
  // ∂aᵖ/∂a = p·aᵖ⁻¹; ∂aᵖ/∂p = aᵖ·ln a, for a > 0
  Pow({ graph, node, dy, needs }) {
    const [a, p] = node.input as [string, string];
    const less = () => graph.minus(p, graph.scalar(1, graph.value(p).type));
    return [
      needs(0)
        ? graph.sumTo(graph.times(dy, graph.times(graph.binary('Pow', a, less()), p)), graph.dims(a))
        : undefined,
      needs(1)
        ? graph.sumTo(graph.times(dy, graph.times(node.output[0]!, graph.unary('Log', a))), graph.dims(p))
        : undefined,
    ];
  },
  Sqrt: unary((graph, _a, y, dy) => graph.over(graph.times(dy, 0.5), y)),
  Exp: unary((graph, _a, y, dy) => graph.times(dy, y)),
  Log: unary((graph, a, _y, dy) => graph.over(dy, a)),
  Neg: unary((graph, _a, _y, dy) => graph.unary('Neg', dy)),
  Reciprocal: unary((graph, _a, y, dy) => graph.unary('Neg', graph.times(dy, graph.square(y)))),
  Abs: unary((graph, a, _y, dy) => graph.times(dy, graph.unary('Sign', a))),
};

function isSigmoidOf(graph: Graph, y: string, x: string): boolean {
  const node = graph.producer(y);
  return node?.opType === 'Sigmoid' && node.input[0] === x;
}

/** SiLU, y = x·σ(x), through both factors at once: dy ∘ (σ + y − y∘σ). Elfwing et al. (2018), arXiv:1702.03118. */
function siluGradient(graph: Graph, sigma: string, y: string, dy: string): string {
  return graph.times(dy, graph.plus(sigma, graph.minus(y, graph.times(y, sigma))));
}
