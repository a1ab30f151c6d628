/**
 * starter: a DPO and an NCP-DPO step on the starter U-Net (32 pairs, rank 16) as a ratio to one forward pass of the same batch
 * and to the time of its products at the machine's best rate, in the same run; the resident memory over many steps.
 * sd15: a DPO step of one pair on a U-Net of SD 1.5's size with random weights (rank 64): the process's peak memory and the
 * step's ratio to a forward pass of both samples. `whole` holds attention's probabilities as they are, for comparison.
 * sdxl: the same at SDXL's size.
 * Usage: npx tsx test/bench/training.ts starter [steps]
 *        npx tsx test/bench/training.ts sd15 [pixels] [whole] [half]    (4 GB of disk, 13 GB of memory and minutes)
 *        npx tsx test/bench/training.ts sdxl [pixels] [whole] [half]    (5 GB of disk with half; weights in float16)
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttentionLimits } from '../../evaluator/engine/autodiff/attention.ts';
import { count, Graph } from '../../evaluator/engine/autodiff/graph.ts';
import { encodeModel } from '../../evaluator/engine/onnx/model-file.ts';
import { createSession, createSessionFromBytes, type Value } from '../../evaluator/engine/onnx/session.ts';
import { objectiveOf, type ObjectiveName } from '../../evaluator/preference/objectives/objectives.ts';
import { noiseSchedule } from '../../evaluator/preference/reverse-step.ts';
import { TrainingSession, type Batch } from '../../evaluator/preference/training-session.ts';
import { starter } from '../../evaluator/starter/starter.ts';
import { Random } from '../../evaluator/statistics/random.ts';
import { sd15, sdxl, writeUnet } from './unet-builder.ts';

const device = { kind: 'cpu' } as const;
const random = new Random(0);
const draw = (n: number) => Float32Array.from({ length: n }, () => random.uniform() * 2 - 1);
const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
const timed = async (run: () => Promise<unknown>) => {
  const started = performance.now();
  await run();
  return performance.now() - started;
};

interface Size {
  unet: string;
  pairs: number;
  channels: number;
  side: number;
  tokens: number;
  width: number;
  rank: number;
}

async function open(size: Size, name: ObjectiveName, attention?: AttentionLimits, gradientCheckpointing = false) {
  const { unet, pairs, channels, side, tokens, width, rank } = size;
  const shape = { channels, height: side, width: side, conditions: { encoder_hidden_states: [tokens, width] } };
  const spec = { features: 'down', rank, alpha: rank, beta: 2500, lambda: 1, pairs } as const;
  const session = await TrainingSession.create(
    unet,
    shape,
    { objective: objectiveOf(name), ...spec, gradientCheckpointing },
    noiseSchedule(),
    device,
    { attention },
  );
  const parameters = session.training.parameters.map(({ dims }) => draw(count(dims)).map((x) => x * 0.02));
  const latents = () => draw(pairs * channels * side * side);
  const batch: Batch = {
    ...{ winner: latents(), loser: latents(), noise: latents(), z: latents() },
    timesteps: Array.from({ length: pairs }, () => 1 + random.below(999)),
    conditions: { encoder_hidden_states: draw(pairs * tokens * width) },
  };
  return { session, step: () => session.run(batch, parameters) };
}

/** What a forward pass of a batch's samples reads. */
function forwardFeeds({ pairs, channels, side, tokens, width }: Size): Record<string, Value> {
  const samples = 2 * pairs;
  const values = (dims: number[]) => ({ type: 'float32' as const, data: draw(dims.reduce((a, b) => a * b, 1)), dims });
  return {
    sample: values([samples, channels, side, side]),
    timestep: { type: 'float32', data: Float32Array.of(500), dims: [] },
    encoder_hidden_states: values([samples, tokens, width]),
  };
}

/** Multiplications and additions of a graph's products, those that lead to an output. */
function operationsOf(graph: Graph): number {
  const size = (dims: readonly number[]) => dims.reduce((product, n) => product * n, 1);
  const needed = new Set(graph.outputs);
  let operations = 0;
  for (const node of [...graph.nodes].reverse()) {
    if (!node.output.some((name) => needed.has(name))) continue;
    for (const name of node.input) needed.add(name);
    const [x, w] = node.input.map((name) => (graph.values.has(name) ? graph.dims(name) : []));
    const out = graph.dims(node.output[0]!);
    if (node.opType === 'Conv') operations += 2 * size(out) * size(w!.slice(1));
    else if (node.opType === 'ConvTranspose') operations += 2 * size(x!) * size(w!.slice(1));
    else if (node.opType === 'MatMul' || node.opType === 'Gemm') operations += 2 * size(out) * x!.at(-1)!;
  }
  return operations;
}

