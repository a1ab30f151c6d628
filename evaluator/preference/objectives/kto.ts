/**
 * @file Diffusion-KTO (Li et al. 2024, arXiv:2404.04465) and, on perceptual errors, NCP-KTO: every image counts for itself, as
 * liked or disliked. Of a pair the winner is a like and the loser a dislike; single images are liked or not (likes.ts).
 *
 *   E[σ(−β(g^w − Q))] + E[σ(β(g^l − Q))], halved,   g = L_ref − L_θ,   Q = max(0, the mean of all g in the batch)
 *
 * That is 1 − U with the logistic utility, both kinds weighed alike; Q is held constant. As in the authors' training code g is a
 * per-sample mean of errors, so β has the size that it has for DPO.
 */
import { dpoLogits } from './dpo.ts';
import { meanOf, type Loss } from './objective.ts';

export const kto: Loss = {
  usesLoser: true,
  usesReference: true,
  takesSingle: true,
  usualBeta: 2500,
  graph(graph, errors, { beta }) {
    const liked = graph.minus(errors.referenceWinner(), errors.winner());
    const disliked = graph.minus(errors.referenceLoser(), errors.loser());
    const mean = graph.times(graph.plus(meanOf(graph, liked), meanOf(graph, disliked)), 0.5);
    const origin = graph.hold(graph.unary('Relu', mean));
    const lost = graph.unary('Sigmoid', graph.times(graph.minus(liked, origin), -beta));
    const won = graph.unary('Sigmoid', graph.times(graph.minus(disliked, origin), beta));
    return graph.times(graph.plus(meanOf(graph, lost), meanOf(graph, won)), 0.5);
  },
  logits: dpoLogits,
};
