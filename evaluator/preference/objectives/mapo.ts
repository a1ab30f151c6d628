/**
 * @file MaPO (Hong et al. 2024, arXiv:2406.06424): no reference model, the winner's own error beside the margin.
 *
 *   E[L^w] − β E log σ(T (φ(L^w) − φ(L^l))),   φ(L) = sL / (e^{sL} − 1)
 *
 * s = 0.5 and T = 1000 as in the authors' training code. In float32 e^{sL} − 1 loses digits that T then multiplies, so φ is
 * h·coth h − h with h = sL/2 and Lambert's continued fraction of the tangent: h·coth h = 1 + h²/(3 + h²/(5 + h²/(7 + …))). All of its
 * terms are positive: neither it nor its slope cancels. Down to 17 it is right to 1e-11 for L up to 8, where a
 * noise that is predicted as 0 has L = 1.
 * It has no perceptual form: φ is made for the likelihood of a noise of unit variance, and features have another scale.
 */
import type { Graph } from '../../engine/autodiff/graph.ts';
import { logistic, meanOf, type Errors, type Loss } from './objective.ts';

const s = 0.5;
const timesteps = 1000;

/** T (φ(L^w) − φ(L^l)): φ falls, so it is above 0 where the winner's error is the smaller one. */
export function mapoLogits({ modelWinner, modelLoser }: Pick<Errors, 'modelWinner' | 'modelLoser'>): Float64Array {
  const phi = (error: number) => (error === 0 ? 1 : (s * error) / Math.expm1(s * error));
  return modelWinner.map((error, i) => timesteps * (phi(error) - phi(modelLoser[i]!)));
}

/** φ(L) − 1 of errors [pairs]: the ones would go out in the difference, with the digits that they take. */
function phiBelowOne(graph: Graph, error: string): string {
  const h = graph.times(error, s / 2);
  const squared = graph.square(h);
  const rest = [15, 13, 11, 9, 7, 5, 3].reduce(
    (below, term) => graph.plus(graph.over(squared, below), graph.scalar(term)),
    graph.filled(graph.dims(h), 17),
  );
  return graph.minus(graph.over(squared, rest), h);
}

export const mapo: Loss = {
  usesLoser: true,
  usesReference: false,
  usualBeta: null,
  graph(graph, errors, { beta }) {
    const negated = graph.minus(phiBelowOne(graph, errors.loser()), phiBelowOne(graph, errors.winner()));
    const ratio = meanOf(graph, logistic(graph, graph.times(negated, timesteps)));
    return graph.plus(meanOf(graph, errors.winner()), graph.times(ratio, beta));
  },
  logits: mapoLogits,
};
