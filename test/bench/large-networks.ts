/**
 * @file Networks of Stable Diffusion's size with random weights. speed: denoising steps a second of the pipeline against
 * the bare session on the same input in the same run, SD 1.5, 512², guidance. memory: peak of loading an SDXL-size
 * float16 U-Net, against its file.
 * Run: npx tsx test/bench/large-networks.ts speed|memory   (needs 4 or 6 GB of disk and 12 GB of memory, and minutes)
 */
import { cpSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pipeline } from '../../evaluator/engine/diffusion/pipeline.ts';
import { dataType, writeModel, type OnnxModel, type OnnxNode } from '../../evaluator/engine/onnx/model-file.ts';
import { createSession } from '../../evaluator/engine/onnx/session.ts';
import { starter } from '../../evaluator/starter/starter.ts';
import { sd15, sdxl, writeUnet } from './unet-builder.ts';

const folder = mkdtempSync(join(tmpdir(), 'visavis-bench-'));
try {
  if (process.argv[2] === 'memory') await memory();
  else await speed();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function memory(): Promise<void> {
  const parameters = writeUnet(folder, sdxl);
  const file = statSync(join(folder, 'model.onnx_data')).size;
  const before = process.memoryUsage().rss;
  const session = await createSession({ file: join(folder, 'model.onnx') }, { kind: 'cpu' });
  const peak = process.resourceUsage().maxRSS * 1024 - before;
  console.log(
    `SDXL-size U-Net, float16, ${(parameters / 1e6).toFixed(0)} M parameters, ${(file / 2 ** 30).toFixed(2)} GiB: peak while loading ${(peak / file).toFixed(2)} × the file`,
  );
  await session.release();
}

async function speed(): Promise<void> {
  cpSync(starter.pipeline, folder, { recursive: true });
  const parameters = writeUnet(join(folder, 'unet'), sd15);
  writeFileSync(join(folder, 'unet', 'config.json'), JSON.stringify({ sample_size: 64, in_channels: 4 }));
  writeFileSync(
    join(folder, 'vae_decoder', 'config.json'),
    JSON.stringify({ block_out_channels: [1, 1, 1, 1], scaling_factor: 0.18215 }),
  );
  await writeModel(
    join(folder, 'text_encoder', 'model.onnx'),
    small(
      'input_ids',
      dataType.int64,
      ['b', 77],
      'last_hidden_state',
      (input) => [
        { opType: 'Cast', input: [input], output: ['x'], attribute: [{ name: 'to', type: 2, i: dataType.float32 }] },
        { opType: 'Unsqueeze', input: ['x', 'axis'], output: ['y'], attribute: [] },
        { opType: 'Mul', input: ['y', 'row'], output: ['last_hidden_state'], attribute: [] },
      ],
      [
        { name: 'axis', dims: [1], dataType: dataType.int64, int64Data: [2] },
        { name: 'row', dims: [768], dataType: dataType.float32, floatData: Array<number>(768).fill(1e-5) },
      ],
    ),
  );
  await writeModel(
    join(folder, 'vae_decoder', 'model.onnx'),
    small(
      'latent_sample',
      dataType.float32,
      ['b', 4, 64, 64],
      'sample',
      (input) =>
        [
          {
            opType: 'DepthToSpace',
            input: ['wide'],
            output: ['sample'],
            attribute: [{ name: 'blocksize', type: 2, i: 8 }],
          },
          { opType: 'Conv', input: [input, 'kernel'], output: ['wide'], attribute: [] },
        ].reverse() as OnnxNode[],
      [{ name: 'kernel', dims: [192, 4, 1, 1], dataType: dataType.float32, floatData: Array<number>(768).fill(1e-3) }],
    ),
  );
  writeFileSync(
    join(folder, 'tokenizer', 'tokenizer_config.json'),
    JSON.stringify({ model_max_length: 77, pad_token: '<|endoftext|>', eos_token: '<|endoftext|>' }),
  );

  const pipeline = await Pipeline.load({ folder, adapters: [] }, { kind: 'cpu' });
  const session = await createSession({ file: join(folder, 'unet', 'model.onnx') }, { kind: 'cpu' });
  const feeds = {
    sample: { type: 'float32' as const, data: new Float32Array(2 * 4 * 64 * 64).fill(0.5), dims: [2, 4, 64, 64] },
    timestep: { type: 'float32' as const, data: Float32Array.of(500), dims: [] },
    encoder_hidden_states: {
      type: 'float32' as const,
      data: new Float32Array(2 * 77 * 768).fill(0.1),
      dims: [2, 77, 768],
    },
  };
  const settings = { sampler: 'ddim', steps: 1, guidance: 7.5, negativePrompt: null, width: 512, height: 512 };
  const [own, limit]: [number[], number[]] = [[], []];
  // One step of each in turn, so that a disturbance of the machine hits both alike.
  for (let round = 0; round < 5; round++) {
    let started = 0;
    await pipeline
      .generate(['a red circle'], [0], settings, {
        shouldStop: () => {
          started = performance.now();
          return false;
        },
        onStep: () => own.push((performance.now() - started) / 1000),
      })
      .catch((error: Error) => console.log(`(random weights: ${error.message.slice(0, 60)}…)`));
    started = performance.now();
    await session.run(feeds);
    limit.push((performance.now() - started) / 1000);
  }
  await pipeline.release();
  await session.release();
  // The first of each warms up.
  const sum = (values: number[]) => values.slice(1).reduce((total, value) => total + value, 0);
  const seconds = (values: number[]) => values.map((value) => value.toFixed(2)).join(', ');
  console.log(`seconds a step: ${seconds(own)}; bare: ${seconds(limit)}`);
  console.log(
    `SD 1.5-size U-Net, ${(parameters / 1e6).toFixed(0)} M parameters, 512², guidance: ${(sum(limit) / sum(own)).toFixed(3)} of the bare session's speed`,
  );
}

/** A network of a few nodes, in place of the parts that are not measured. */
function small(
  input: string,
  type: number,
  dims: (number | string)[],
  output: string,
  nodes: (input: string) => OnnxNode[],
  initializer: OnnxModel['graph']['initializer'],
): OnnxModel {
  const dim = dims.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return {
    irVersion: 8,
    opsetImport: [{ version: 18 }],
    graph: {
      name: output,
      node: nodes(input),
      initializer,
      valueInfo: [],
      input: [{ name: input, type: { tensorType: { elemType: type, shape: { dim } } } }],
      output: [{ name: output, type: { tensorType: { elemType: dataType.float32 } } }],
    },
  };
}
