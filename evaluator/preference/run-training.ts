/** @file From a pipeline's folder and a file of preferences to an adapter, or a pipeline: what `visavis train` calls. */
import { createHash } from 'node:crypto';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { BadInput } from '../engine/files/bad-input.ts';
import { families } from '../engine/diffusion/families.ts';
import { checkSize, readPipelineFolder, unetOf } from '../engine/diffusion/folder.ts';
import type { Device } from '../engine/onnx/device.ts';
import { digestOf, hashFile, hashFiles } from '../engine/files/hashes.ts';
import { readModel } from '../engine/onnx/model-file.ts';
import { externalFiles } from '../engine/onnx/subgraph.ts';
import { EncodedPairs } from './encoded-pairs.ts';
import { trainablePairs } from './likes.ts';
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
  const family = families[folder.kind];
  if (family.network !== 'unet')
    throw new BadInput(`${request.pipeline} is ${family.title}, a transformer; visavis trains U-Nets.`);
  if (folder.scheduler.predictionType !== 'epsilon') {
    throw new BadInput(
      `${request.pipeline} predicts ${folder.scheduler.predictionType}; the objectives here are for pipelines that predict the noise.`,
    );
  }
  if (folder.scheduler.betaSchedule !== 'scaled_linear')
    throw new BadInput(
      `${request.pipeline} has a ${folder.scheduler.betaSchedule} schedule; training knows scaled_linear.`,
    );
  const place = relative(resolve(request.pipeline), resolve(request.out));
  if (!place.startsWith('..') && !isAbsolute(place))
    throw new BadInput(`--out ${request.out} lies in the pipeline's folder; a run needs one of its own.`);
  const { width = folder.defaults.width, height = folder.defaults.height } = request;
  checkSize('width', width, folder);
  checkSize('height', height, folder);
  const source = await openPreferences(request.preferences);
  const pairs = trainablePairs(source.rows, request.settings);
  const encoded = await EncodedPairs.create({ ...request, folder, source, pairs, width, height });
  try {
    const file = unetOf(folder.folder);
    const unet = await hashFile(file);
    const beside = await hashFiles(dirname(file), externalFiles(await readModel(file)));
    const data = createHash('sha256');
    for (const { caption, loserCaption, winner, loser } of encoded.pairs)
      data.update(`${caption}\0${winner}\0${loser}${loserCaption === undefined ? '' : `\0${loserCaption}`}\n`);
    const identity = {
      unetSha256: unet.sha256,
      // An export with its weights beside it may be the same file for all of them.
      ...(beside.length === 0 ? {} : { unetDataSha256: digestOf(beside) }),
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
