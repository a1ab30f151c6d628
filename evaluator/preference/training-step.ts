/** @file One optimiser step: the batches' gradients averaged, clipped, and applied. */
import type { LogRow } from '../../contract/training.ts';
import { adamWDefaults, globalNorm } from './adamw.ts';
import type { Batches } from './batches.ts';
import type { LossWatch } from './loss-watch.ts';
import { lossOf, objectiveOf } from './objectives/objectives.ts';
import type { TrainingSettings } from './trainer.ts';
import type { StepResult, TrainingSession } from './training-session.ts';
import type { TrainingState } from './training-state.ts';

export type StepSettings = Pick<
  TrainingSettings,
  'objective' | 'batch' | 'accumulate' | 'beta' | 'clip' | 'learningRate' | 'warmup'
>;
export interface StepParts {
  settings: StepSettings;
  batches: Pick<Batches, 'at'>;
  session: Pick<TrainingSession, 'run'>;
  state: Pick<TrainingState, 'step' | 'deviceSeconds' | 'parameters' | 'optimizer' | 'average'>;
  watch: LossWatch;
}

/** @throws Diverged when the loss or its gradient is no number */
export async function trainingStep({ settings, batches, session, state, watch }: StepParts): Promise<LogRow> {
  const started = performance.now();
  const { accumulate, clip } = settings;
  const gradients = state.parameters.map(({ length }) => new Float32Array(length)); // in the graph's order
  let [loss, device] = [0, 0];
  const logits: number[] = []; // [accumulate · batch]
  for (let part = 0; part < accumulate; part++) {
    const batch = batches.at(state.step, part);
    const runStarted = performance.now();
    const result = await session.run(batch, state.parameters);
    device += (performance.now() - runStarted) / 1000;
    loss += result.loss / accumulate;
    // Single images of two captions are not ordered.
    if (batch.loserConditions === undefined) logits.push(...logitsOf(settings, result));
    result.gradients.forEach((gradient, p) => {
      const sum = gradients[p]!;
      for (let i = 0; i < gradient.length; i++) sum[i]! += gradient[i]! / accumulate;
    });
  }
  const norm = globalNorm(gradients);
  watch.checkFinite(state.step + 1, loss, norm);
  if (norm > clip)
    for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) gradient[i]! *= clip / norm;
  // A line from learningRate / warmup up to the whole.
  const learningRate = settings.learningRate * Math.min(1, (state.step + 1) / Math.max(1, settings.warmup));
  state.optimizer.update(state.parameters, gradients, { learningRate, ...adamWDefaults });
  state.step += 1;
  state.average?.update(state.parameters, state.step);
  state.deviceSeconds += device;
  const compared = logits.length > 0;
  return {
    step: state.step,
    loss,
    implicitAccuracy: compared ? logits.filter((x) => x > 0).length / logits.length : null,
    margin: compared ? (settings.beta * logits.reduce((total, x) => total + x, 0)) / logits.length : null,
    gradientNorm: norm,
    learningRate,
    seconds: (performance.now() - started) / 1000,
    deviceSeconds: state.deviceSeconds,
  };
}

/** [batch]; empty for SFT, which compares nothing. */
function logitsOf(
  { objective, batch }: StepSettings,
  { modelErrors, referenceErrors }: Pick<StepResult, 'modelErrors' | 'referenceErrors'>,
): Float64Array | [] {
  const { logits } = lossOf(objectiveOf(objective));
  if (logits === null) return [];
  // [2 · batch], winners first, to one side's [batch]; the reference's are there where the loss reads them
  const half = (errors: Float32Array | undefined, side: 0 | 1) =>
    Float64Array.from(errors?.subarray(side * batch, (side + 1) * batch) ?? []);
  return logits({
    modelWinner: half(modelErrors, 0),
    modelLoser: half(modelErrors, 1),
    referenceWinner: half(referenceErrors, 0),
    referenceLoser: half(referenceErrors, 1),
  });
}
