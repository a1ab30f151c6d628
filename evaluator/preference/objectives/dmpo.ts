/**
 * @file DMPO (Li et al. 2025, arXiv:2507.07510): the reverse divergence KL(p ‖ q) of the model's preference p = σ(β·logits), on
 * DPO's logits, from a nearly certain one, q = 1 − α; and NCP-DMPO on those of NCP-DPO.
 *
 *   E[p log(p/q) + (1 − p) log((1 − p)/(1 − q))]
 *
 * Least at β·logits = log((1 − α)/α): it stops where DPO goes on. α = 0.01, 4.6 there, as in the training scripts that Diffusion-SDPO's
 * authors published with their DMPO.
 */
import { dpoLogits, negatedDpoLogits } from './dpo.ts';
import { logistic, meanOf, type Loss } from './objective.ts';

const alpha = 0.01;

export const dmpo: Loss = {
  usesLoser: true,
  usesReference: true,
  usualBeta: 2500,
  graph(graph, errors, { beta }) {
    const negated = graph.times(negatedDpoLogits(graph, errors), beta);
    const scaled = graph.unary('Neg', negated);
    const p = graph.unary('Sigmoid', scaled);
    // log p = log(1 − p) + β·logits, so the sum is log(1 − p) + p·β·logits − p log q − (1 − p) log(1 − q).
    const entropy = graph.minus(graph.times(p, scaled), logistic(graph, scaled));
    const cross = graph.plus(graph.times(p, -Math.log((1 - alpha) / alpha)), graph.scalar(-Math.log(alpha)));
    return meanOf(graph, graph.plus(entropy, cross));
  },
  logits: dpoLogits,
};
