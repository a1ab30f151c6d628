/**
 * @file What each objective is made of.
 *
 * Here            In the papers
 * winner, loser   L^w, L^l with pixel errors; PL^w, PL^l with perceptual ones: per-sample means over (C, H, W)
 * beta            β, with T and the dimension folded in (2500 here equals Diffusion-DPO's 5000, which carries a ½)
 */
import type { Graph } from '../../engine/autodiff/graph.ts';

/** Per-sample errors, each [pairs]; the reference's are read by those that use it. */
export interface Errors {
  modelWinner: Float64Array;
  modelLoser: Float64Array;
  referenceWinner: Float64Array;
  referenceLoser: Float64Array;
}

/** The same in a graph: each call is a value of shape [pairs]. */
export interface GraphErrors {
  winner(): string;
  loser(): string;
  referenceWinner(): string;
  referenceLoser(): string;
  /** ‖ε_θ − ε_ref‖² of the winner (of perceptual errors: between their features), for those that use it. */
  winnerShift(): string;
}

export interface Loss {
  usesLoser: boolean;
  usesReference: boolean;
  usesShift?: boolean;
  /** Takes images that were liked or not, each by itself. */
  takesSingle?: boolean;
  /** β where none is asked for; null: it has to be. */
  usualBeta: number | null;
  /** A value of shape [1]. @param lambda weight of CPO's second term */
  graph(graph: Graph, errors: GraphErrors, settings: { beta: number; lambda: number }): string;
  /** [pairs], above 0 where the model orders a pair as people did; null where nothing is compared. */
  logits: ((errors: Errors) => Float64Array) | null;
}

/** The mean over the pairs, [1]. */
export const meanOf = (graph: Graph, value: string) => graph.reduce('ReduceMean', value, [0]);

/** −log σ(x) of each: softplus(−x). @param negated −x */
export const logistic = (graph: Graph, negated: string) => graph.unary('Softplus', negated);
