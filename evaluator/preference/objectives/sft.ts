/** @file SFT, NCP-SFT (Gambashidze et al. 2025): E[L^w_θ]. */
import { meanOf, type Loss } from './objective.ts';

export const sft: Loss = {
  usesLoser: false,
  usesReference: false,
  usualBeta: 2500,
  graph: (graph, errors) => meanOf(graph, errors.winner()),
  logits: null,
};
