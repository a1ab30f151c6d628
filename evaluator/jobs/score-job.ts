/** @file Arrow, by several machines: renders → rewards. */
import { z } from 'zod';
import type { Database } from '../../db/open.ts';
import { secondsPerItem } from '../../db/queries/jobs.ts';
import { listRenders } from '../../db/queries/renders.ts';
import { rendersWithoutScore } from '../../db/queries/rewards.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import type { ObjectStore } from '../engine/store/object-store.ts';
import { shareNetwork, totalBytes } from '../models/networks.ts';
import { isHttp, type RewardSettings } from '../rewards/add.ts';
import { noRenders, requireScoreNames, scoreRenders } from '../rewards/score.ts';
import { partSchema, type JobPlan, type Machine, type SliceResult, type SliceRun } from './job.ts';
import { sliceSize, slicesOf } from './slicing.ts';

export const scoreJobSchema = z.strictObject({
  prompts: z.string(),
  model: z.string(),
  reward: z.string(),
  batch: z.int().nullable(),
});
export type ScoreJob = z.infer<typeof scoreJobSchema>;

/** @throws BadInput as scoring does, before anything is in the queue */
export async function planScore(
  db: Database,
  store: ObjectStore | undefined,
  request: ScoreJob,
): Promise<JobPlan<ScoreJob>> {
  const { promptSet, model, reward } = await requireScoreNames(db, request);
  const which = { promptSetId: promptSet.id, modelId: model.id, reward };
  const missing = new Set((await rendersWithoutScore(db, which)).map(({ id }) => id));
  const renders = await listRenders(db, which);
  if (renders.length === 0) throw new BadInput(noRenders(request));
  const left = renders.filter(({ id }) => missing.has(id));
  const settings = reward.settings as RewardSettings;
  if (store !== undefined && left.length > 0 && !isHttp(settings)) await shareNetwork(store, settings);
  const rateKey = `score ${reward.id}`;
  const size = sliceSize(left.length, await secondsPerItem(db, rateKey));
  const positions = [...new Set(left.map(({ position }) => position))];
  const seeds = new Map<number, number>();
  for (const { position } of left) seeds.set(position, (seeds.get(position) ?? 0) + 1);
  const seedsAt = (some: readonly number[]) => some.reduce((sum, position) => sum + seeds.get(position)!, 0);
  return {
    title: `score ${request.prompts} by ${request.model} with ${request.reward}`,
    request,
    rateKey,
    memoryBytes: isHttp(settings) ? 0 : totalBytes(settings.files),
    slices: slicesOf(positions, size).map((some) => ({ items: seedsAt(some), part: { positions: some } })),
    skipped: renders.length - left.length,
  };
}

export async function runScoreSlice(
  { db, images, device, dataFolder, networks }: Machine,
  request: ScoreJob,
  part: unknown,
  { signal, report }: SliceRun,
): Promise<SliceResult | undefined> {
  const { positions } = partSchema.parse(part);
  const summary = await scoreRenders(db, images, {
    ...request,
    batch: request.batch ?? undefined,
    positions: new Set(positions),
    dataFolder,
    device,
    networks,
    signal,
    onProgress: ({ done }) => report(done),
  });
  return summary.stopped ? undefined : { failed: summary.failed };
}
