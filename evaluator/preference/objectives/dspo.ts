/**
 * @file DSPO (Zhu et al. 2025, ICLR, openreview xyfb9HHvMe), the form that its authors train Stable Diffusion 1.5 with, and NCP-DSPO
 * on features: the winner's error, with what a reward of preferences would still add to the score taken from it.
 *
 *   E‖(ε_θ − ε) − c (ε_θ − ε_ref)‖²,   c = 2β (1 − σ(β·logits)),   logits as DPO's
 *
 * Written out in means over (C, H, W), with D = ‖ε_θ − ε_ref‖²: (1 − c) L^w_θ + c L^w_ref + (c² − c) D. The gradient flows through c
 * too. Their β carries a ½ within the logistic and none outside; half of it is ours, so that it has DPO's size. Above c = 1 the
 * winner's own error counts negatively: β is small, 0.0005 to 0.025 in their search.
 */
import { dpoLogits, negatedDpoLogits } from './dpo.ts';
import { meanOf, type Loss } from './objective.ts';

export const dspo: Loss = {
  usesLoser: true,
  usesReference: true,
  usesShift: true,
  usualBeta: 5e-4,
  graph(graph, errors, { beta }) {
    const doubt = graph.unary('Sigmoid', graph.times(negatedDpoLogits(graph, errors), beta)); // 1 − σ(β·logits)
    const c = graph.times(doubt, 2 * beta);
    const own = graph.minus(errors.winner(), graph.times(c, graph.minus(errors.winner(), errors.referenceWinner())));
    return meanOf(graph, graph.plus(own, graph.times(graph.minus(graph.square(c), c), errors.winnerShift())));
  },
  logits: dpoLogits,
};
