/** @file Matrix products. */
import { ArgumentError } from '../../../statistics/argument-error.ts';
import { count, floatAttribute, intAttribute, type Graph } from '../graph.ts';
import type { Rule } from './rule.ts';

export const products: Record<string, Rule> = {
  // dA = dY·Bᵀ, dB = Aᵀ·dY
  MatMul({ graph, node, dy, needs }) {
    const [a, b] = node.input as [string, string];
    const [da, db] = [graph.dims(a), graph.dims(b)];
    if (da.length < 2 || db.length < 2) throw new ArgumentError('a product with a vector has no rule');
    return [
      needs(0) ? gradientOfFirst(graph, a, b, dy) : undefined,
      needs(1) ? gradientOfSecond(graph, a, b, dy) : undefined,
    ];
  },
  // Y = α·A'·B' + β·C
  Gemm({ graph, node, dy, needs }) {
    const [a, b, c] = node.input as [string, string, string?];
    const alpha = floatAttribute(node, 'alpha', 1);
    const beta = floatAttribute(node, 'beta', 1);
    const [transA, transB] = [intAttribute(node, 'transA', 0) === 1, intAttribute(node, 'transB', 0) === 1];
    const scaled = alpha === 1 ? dy : graph.times(dy, alpha);
    const gradA = () => {
      const dims = [graph.dims(dy)[0]!, graph.dims(b)[transB ? 1 : 0]!];
      const plain = graph.add('Gemm', [scaled, b], dims, { transB: transB ? 0 : 1 });
      return transA ? graph.transposeLast(plain) : plain;
    };
    const gradB = () => {
      const plain = graph.matmul(transA ? a : graph.transposeLast(a), scaled);
      return transB ? graph.transposeLast(plain) : plain;
    };
    const gradC = () => graph.sumTo(beta === 1 ? dy : graph.times(dy, beta), graph.dims(c!));
    return [
      needs(0) ? gradA() : undefined,
      needs(1) ? gradB() : undefined,
      c !== undefined && needs(2) ? gradC() : undefined,
    ];
  },
};

/** A weight is read turned by Gemm, not turned beforehand: a frozen one would be held twice. */
function gradientOfFirst(graph: Graph, a: string, b: string, dy: string): string {
  const [dimsA, dimsB] = [graph.dims(a), graph.dims(b)];
  if (dimsB.length > 2) return graph.sumTo(graph.matmul(dy, graph.transposeLast(b)), dimsA);
  const rows = count(dimsA.slice(0, -1));
  const flat = graph.reshape(dy, [rows, dimsB[1]!]);
  return graph.reshape(graph.add('Gemm', [flat, b], [rows, dimsB[0]!], { transB: 1 }), dimsA);
}

/** A matrix that all batches share takes one product over all rows instead of a sum over batches. */
function gradientOfSecond(graph: Graph, a: string, b: string, dy: string): string {
  const [dimsA, dimsB] = [graph.dims(a), graph.dims(b)];
  if (dimsB.length > 2) return graph.sumTo(graph.matmul(graph.transposeLast(a), dy), dimsB);
  const rows = count(dimsA.slice(0, -1));
  const flat = graph.reshape(a, [rows, dimsA.at(-1)!]);
  return graph.matmul(graph.transposeLast(flat), graph.reshape(dy, [rows, dimsB[1]!]));
}
