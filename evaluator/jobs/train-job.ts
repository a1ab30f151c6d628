/**
 * @file Arrow: preference data → adapter or pipeline, on whatever machine is free. At each checkpoint the run's folder goes into the store: another
 * machine goes on from there, to the same bytes.
 */
import { readdir, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { BadInput } from '../engine/files/bad-input.ts';
import { digestOf, hashFile, hashFiles, type HashedFile } from '../engine/files/hashes.ts';
import type { ObjectStore } from '../engine/store/object-store.ts';
import { fetchFolder, requireInside, shareFiles, totalBytes } from '../models/networks.ts';
import { hashPipeline } from '../models/settings.ts';
import { trainablePairs } from '../preference/likes.ts';
import { openPreferences, type PreferenceSource } from '../preference/preference-rows.ts';
import { runTraining } from '../preference/run-training.ts';
import type { TrainingSettings } from '../preference/trainer.ts';
import type { JobPlan, Machine, SliceRun } from './job.ts';

const filesSchema = z.array(
  z.object({ path: z.string(), size: z.number(), modifiedMs: z.number(), sha256: z.string() }),
);
export const trainJobSchema = z.strictObject({
  /** The run's name, as its folder is called. */
  name: z.string(),
  pipeline: filesSchema,
  preferences: z.object({ path: z.string(), files: filesSchema }),
  settings: z.custom<TrainingSettings>((value) => typeof value === 'object' && value !== null),
  width: z.int().nullable(),
  height: z.int().nullable(),
  threads: z.int().nullable(),
});
export type TrainJob = z.infer<typeof trainJobSchema>;

/** Of a run under way, and of one that is over. */
export const trainResultSchema = z.object({
  /** The run's folder, by the files in it. */
  files: filesSchema,
  step: z.int(),
  deviceSeconds: z.number(),
  pairs: z.int().nullable(),
});
export type TrainResult = z.infer<typeof trainResultSchema>;

/**
 * @param store training's inputs and checkpoints have to be where all workers find them
 * @throws BadInput when a part is missing, or an image lies outside the preferences' folder
 */
export async function planTraining(
  store: ObjectStore,
  asked: { name: string; pipeline: string; preferences: string; settings: TrainingSettings } & Pick<
    TrainJob,
    'width' | 'height' | 'threads'
  >,
): Promise<JobPlan<TrainJob> & { leftOut: PreferenceSource['skipped'] }> {
  const { name, settings, width, height, threads } = asked;
  const pipeline = (await hashPipeline(resolve(asked.pipeline), ['vae_encoder'])).files;
  const unet = pipeline.filter(({ path }) => path.startsWith('unet/'));
  if (!unet.some(({ path }) => path === 'unet/model.onnx'))
    throw new BadInput(`${asked.pipeline} has no unet/model.onnx; train with an exported pipeline (docs/models.md).`);
  const { root, path, names, leftOut } = await filesOfPreferences(resolve(asked.preferences), settings);
  const files: HashedFile[] = [];
  for (const name of names) files.push(await hashFile(join(root, name), name));
  const absolute = (folder: string, list: readonly HashedFile[]) =>
    list.map((file) => ({ ...file, path: join(folder, file.path) }));
  await shareFiles(store, absolute(resolve(asked.pipeline), pipeline));
  await shareFiles(store, absolute(root, files));
  return {
    title: `train ${settings.objective} as ${name}`,
    request: { name, pipeline, preferences: { path, files }, settings, width, height, threads },
    rateKey: `train ${settings.objective} ${digestOf(pipeline)}`,
    // Of a whole U-Net: the weights, their gradients twice, and two moments beside the reference.
    memoryBytes: totalBytes(pipeline) + (settings.adapter === 'none' ? 5 : 0) * totalBytes(unet),
    slices: [{ items: settings.steps, part: {} }],
    skipped: 0,
    leftOut,
  };
}

/** Everything that a source reads, by its place in the folder that holds all of it. */
async function filesOfPreferences(
  path: string,
  settings: TrainingSettings,
): Promise<{ root: string; path: string; names: string[]; leftOut: PreferenceSource['skipped'] }> {
  const source = await openPreferences(path);
  // What cannot be trained on is said here, before anything is sent.
  trainablePairs(source.rows, settings);
  const leftOut = source.skipped;
  if (source.folder === undefined) {
    if (source.path.endsWith('.parquet')) {
      const root = dirname(path);
      return { root, path: relative(root, path), names: [relative(root, path)], leftOut };
    }
    const names = (await readdir(path)).filter((name) => name.endsWith('.parquet')).sort();
    return { root: path, path: '', names, leftOut };
  }
  const root = source.folder;
  const names = new Set([relative(root, source.path)]);
  for (const { images } of source.rows)
    for (const uid of images) {
      const image = source.imagePath(uid);
      if (image === undefined) continue;
      const name = relative(root, resolve(root, image));
      if (name.startsWith('..') || isAbsolute(name))
        throw new BadInput(`${source.path} names ${image}, which is not in its folder; a job needs all of it in one.`);
      names.add(name);
    }
  return { root, path: relative(root, source.path), names: [...names].sort(), leftOut };
}

/** @returns undefined after the signal, with a checkpoint of where it was */
export async function runTrainSlice(
  { device, dataFolder, networks }: Machine,
  request: TrainJob,
  { jobId, signal, before: told, report }: SliceRun,
): Promise<TrainResult | undefined> {
  const { store } = networks;
  requireInside(request.name);
  if (request.preferences.path !== '') requireInside(request.preferences.path);
  const pipeline = await fetchFolder(networks, digestOf(request.pipeline), request.pipeline);
  const { preferences } = request;
  const data = await fetchFolder(networks, digestOf(preferences.files), preferences.files);
  const out = join(networks.cacheFolder, 'runs', jobId, request.name);
  // What this machine may have of the run is older than what the store has.
  await rm(out, { recursive: true, force: true });
  let last: TrainResult =
    told === null ? { files: [], step: 0, deviceSeconds: 0, pairs: null } : trainResultSchema.parse(told);
  await fetchRun(store, last.files, out);
  const save = async (step: number, deviceSeconds = last.deviceSeconds, pairs = last.pairs) => {
    last = { files: await putRun(store, out), step, deviceSeconds, pairs };
    report(step, last);
  };
  const outcome = await runTraining({
    pipeline,
    preferences: join(data, preferences.path),
    out,
    settings: request.settings,
    width: request.width ?? undefined,
    height: request.height ?? undefined,
    threads: request.threads ?? undefined,
    cacheFolder: join(dataFolder, 'cache', 'encodings'),
    device,
    signal,
    onStep: ({ step }) => report(step),
    onSaved: (step) => save(step),
  });
  await save(outcome.step, outcome.deviceSeconds, outcome.pairs);
  await rm(join(networks.cacheFolder, 'runs', jobId), { recursive: true, force: true });
  return outcome.stopped ? undefined : last;
}

async function putRun(store: ObjectStore, out: string): Promise<HashedFile[]> {
  const files = await hashFiles(out, [
    'settings.json',
    'log.jsonl',
    'state.safetensors',
    'checkpoints',
    'pytorch_lora_weights.safetensors',
    'pipeline',
  ]);
  await shareFiles(
    store,
    files.map((file) => ({ ...file, path: join(out, file.path) })),
  );
  return files;
}

/** The folder of a run as it was at its last checkpoint. */
export async function fetchRun(store: ObjectStore, files: readonly HashedFile[], out: string): Promise<void> {
  for (const { path } of files) requireInside(path);
  for (const { path, sha256 } of files) await store.fetch({ kind: 'files', sha256 }, join(out, path));
}
