/**
 * @file Arrow: adapters → models. The checkpoints of a training run become candidates: the baseline's pipeline and sampler
 * with each checkpoint's adapter instead of the baseline's; or the checkpoint's pipeline, where a whole U-Net was trained.
 *
 * Known layouts: visavis's own (checkpoints/step-000100.safetensors, or a pipeline's folder step-000100), diffusers'
 * (checkpoint-100/…safetensors), or adapters named by their step in the folder itself. Device time comes from log.jsonl beside them ({ "step", "deviceSeconds" }).
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Database } from '../../db/open.ts';
import { findModel, insertModel } from '../../db/queries/models.ts';
import { insertCheckpoint } from '../../db/queries/prescreens.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import type { GenerationSettings } from '../engine/diffusion/pipeline.ts';
import { readPipelineFolder } from '../engine/diffusion/folder.ts';
import { checkModelFiles, hashPipeline, identifyAdapter, type ModelSettings } from './settings.ts';

interface Found {
  /** An adapter's file, or a pipeline's folder. */
  file: string;
  isPipeline: boolean;
  step: number;
  deviceSeconds: number | null;
}

/**
 * Adds what is not there yet; models are named RUN@STEP after the folder.
 * @returns the models' names, by step
 * @throws BadInput when the folder has no checkpoints, the baseline no pipeline, or a name belongs to another adapter
 */
export async function addCheckpoints(
  db: Database,
  { folder, baseline }: { folder: string; baseline: string },
  now = Date.now(),
): Promise<string[]> {
  const run = basename(resolve(folder));
  const checkpoints = await findCheckpoints(resolve(folder));
  const names: string[] = [];
  for (const { file, isPipeline, step, deviceSeconds } of checkpoints) {
    const name = `${run}@${step}`;
    await addVariant(
      db,
      {
        name,
        baseline,
        ...(isPipeline ? { pipeline: file } : { adapter: file }),
        checkpoint: { run, step, deviceSeconds },
      },
      now,
    );
    names.push(name);
  }
  return names;
}

/**
 * A model that differs from the baseline by its adapter, or by a pipeline in place of the baseline's, alone.
 * @throws BadInput when the baseline has no pipeline or the name is taken by another model
 */
export async function addVariant(
  db: Database,
  request: {
    name: string;
    baseline: string;
    scale?: number | undefined;
    checkpoint?: { run: string; step: number; deviceSeconds: number | null };
  } & ({ adapter: string; pipeline?: undefined } | { pipeline: string; adapter?: undefined }),
  now = Date.now(),
): Promise<void> {
  const { name, baseline, scale = 1, checkpoint } = request;
  const base = await findModel(db, baseline);
  if (base === undefined) throw new BadInput(`There is no model named "${baseline}".`);
  if (base.kind !== 'pipeline')
    throw new BadInput(`"${baseline}" consists of imported images; a candidate needs a baseline with a pipeline.`);
  const settings = base.settings as ModelSettings;
  const change =
    request.pipeline === undefined
      ? { adapters: [await identifyAdapter(request.adapter, scale)] }
      : await pipelineAt(request.pipeline);
  const own: ModelSettings = { ...settings, ...change };
  const existing = await findModel(db, name);
  if (existing !== undefined) {
    if (existing.kind === 'pipeline' && isSame(existing.settings as ModelSettings, own)) return;
    throw new BadInput(
      `A model named "${name}" exists already with another adapter, pipeline or sampler; rename the folder ${request.adapter ?? request.pipeline} is in.`,
    );
  }
  await checkModelFiles(baseline, { ...settings, adapters: [] });
  const id = randomUUID();
  await db.transaction().execute(async (tx) => {
    await insertModel(tx, { id, name, kind: 'pipeline', settings: own, createdAt: now });
    if (checkpoint !== undefined) await insertCheckpoint(tx, { modelId: id, ...checkpoint });
  });
}

async function pipelineAt(folder: string): Promise<Omit<ModelSettings, keyof GenerationSettings>> {
  await readPipelineFolder(folder);
  const { files, sha256 } = await hashPipeline(folder);
  return { pipeline: folder, pipelineFiles: files, pipelineSha256: sha256, adapters: [] };
}

/** Whether both draw the same images; a pipeline may have been moved. */
function isSame(one: ModelSettings, other: ModelSettings): boolean {
  const decides = ({ pipeline: _, pipelineFiles: __, adapters, ...rest }: ModelSettings) => ({
    ...rest,
    adapters: adapters.map(({ sha256, scale, config }) => [sha256, scale, config?.sha256]),
  });
  return isDeepStrictEqual(decides(one), decides(other));
}

async function findCheckpoints(folder: string): Promise<Found[]> {
  const info = await stat(folder).catch(() => undefined);
  if (info === undefined || !info.isDirectory()) throw new BadInput(`There is no folder ${folder}.`);
  const found: Omit<Found, 'deviceSeconds'>[] = [];
  const inside = existsSync(join(folder, 'checkpoints')) ? join(folder, 'checkpoints') : folder;
  for (const entry of await readdir(inside, { withFileTypes: true })) {
    const step = /(\d+)(?:\.safetensors)?$/.exec(entry.name)?.[1];
    if (step === undefined) continue;
    if (entry.isFile() && entry.name.endsWith('.safetensors'))
      found.push({ file: join(inside, entry.name), isPipeline: false, step: Number(step) });
    if (!entry.isDirectory()) continue;
    const weights = join(inside, entry.name, 'pytorch_lora_weights.safetensors');
    if (existsSync(weights)) found.push({ file: weights, isPipeline: false, step: Number(step) });
    else if (existsSync(join(inside, entry.name, 'model_index.json')))
      found.push({ file: join(inside, entry.name), isPipeline: true, step: Number(step) });
  }
  if (found.length === 0) {
    throw new BadInput(
      `${inside} holds no checkpoints; they are named by their step, as step-000100.safetensors, checkpoint-100/pytorch_lora_weights.safetensors or a pipeline's folder step-000100.`,
    );
  }
  found.sort((x, y) => x.step - y.step);
  const times = await readTimes(join(folder, 'log.jsonl'));
  return found.map((checkpoint) => {
    const row = times.filter((time) => time.step <= checkpoint.step).at(-1);
    return { ...checkpoint, deviceSeconds: row?.deviceSeconds ?? null };
  });
}

/** Steps ascending; empty when there is no log. */
async function readTimes(file: string): Promise<{ step: number; deviceSeconds: number }[]> {
  if (!existsSync(file)) return [];
  const rows: { step: number; deviceSeconds: number }[] = [];
  for (const line of (await readFile(file, 'utf8')).split('\n')) {
    if (line.trim() === '') continue;
    let row: { step?: unknown; deviceSeconds?: unknown };
    try {
      row = JSON.parse(line) as typeof row;
    } catch {
      // The last line of a run that was killed.
      continue;
    }
    if (typeof row.step === 'number' && typeof row.deviceSeconds === 'number')
      rows.push({ step: row.step, deviceSeconds: row.deviceSeconds });
  }
  return rows.sort((x, y) => x.step - y.step);
}
