/** @file Arrow, by several machines: prompt set → renders. */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import type { Database } from '../../db/open.ts';
import { secondsPerItem } from '../../db/queries/jobs.ts';
import type { ObjectStore } from '../engine/store/object-store.ts';
import { bytesOf, shareModel } from '../models/networks.ts';
import type { ModelSettings } from '../models/settings.ts';
import type { Prompt } from '../../db/queries/prompts.ts';
import { cutNotes, findMissing, renderPromptSet, requireNames } from '../renders/render.ts';
import { partSchema, type JobPlan, type Machine, type SliceResult, type SliceRun } from './job.ts';
import { sliceSize, slicesOf } from './slicing.ts';

export const renderJobSchema = z.strictObject({
  prompts: z.string(),
  model: z.string(),
  seed: z.int(),
  limit: z.int().nullable(),
  batch: z.int(),
});
export type RenderJob = z.infer<typeof renderJobSchema>;

/** @throws BadInput as rendering does, before anything is in the queue */
export async function planRender(
  db: Database,
  store: ObjectStore | undefined,
  request: RenderJob,
): Promise<JobPlan<RenderJob>> {
  const { promptSet, model } = await requireNames(db, request);
  const { queue, skipped } = await findMissing(db, promptSet, model, { ...request, limit: request.limit ?? undefined });
  if (store !== undefined && queue.length > 0) await shareModel(store, model.settings as ModelSettings);
  const rateKey = `render ${model.id}`;
  const size = sliceSize(queue.length, await secondsPerItem(db, rateKey));
  const positions = queue.map(({ position }) => position);
  return {
    title: `render ${request.prompts} with ${request.model}`,
    request,
    rateKey,
    memoryBytes: bytesOf(model.settings as ModelSettings),
    slices: slicesOf(positions, size).map((some) => ({ items: some.length, part: { positions: some } })),
    skipped,
    notes: await notesOn(model.settings as ModelSettings, queue),
  };
}

/** What is cut is said to whoever submits: workers have nobody to tell. */
async function notesOn(settings: ModelSettings, queue: readonly Prompt[]): Promise<string[]> {
  if (queue.length === 0) return [];
  if (!existsSync(settings.pipeline))
    return [`${settings.pipeline} is not on this machine: whether prompts are cut is not known here.`];
  return cutNotes(settings, queue);
}

export async function runRenderSlice(
  machine: Machine,
  request: RenderJob,
  part: unknown,
  { signal, report }: SliceRun,
): Promise<SliceResult | undefined> {
  const { positions } = partSchema.parse(part);
  const { db, images, device, networks, renderers } = machine;
  const summary = await renderPromptSet(db, images, {
    ...request,
    limit: undefined,
    positions: new Set(positions),
    devices: [device],
    networks,
    renderers,
    signal,
    onProgress: ({ done, failed, total }) => report(positions.length - total + done + failed),
  });
  return summary.stopped ? undefined : { failed: summary.failed };
}
