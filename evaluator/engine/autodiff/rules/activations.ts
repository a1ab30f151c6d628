/** @file Activations. */
import { intAttribute, stringAttribute } from '../graph.ts';
import type { Rule } from './rule.ts';

export const activations: Record<string, Rule> = {
  // σ' = σ(1 − σ)
  Sigmoid({ graph, node, dy }) {
    const y = node.output[0]!;
    return [graph.times(dy, graph.minus(y, graph.square(y)))];
  },
  Tanh: ({ graph, node, dy }) => [graph.minus(dy, graph.times(dy, graph.square(node.output[0]!)))],
  // ln(1 + eˣ)' = σ(x)
  Softplus: ({ graph, node, dy }) => [graph.times(dy, graph.unary('Sigmoid', node.input[0]!))],
  // erf' = 2/√π · exp(−x²)
  Erf({ graph, node, dy }) {
    const bell = graph.unary('Exp', graph.unary('Neg', graph.square(node.input[0]!)));
    return [graph.times(dy, graph.times(bell, 2 / Math.sqrt(Math.PI)))];
  },
  Relu: ({ graph, node, dy }) => [graph.times(dy, graph.unary('Sign', node.output[0]!))],
  // dx = y ∘ (dy − Σ dy ∘ y)
  Softmax({ graph, node, dy }) {
    const y = node.output[0]!;
    const weighted = graph.times(dy, y);
    const sum = graph.reduce('ReduceSum', weighted, [intAttribute(node, 'axis', -1)]);
    return [graph.minus(weighted, graph.times(y, sum))];
  },
  // x·Φ(x): Φ(x) + x·φ(x); the tanh form of Hendrycks & Gimpel (2016) by its own derivative
  Gelu({ graph, node, dy }) {
    const x = node.input[0]!;
    const one = graph.scalar(1, graph.value(x).type);
    if (stringAttribute(node, 'approximate', 'none') === 'none') {
      const phi = graph.times(graph.plus(graph.unary('Erf', graph.times(x, Math.SQRT1_2)), one), 0.5);
      const bell = graph.unary('Exp', graph.times(graph.square(x), -0.5));
      return [graph.times(dy, graph.plus(phi, graph.times(graph.times(x, bell), 1 / Math.sqrt(2 * Math.PI))))];
    }
    const c = Math.sqrt(2 / Math.PI);
    const squared = graph.square(x);
    const inner = graph.times(graph.times(x, graph.plus(graph.times(squared, 0.044715), one)), c);
    const tanh = graph.unary('Tanh', inner);
    const slope = graph.times(graph.plus(graph.times(squared, 3 * 0.044715), one), c);
    const rest = graph.times(graph.times(x, slope), graph.minus(one, graph.square(tanh)));
    return [graph.times(dy, graph.times(graph.plus(graph.plus(tanh, one), rest), 0.5))];
  },
};
