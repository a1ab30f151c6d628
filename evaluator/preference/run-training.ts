/** @file From a pipeline's folder and a file of preferences to an adapter: what `visavis train` calls. */
import { createHash } from 'node:crypto';
import { BadInput } from '../engine/files/bad-input.ts';
import { checkSize, readPipelineFolder, unetOf } from '../engine/diffusion/folder.ts';
import type { Device } from '../engine/onnx/device.ts';
import { hashFile } from '../engine/files/hashes.ts';
import { EncodedPairs } from './encoded-pairs.ts';
import { decidedPairs } from './filter.ts';
import { openPreferences, type PreferenceSource } from './preference-rows.ts';
import type { LogRow } from '../../contract/training.ts';
import { train, type TrainingOutcome, type TrainingSettings } from './trainer.ts';

export interface TrainingRequest {
  pipeline: string;
  preferences: string;
  out: string;
  settings: TrainingSettings;
  width?: number | undefined;
  height?: number | undefined;
  cacheFolder: string;
  device: Device;
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: { task: string; done: number; total: number }) => void) | undefined;
  onStep?: ((row: LogRow, steps: number) => void) | undefined;
  /** As the trainer's. */
  onSaved?: ((step: number) => Promise<void>) | undefined;
}

/** @throws BadInput when a part is missing, the data holds no pair, or `out` holds another run */
export async function runTraining(
  request: TrainingRequest,
): Promise<TrainingOutcome & { pairs: number; skipped: PreferenceSource['skipped'] }> {
  const folder = await readPipelineFolder(request.pipeline);
  if (folder.scheduler.predictionType !== 'epsilon') {
    throw new BadInput(
      `${request.pipeline} predicts ${folder.scheduler.predictionType}; the objectives here are for pipelines that predict the noise.`,
    );
  }
  if (folder.scheduler.betaSchedule !== 'scaled_linear')
    throw new BadInput(
      `${request.pipeline} has a ${folder.scheduler.betaSchedule} schedule; training knows scaled_linear.`,
    );
  const { width = folder.defaults.width, height = folder.defaults.height } = request;
  checkSize('width', width, folder.vaeFactor);
  checkSize('height', height, folder.vaeFactor);
  const source = await openPreferences(request.preferences);
  const pairs = decidedPairs(source.rows);
  const encoded = await EncodedPairs.create({ ...request, folder, source, pairs, width, height });
  try {
    const unet = await hashFile(unetOf(folder.folder));
    const data = createHash('sha256');
    for (const { caption, winner, loser } of encoded.pairs) data.update(`${caption}\0${winner}\0${loser}\n`);
    const identity = {
      unetSha256: unet.sha256,
      pairsSha256: data.digest('hex'),
      width: String(width),
      height: String(height),
    };
    const outcome = await train({ ...request, folder, encoded, identity });
    return { ...outcome, pairs: encoded.pairs.length, skipped: source.skipped };
  } finally {
    encoded.close();
  }
}
