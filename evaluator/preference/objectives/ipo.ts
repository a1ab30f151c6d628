/**
 * @file IPO (Azar et al. 2023, arXiv:2310.12036, eq. 17) on the log ratios of Diffusion-DPO, and NCP-IPO on those of NCP-DPO.
 *
 * The paper's loss is E(h − 1/(2τ))², h the difference of log ratios. In Diffusion-DPO's bound τh is β·logits, so that τ² times it is
 * E(β·logits − ½)². Decision: this is what is minimised. The minimum is the same, and AdamW's ε and the clipping see gradients of
 * DPO's size; τ² alone would be lost in them. It stops where DPO goes on: at β·logits = ½.
 */
import { dpoLogits, negatedDpoLogits } from './dpo.ts';
import { meanOf, type Loss } from './objective.ts';

export const ipo: Loss = {
  usesLoser: true,
  usesReference: true,
  usualBeta: 2500,
  graph(graph, errors, { beta }) {
    const negated = graph.times(negatedDpoLogits(graph, errors), beta);
    return meanOf(graph, graph.square(graph.plus(negated, graph.scalar(0.5))));
  },
  logits: dpoLogits,
};
