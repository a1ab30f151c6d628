/** @file The objectives by name: a loss, on errors of the noise or, as ncp-…, on errors between features of the frozen encoder. */
import type { Graph } from '../../engine/autodiff/graph.ts';
import { cpo } from './cpo.ts';
import { dmpo } from './dmpo.ts';
import { dpo } from './dpo.ts';
import { dspo } from './dspo.ts';
import { ipo } from './ipo.ts';
import { kto } from './kto.ts';
import { mapo } from './mapo.ts';
import type { Loss } from './objective.ts';
import { scaledGradient } from './safeguard.ts';
import { sft } from './sft.ts';

const losses = { sft, dpo, cpo, ipo, mapo, dmpo, kto, dspo } satisfies Record<string, Loss>;
export type LossName = keyof typeof losses;
export const lossNames = Object.keys(losses) as LossName[];

export const objectiveNames = [
  'sft',
  'dpo',
  'cpo',
  'ipo',
  'mapo',
  'dmpo',
  'kto',
  'dspo',
  'ncp-sft',
  'ncp-dpo',
  'ncp-cpo',
  'ncp-ipo',
  'ncp-dmpo',
  'ncp-kto',
  'ncp-dspo',
] as const satisfies readonly (LossName | `ncp-${LossName}`)[];
export type ObjectiveName = (typeof objectiveNames)[number];
export const featureNames = ['down', 'mid', 'multi'] as const;
export type FeatureName = (typeof featureNames)[number];

export interface Objective {
  loss: LossName;
  /** Errors between features of the frozen encoder (13) instead of between noises (3). */
  perceptual: boolean;
  usesLoser: boolean;
  usesReference: boolean;
  /** t is drawn from firstTimestep … 999: a perceptual error needs the step before. */
  firstTimestep: 0 | 1;
}

export function objectiveOf(name: ObjectiveName): Objective {
  const loss = name.replace('ncp-', '') as LossName;
  const perceptual = name.startsWith('ncp-');
  const { usesLoser, usesReference } = losses[loss];
  return { loss, perceptual, usesLoser, usesReference, firstTimestep: perceptual ? 1 : 0 };
}

export const lossOf = ({ loss }: Pick<Objective, 'loss'>): Loss => losses[loss];

/**
 * The loss as a graph. @param errors [samples], winners first; the reference's where the objective reads it; how far the predictions
 * are from the reference's, where it reads that; what the losers' gradient is multiplied by (safeguard.ts), a number, where something is
 * @returns a value of shape [1]
 */
export function lossGraph(
  graph: Graph,
  objective: Pick<Objective, 'loss'>,
  errors: {
    model: string;
    reference?: string | undefined;
    shift?: string | undefined;
    loserScale?: string | undefined;
  },
  { pairs, beta, lambda }: { pairs: number; beta: number; lambda: number },
): string {
  const winner = (value: string) => graph.slice(value, 0, 0, pairs);
  const loser = (value: string) => graph.slice(value, 0, pairs, 2 * pairs);
  return lossOf(objective).graph(
    graph,
    {
      winner: () => winner(errors.model),
      loser: () =>
        errors.loserScale === undefined
          ? loser(errors.model)
          : scaledGradient(graph, loser(errors.model), errors.loserScale),
      referenceWinner: () => winner(errors.reference!),
      referenceLoser: () => loser(errors.reference!),
      winnerShift: () => winner(errors.shift!),
    },
    { beta, lambda },
  );
}
