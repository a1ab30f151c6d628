/** @file What a run makes, and its checkpoints: an adapter's file, or a pipeline's folder with the U-Net that was trained whole. */
import { existsSync } from 'node:fs';
import { constants, cp, mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { pipelineParts, unetOf } from '../engine/diffusion/folder.ts';
import { writeChunks, writeWhole } from '../engine/files/write-whole.ts';
import { readModel } from '../engine/onnx/model-file.ts';
import { externalFiles } from '../engine/onnx/subgraph.ts';
import { encodeAdapter, untrainedAdapter } from './adapter-file.ts';
import { parametersOf, readParameter, withParameters } from './network-parameters.ts';
import { filesOf } from './run-folder.ts';
import type { TrainingSettings } from './trainer.ts';
import type { TrainingGraph } from './training-graph.ts';

export interface Product {
  /** What a run begins with, in the graph's order. */
  untrained(): Promise<Float32Array[]>;
  writeCheckpoint(step: number, parameters: readonly Float32Array[]): Promise<void>;
  /** @returns where it is */
  writeResult(parameters: readonly Float32Array[]): Promise<string>;
}

export function adapterProduct(
  out: string,
  training: Pick<TrainingGraph, 'parameters'>,
  settings: Pick<TrainingSettings, 'seed' | 'rank' | 'alpha'>,
): Product {
  const { adapter, checkpoint } = filesOf(out);
  const write = (file: string, parameters: readonly Float32Array[]) =>
    writeWhole(file, encodeAdapter(training, parameters, settings.alpha / settings.rank));
  return {
    untrained: () => Promise.resolve(untrainedAdapter(training, settings)),
    writeCheckpoint: (step, parameters) => write(`${checkpoint(step)}.safetensors`, parameters),
    async writeResult(parameters) {
      await write(adapter, parameters);
      return adapter;
    },
  };
}

/** @param folder the pipeline that is trained */
export function pipelineProduct(out: string, folder: string): Product {
  const { pipeline, checkpoint } = filesOf(out);
  const unet = unetOf(folder);
  return {
    async untrained() {
      const values: Float32Array[] = [];
      for (const parameter of parametersOf(await readModel(unet), unet))
        values.push(await readParameter(parameter, unet));
      return values;
    },
    writeCheckpoint: (step, parameters) => writePipeline(folder, checkpoint(step), parameters),
    async writeResult(parameters) {
      await writePipeline(folder, pipeline, parameters);
      return pipeline;
    },
  };
}

/** A folder that needs nothing of the one it comes from, whole or not at all; one of before is there until it is. */
async function writePipeline(from: string, to: string, parameters: readonly Float32Array[]): Promise<void> {
  const [growing, before] = [`${to}.part`, `${to}.old`];
  for (const left of [growing, before]) await rm(left, { recursive: true, force: true });
  await mkdir(dirname(to), { recursive: true });
  const unet = unetOf(from);
  const replaced = new Set([unet, ...externalFiles(await readModel(unet)).map((name) => join(dirname(unet), name))]);
  for (const part of [...pipelineParts, 'vae_encoder'].filter((name) => existsSync(join(from, name))))
    await cp(join(from, part), join(growing, part), {
      recursive: true,
      dereference: true,
      mode: constants.COPYFILE_FICLONE,
      filter: (source) => !replaced.has(source),
    });
  const own = join(growing, relative(from, dirname(unet)));
  const { model, data } = await withParameters(unet, parameters);
  await writeWhole(join(own, basename(unet)), model);
  if (data.length > 0) await writeChunks(join(own, `${basename(unet)}_data`), data);
  if (existsSync(to)) await rename(to, before);
  await rename(growing, to);
  await rm(before, { recursive: true, force: true });
}
