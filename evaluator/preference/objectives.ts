/**
 * @file The objectives. Numbers are the equations of Gambashidze et al. (2025), arXiv:2406.17636.
 *
 * Here            In the paper
 * winner, loser   L^w, L^l with pixel errors; PL^w, PL^l with perceptual ones: per-sample means over (C, H, W)
 * beta            β, with T and the dimension folded in (2500 here equals Diffusion-DPO's 5000, which carries a ½)
 * lambda          λ, the weight of CPO's second term
 */
import type { Graph } from '../engine/autodiff/graph.ts';

export const objectiveNames = ['sft', 'dpo', 'cpo', 'ncp-sft', 'ncp-dpo', 'ncp-cpo'] as const;
export type ObjectiveName = (typeof objectiveNames)[number];
export const featureNames = ['down', 'mid', 'multi'] as const;
export type FeatureName = (typeof featureNames)[number];

export interface Objective {
  loss: 'sft' | 'dpo' | 'cpo';
  /** Errors between features of the frozen encoder (13) instead of between noises (3). */
  perceptual: boolean;
  usesLoser: boolean;
  usesReference: boolean;
  /** t is drawn from firstTimestep … 999: a perceptual error needs the step before. */
  firstTimestep: 0 | 1;
}

export function objectiveOf(name: ObjectiveName): Objective {
  const loss = name.replace('ncp-', '') as Objective['loss'];
  const perceptual = name.startsWith('ncp-');
  return {
    loss,
    perceptual,
    usesLoser: loss !== 'sft',
    usesReference: loss === 'dpo',
    firstTimestep: perceptual ? 1 : 0,
  };
}

/** Per-sample errors, each [pairs]. */
export interface Errors {
  modelWinner: Float64Array;
  modelLoser: Float64Array;
  referenceWinner: Float64Array;
  referenceLoser: Float64Array;
}

/** Eq. 8, 18: (L^w_ref − L^l_ref) − (L^w_θ − L^l_θ). Above 0 where the model prefers the winner more than the reference. */
export function dpoLogits({ modelWinner, modelLoser, referenceWinner, referenceLoser }: Errors): Float64Array {
  return modelWinner.map((error, i) => referenceWinner[i]! - referenceLoser[i]! - (error - modelLoser[i]!));
}

/** Eq. 11, 19, first term: −(L^w_θ − L^l_θ). */
export function cpoLogits({ modelWinner, modelLoser }: Pick<Errors, 'modelWinner' | 'modelLoser'>): Float64Array {
  return modelWinner.map((error, i) => modelLoser[i]! - error);
}

/** −log σ(βx), without overflow. */
export function logisticLoss(logits: Float64Array, beta: number): number {
  return logits.reduce((sum, x) => sum + softplus(-beta * x), 0) / logits.length;
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/**
 * The same losses as a graph. @param errors [samples], winners first; the reference's where the objective reads it
 * @returns a value of shape [1]
 */
export function lossGraph(
  graph: Graph,
  { loss }: Objective,
  errors: { model: string; reference?: string | undefined },
  { pairs, beta, lambda }: { pairs: number; beta: number; lambda: number },
): string {
  const winner = (value: string) => graph.slice(value, 0, 0, pairs);
  const loser = (value: string) => graph.slice(value, 0, pairs, 2 * pairs);
  const mean = (value: string) => graph.reduce('ReduceMean', value, [0]);
  // SFT, NCP-SFT: E[L^w_θ]
  const supervised = () => mean(winner(errors.model));
  if (loss === 'sft') return supervised();
  const gap = graph.minus(winner(errors.model), loser(errors.model));
  const margin =
    loss === 'cpo' ? gap : graph.minus(gap, graph.minus(winner(errors.reference!), loser(errors.reference!)));
  // −log σ(−β·margin) = softplus(β·margin)
  const preference = mean(graph.unary('Softplus', graph.times(margin, beta)));
  return loss === 'cpo' && lambda !== 0 ? graph.plus(preference, graph.times(supervised(), lambda)) : preference;
}
