/** @file Diffusion-CPO and NCP-CPO: eq. 11 and 19 of Gambashidze et al. (2025), without a reference model. */
import { logistic, meanOf, type Errors, type Loss } from './objective.ts';

/** −(L^w_θ − L^l_θ) */
export function cpoLogits({ modelWinner, modelLoser }: Pick<Errors, 'modelWinner' | 'modelLoser'>): Float64Array {
  return modelWinner.map((error, i) => modelLoser[i]! - error);
}

/** −E log σ(β·logits) + λ E[L^w_θ] */
export const cpo: Loss = {
  usesLoser: true,
  usesReference: false,
  usualBeta: 2500,
  graph(graph, errors, { beta, lambda }) {
    const gap = graph.minus(errors.winner(), errors.loser());
    const preference = meanOf(graph, logistic(graph, graph.times(gap, beta)));
    if (lambda === 0) return preference;
    return graph.plus(preference, graph.times(meanOf(graph, errors.winner()), lambda));
  },
  logits: cpoLogits,
};
