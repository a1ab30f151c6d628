/** @file Diffusion-DPO (Wallace et al. 2023, arXiv:2311.12908) and NCP-DPO: eq. 8 and 18 of Gambashidze et al. (2025). */
import type { Graph } from '../../engine/autodiff/graph.ts';
import { logistic, meanOf, type Errors, type GraphErrors, type Loss } from './objective.ts';

/** (L^w_ref − L^l_ref) − (L^w_θ − L^l_θ). Above 0 where the model prefers the winner more than the reference does. */
export function dpoLogits({ modelWinner, modelLoser, referenceWinner, referenceLoser }: Errors): Float64Array {
  return modelWinner.map((error, i) => referenceWinner[i]! - referenceLoser[i]! - (error - modelLoser[i]!));
}

/** The same with the other sign, [pairs]. */
export function negatedDpoLogits(graph: Graph, errors: GraphErrors): string {
  const gap = graph.minus(errors.winner(), errors.loser());
  return graph.minus(gap, graph.minus(errors.referenceWinner(), errors.referenceLoser()));
}

/** −E log σ(β·logits) */
export const dpo: Loss = {
  usesLoser: true,
  usesReference: true,
  usualBeta: 2500,
  graph: (graph, errors, { beta }) =>
    meanOf(graph, logistic(graph, graph.times(negatedDpoLogits(graph, errors), beta))),
  logits: dpoLogits,
};
