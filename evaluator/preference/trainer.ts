/** @file Arrow: latents and prompt states → adapter, or a pipeline. The loop; what it loops over lies beside it. */
import type { LogRow } from '../../contract/training.ts';
import { unetOf, type PipelineFolder } from '../engine/diffusion/folder.ts';
import type { Device } from '../engine/onnx/device.ts';
import { Batches, type BatchSettings } from './batches.ts';
import type { EncodedPairs } from './encoded-pairs.ts';
import { LossWatch } from './loss-watch.ts';
import { objectiveOf, type FeatureName } from './objectives/objectives.ts';
import { adapterProduct, pipelineProduct } from './product.ts';
import { noiseSchedule } from './reverse-step.ts';
import { claimRunFolder, openLog } from './run-folder.ts';
import { TrainingSession } from './training-session.ts';
import { TrainingState } from './training-state.ts';
import { trainingStep } from './training-step.ts';

export interface TrainingSettings extends BatchSettings {
  /** lora, or none: the whole U-Net is trained. */
  adapter: 'lora' | 'none';
  features: FeatureName;
  rank: number;
  alpha: number;
  /** Layers with an adapter, as PEFT's target_modules; null: attention's projections. */
  targetModules: readonly string[] | null;
  beta: number;
  lambda: number;
  /** μ of Diffusion-SDPO's safeguard, 0 … 1; null: none. */
  safeguard: number | null;
  /** Of each block only what goes in is kept for the gradient; the rest is computed again. */
  gradientCheckpointing: boolean;
  /** Decay of the moving average that is kept and written; null: none, what is written are the last step's weights. */
  ema: number | null;
  learningRate: number;
  /** Steps over which the learning rate grows from 0. */
  warmup: number;
  steps: number;
  optimizer: 'adamw' | 'adamw8bit';
  /** The gradient's largest global norm. */
  clip: number;
  checkpointEvery: number;
  /** Ends the run after so many device seconds, if the steps did not before: runs of equal time are compared. */
  maxSeconds: number | null;
}

export interface TrainingRun {
  folder: PipelineFolder;
  encoded: EncodedPairs;
  settings: TrainingSettings;
  /** What decides the run besides the settings: hashes of the pipeline and the data. */
  identity: Record<string, string>;
  out: string;
  device: Device;
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
  onStep?: ((row: LogRow, steps: number) => void) | undefined;
  /** The folder holds all that the run goes on from; awaited before the next step. */
  onSaved?: ((step: number) => Promise<void>) | undefined;
}
export interface TrainingOutcome {
  step: number;
  deviceSeconds: number;
  stopped: boolean;
  /** The finished adapter; undefined after a stop, or where none is made. */
  adapter: string | undefined;
  /** The finished pipeline's folder; undefined after a stop, or where an adapter is made. */
  pipeline: string | undefined;
}

/**
 * Begins, or continues what is in `out`.
 * @throws BadInput when `out` holds another run; Diverged with the step and what to try
 */
export async function train(run: TrainingRun): Promise<TrainingOutcome> {
  const { settings, encoded, out, identity } = run;
  await claimRunFolder(out, { ...settings, ...identity });
  const { betaStart, betaEnd, trainTimesteps } = run.folder.scheduler;
  const spec = { ...settings, objective: objectiveOf(settings.objective), pairs: settings.batch };
  const schedule = noiseSchedule(betaStart, betaEnd, trainTimesteps);
  const unet = unetOf(run.folder.folder);
  const session = await TrainingSession.create(unet, encoded.shape, spec, schedule, run.device, {
    threads: run.threads,
    isWhole: settings.adapter === 'none',
  });
  try {
    const product =
      settings.adapter === 'none'
        ? pipelineProduct(out, run.folder.folder)
        : adapterProduct(out, session.training, settings);
    const state = await TrainingState.open(out, session.training, settings, await product.untrained());
    const log = await openLog(out, state.step);
    try {
      const parts = { settings, session, state, watch: new LossWatch(settings) };
      const batches = new Batches(encoded, settings, trainTimesteps);
      const finished = () =>
        state.step >= settings.steps || (settings.maxSeconds !== null && state.deviceSeconds >= settings.maxSeconds);
      while (!finished() && run.signal?.aborted !== true) {
        const row = await trainingStep({ ...parts, batches });
        parts.watch.check(row.step, row.loss);
        await log.write(`${JSON.stringify(row)}\n`);
        run.onStep?.(row, settings.steps);
        if (state.step % settings.checkpointEvery === 0 || finished()) {
          // The checkpoint first: without the state it is made again, the same; a state that is past it would leave it out.
          await product.writeCheckpoint(state.step, state.result);
          await state.save();
          await run.onSaved?.(state.step);
        }
      }
      const { step, deviceSeconds } = state;
      if (!finished()) {
        await state.save();
        return { step, deviceSeconds, stopped: true, adapter: undefined, pipeline: undefined };
      }
      const made = await product.writeResult(state.result);
      const [adapter, pipeline] = settings.adapter === 'none' ? [undefined, made] : [made, undefined];
      return { step, deviceSeconds, stopped: false, adapter, pipeline };
    } finally {
      await log.close();
    }
  } finally {
    await session.release();
  }
}
