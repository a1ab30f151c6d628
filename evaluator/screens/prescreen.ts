/**
 * @file Drives the arrows of a pre-screening one after the other: checkpoints become models, what is missing is rendered,
 * what is missing is scored, then the result is read from the scores. Each asks the database for itself; stop it anywhere and repeat it.
 */
import type { Prescreen, PrescreenResult } from '../../contract/prescreen.ts';
import type { Database } from '../../db/open.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import type { ImageStore } from '../engine/images/store.ts';
import type { Device } from '../engine/onnx/device.ts';
import { parseGate } from './gates.ts';
import { addCheckpoints } from '../models/checkpoints.ts';
import type { Networks } from '../models/networks.ts';
import { readResult, requireScreenNames, type ScreenRequest } from './result.ts';
import { renderPromptSet } from '../renders/render.ts';
import { scoreRenders } from '../rewards/score.ts';

export interface PrescreenRun extends ScreenRequest {
  /** Folders of training runs, whose checkpoints join the candidates. */
  checkpoints?: readonly string[];
  devices: readonly Device[];
  batch?: number | undefined;
  /** Fetches files of models and rewards that this machine has not. */
  networks?: Networks | undefined;
  dataFolder: string;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: PrescreenProgress) => void) | undefined;
}
/** Its task is "render MODEL" or "score MODEL with REWARD". */
type PrescreenProgress = NonNullable<Prescreen['progress']>;

/** Ended by the signal; what is finished is kept. */
export class PrescreenStopped extends Error {
  override name = 'PrescreenStopped';
}

/** @throws BadInput before anything is rendered when the request cannot be; PrescreenStopped after the signal */
export async function runPrescreen(db: Database, images: ImageStore, run: PrescreenRun): Promise<PrescreenResult> {
  for (const text of run.require ?? []) parseGate(text, run.rewards);
  const candidates = [...run.candidates];
  for (const folder of run.checkpoints ?? [])
    candidates.push(...(await addCheckpoints(db, { folder, baseline: run.baseline })));
  const request = { ...run, candidates };
  const names = await requireScreenNames(db, request);
  const problems: string[] = [];
  const { prompts, seed = 0, dataFolder, signal, onProgress } = run;
  const stopIfAsked = (stopped: boolean) => {
    if (stopped || signal?.aborted === true) throw new PrescreenStopped('Stopped; what is finished is kept.');
  };
  for (const { name, kind } of [names.baseline, ...names.candidates]) {
    if (kind === 'imported') continue;
    const summary = await renderPromptSet(db, images, {
      prompts,
      model: name,
      seed,
      devices: run.devices,
      batch: run.batch ?? 1,
      networks: run.networks,
      signal,
      onProgress: ({ done, failed, total }) => onProgress?.({ task: `render ${name}`, done: done + failed, total }),
    });
    for (const { prompt, message } of summary.failed) problems.push(`${name}, ${JSON.stringify(prompt)}: ${message}`);
    stopIfAsked(summary.stopped);
  }
  for (const reward of names.rewards) {
    for (const { name } of [names.baseline, ...names.candidates]) {
      const summary = await scoreRenders(db, images, {
        prompts,
        model: name,
        reward: reward.name,
        dataFolder,
        device: run.devices[0]!,
        networks: run.networks,
        signal,
        onProgress: (progress) => onProgress?.({ task: `score ${name} with ${reward.name}`, ...progress }),
      });
      for (const { prompt, message } of summary.failed) problems.push(`${name}, ${JSON.stringify(prompt)}: ${message}`);
      stopIfAsked(summary.stopped);
    }
  }
  const result = await readResult(db, request);
  const empty = result.rewards.flatMap(({ candidates: rows }) => rows).find(({ winRate }) => winRate.n === 0);
  if (empty !== undefined) {
    throw new BadInput(
      `"${empty.model}" and "${run.baseline}" have no prompt of "${prompts}" in common with seed ${seed}; there is nothing to compare.`,
    );
  }
  return { ...result, problems };
}
