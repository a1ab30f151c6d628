/** @file Copies of the starter pipeline with something changed. */
import { cpSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readModel, writeModel, type OnnxModel } from '../../evaluator/engine/onnx/model-file.ts';
import { starter } from '../../evaluator/starter/starter.ts';
import { temporaryFolder } from './folders.ts';

export function copyOfStarter(): string {
  const folder = join(temporaryFolder(), 'pipeline');
  cpSync(starter.pipeline, folder, { recursive: true });
  return folder;
}

export async function changeNetwork(folder: string, part: string, change: (model: OnnxModel) => void): Promise<void> {
  const file = join(folder, part, 'model.onnx');
  const model = await readModel(file);
  change(model);
  await writeModel(file, model);
}

/** Moves a network's weights into model.onnx_data beside it, as optimum exports networks above 2 GB. */
export async function externalise(folder: string, part: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let offset = 0;
  await changeNetwork(folder, part, (model) => {
    for (const tensor of model.graph.initializer) {
      if (tensor.rawData === undefined || tensor.rawData.length < 100) continue;
      // Aligned, as onnx's own helper writes them.
      const padding = (4096 - (offset % 4096)) % 4096;
      chunks.push(new Uint8Array(padding), tensor.rawData);
      offset += padding;
      tensor.externalData = [
        { key: 'location', value: 'model.onnx_data' },
        { key: 'offset', value: String(offset) },
        { key: 'length', value: String(tensor.rawData.length) },
      ];
      tensor.dataLocation = 1;
      offset += tensor.rawData.length;
      delete tensor.rawData;
    }
  });
  const data = join(folder, part, 'model.onnx_data');
  await writeFile(data, Buffer.concat(chunks));
  return data;
}