/** Operations a second of a large matrix product: what the machine can do at best. */
async function bestRate(): Promise<number> {
  const n = 1024;
  const graph = new Graph();
  const [a, b] = ['a', 'b'].map((name) => graph.input(name, [n, n])) as [string, string];
  graph.output(graph.reduce('ReduceSum', graph.matmul(a, b), [0, 1]), 'sum');
  const session = await createSessionFromBytes(encodeModel(graph.toModel()), device);
  const matrix = () => ({ type: 'float32' as const, data: draw(n * n), dims: [n, n] });
  const feeds = { a: matrix(), b: matrix() };
  const times: number[] = [];
  for (let i = 0; i < 30; i++) times.push(await timed(() => session.run(feeds)));
  await session.release();
  return (2 * n ** 3) / (Math.min(...times) / 1000);
}

async function starterSteps(steps: number): Promise<void> {
  const unet = join(starter.pipeline, 'unet', 'model.onnx');
  const size: Size = { unet, pairs: 32, channels: 8, side: 16, tokens: 24, width: 64, rank: 16 };
  const forward = await createSession({ file: unet }, device);
  const feeds = forwardFeeds(size);
  const best = await bestRate();
  for (const name of ['dpo', 'ncp-dpo'] as const) {
    const { session, step } = await open(size, name);
    await step();
    const [full, bare]: [number[], number[]] = [[], []];
    const memory: string[] = [];
    for (let i = 0; i < steps; i++) {
      full.push(await timed(step));
      if (i < 20) bare.push(await timed(() => forward.run(feeds)));
      if (i % Math.ceil(steps / 5) === 0 || i === steps - 1) memory.push(`${i}: ${gib(process.memoryUsage().rss)}`);
    }
    const operations = operationsOf(session.training.graph);
    const bound = (operations / best) * 1000;
    console.log(
      `${name}: ${median(full).toFixed(0)} ms a step of 32 pairs, ${(median(full.slice(0, 20)) / median(bare)).toFixed(2)} forward passes (${median(bare).toFixed(0)} ms), ${(median(full) / bound).toFixed(2)} times the ${bound.toFixed(0)} ms that its ${(operations / 1e9).toFixed(1)} G operations take at the rate of a large matrix product (${(best / 1e9).toFixed(0)} G/s); memory after step ${memory.join(', ')}`,
    );
    await session.release();
  }
}

async function stableDiffusionStep(
  name: 'sd15' | 'sdxl',
  pixels: number,
  isWhole: boolean,
  half: boolean,
  gradientCheckpointing: boolean,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'visavis-bench-'));
  try {
    const side = pixels / 8;
    const unetShape = { sd15, sdxl }[name];
    writeUnet(folder, { ...unetShape, half, batch: 2, size: side });
    const unet = join(folder, 'model.onnx');
    const size: Size = { unet, pairs: 1, channels: 4, side, tokens: 77, width: unetShape.context, rank: 64 };
    const limits = isWhole ? { wholeUpTo: Infinity, pieceBytes: Infinity } : undefined;
    const { session, step } = await open(size, 'dpo', limits, gradientCheckpointing);
    const peak = () => process.resourceUsage().maxRSS * 1024;
    const loaded = peak();
    const steps: number[] = [];
    for (let i = 0; i < 2; i++) steps.push(await timed(step));
    const highest = peak();
    await session.release();
    const bare: number[] = [];
    if (!half) {
      const forward = await createSession({ file: unet }, device);
      const feeds = forwardFeeds(size);
      for (let i = 0; i < 2; i++) bare.push(await timed(() => forward.run(feeds)));
    }
    const ratio = half ? '' : `, ${(Math.min(...steps) / Math.min(...bare)).toFixed(2)} forward passes of both samples`;
    console.log(
      `${name}'s size, ${pixels}², one pair, weights in ${half ? 'float16' : 'float32'}, attention ${isWhole ? 'whole' : 'as configured'}${gradientCheckpointing ? ', gradient checkpointing' : ''}: peak ${gib(loaded)} loaded, ${gib(highest)} after two steps (weights ${gib(statSync(`${unet}_data`).size)}); ${(Math.min(...steps) / 1000).toFixed(1)} s a step${ratio}`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [mode = 'starter', amount, ...words] = process.argv.slice(2);
if (mode === 'sd15' || mode === 'sdxl')
  await stableDiffusionStep(
    mode,
    Number(amount ?? 256),
    words.includes('whole'),
    words.includes('half'),
    words.includes('checkpointing'),
  );
else if (mode === 'starter') await starterSteps(Number(amount ?? 20));
else throw new Error(`There is no bench "${mode}": starter, sd15 or sdxl.`);
