/**
 * @file Arrow, by several machines: rewards → prescreen result. A slice renders and scores its prompts with every model, and the last one
 * to end has the result read.
 */
import { z } from 'zod';
import type { Database } from '../../db/open.ts';
import { secondsPerItem } from '../../db/queries/jobs.ts';
import { listPrompts } from '../../db/queries/prompts.ts';
import type { PrescreenResult } from '../../contract/prescreen.ts';
import type { ObjectStore } from '../engine/store/object-store.ts';
import { addCheckpoints } from '../models/checkpoints.ts';
import { bytesOf, shareModel, shareNetwork, totalBytes } from '../models/networks.ts';
import type { ModelSettings } from '../models/settings.ts';
import { isHttp, type NetworkSettings, type RewardSettings } from '../rewards/add.ts';
import { parseGate } from '../screens/gates.ts';
import { runPrescreen, PrescreenStopped } from '../screens/prescreen.ts';
import { requireScreenNames } from '../screens/result.ts';
import { partSchema, type JobPlan, type Machine, type SliceRun } from './job.ts';
import { runRenderSlice } from './render-job.ts';
import { runScoreSlice } from './score-job.ts';
import { sliceSize, slicesOf } from './slicing.ts';

export const prescreenJobSchema = z.strictObject({
  prompts: z.string(),
  baseline: z.string(),
  candidates: z.array(z.string()),
  rewards: z.array(z.string()),
  require: z.array(z.string()),
  seed: z.int(),
  batch: z.int(),
});
export type PrescreenJob = z.infer<typeof prescreenJobSchema>;

/** @param checkpoints folders of training runs, whose checkpoints join the candidates @throws BadInput before anything is in the queue */
export async function planPrescreen(
  db: Database,
  store: ObjectStore | undefined,
  asked: PrescreenJob,
  checkpoints: readonly string[],
): Promise<JobPlan<PrescreenJob>> {
  for (const text of asked.require) parseGate(text, asked.rewards);
  const candidates = [...asked.candidates];
  for (const folder of checkpoints)
    candidates.push(...(await addCheckpoints(db, { folder, baseline: asked.baseline })));
  const request = { ...asked, candidates };
  const { promptSet, baseline, candidates: models, rewards } = await requireScreenNames(db, request);
  const all = [baseline, ...models];
  const pipelines = all.filter(({ kind }) => kind !== 'imported').map(({ settings }) => settings as ModelSettings);
  const networks = rewards
    .map(({ settings }) => settings as RewardSettings)
    .filter((settings): settings is NetworkSettings => !isHttp(settings));
  if (store !== undefined) {
    for (const settings of pipelines) await shareModel(store, settings);
    for (const settings of networks) await shareNetwork(store, settings);
  }
  const positions = (await listPrompts(db, promptSet.id)).map(({ position }) => position);
  const rateKey = `prescreen ${all.map(({ id }) => id).join()}`;
  const size = sliceSize(positions.length, await secondsPerItem(db, rateKey));
  return {
    title: `prescreen ${models.map(({ name }) => name).join(', ')} against ${request.baseline} on ${request.prompts}`,
    request,
    rateKey,
    memoryBytes: Math.max(0, ...pipelines.map(bytesOf), ...networks.map(({ files }) => totalBytes(files))),
    slices: slicesOf(positions, size).map((some) => ({ items: some.length, part: { positions: some } })),
    skipped: 0,
  };
}

/** @returns nothing to tell, for the last one reads everything; undefined after the signal */
export async function runPrescreenSlice(
  machine: Machine,
  request: PrescreenJob,
  part: unknown,
  run: SliceRun,
): Promise<object | undefined> {
  const { prompts, rewards, seed, batch } = request;
  const { positions } = partSchema.parse(part);
  const { baseline, candidates } = await requireScreenNames(machine.db, request);
  const models = [baseline, ...candidates];
  const steps = models.length * (1 + rewards.length);
  let step = 0;
  const quiet: SliceRun = { ...run, report: () => undefined };
  const next = () => run.report(Math.floor((positions.length * ++step) / steps));
  for (const { name, kind } of models) {
    const request = { prompts, model: name, seed, limit: null, batch };
    if (kind !== 'imported' && (await runRenderSlice(machine, request, part, quiet)) === undefined) return undefined;
    next();
  }
  for (const reward of rewards)
    for (const { name } of models) {
      const request = { prompts, model: name, reward, batch: null };
      if ((await runScoreSlice(machine, request, part, quiet)) === undefined) return undefined;
      next();
    }
  return run.signal.aborted ? undefined : {};
}

/** Everything is there, or has failed and is told: it is read. @returns undefined after the signal */
export async function finishPrescreen(
  { db, images, dataFolder, device, networks }: Machine,
  request: PrescreenJob,
  signal: AbortSignal,
): Promise<PrescreenResult | undefined> {
  try {
    return await runPrescreen(db, images, { ...request, devices: [device], dataFolder, networks, signal });
  } catch (error) {
    if (error instanceof PrescreenStopped) return undefined;
    throw error;
  }
}
