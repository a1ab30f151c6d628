/**
 * @file Gradient checkpointing changes memory, not numbers but in their last bits: the same losses and gradients, and nothing inside of a block that
 * outlives the forward pass but what blocks hand on.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canonicalise, type CanonicalNetwork } from '../../../evaluator/engine/autodiff/canonical.ts';
import { count } from '../../../evaluator/engine/autodiff/graph.ts';
import type { OnnxNode } from '../../../evaluator/engine/onnx/model-file.ts';
import { objectiveOf, type ObjectiveName } from '../../../evaluator/preference/objectives/objectives.ts';
import { noiseSchedule } from '../../../evaluator/preference/reverse-step.ts';
import { trainingGraph } from '../../../evaluator/preference/training-graph.ts';
import { TrainingSession } from '../../../evaluator/preference/training-session.ts';
import { golden } from '../../support/folders.ts';

const unet = join(golden, 'sd-tiny', 'unet', 'model.onnx');
const shape = { channels: 4, height: 8, width: 8, conditions: { encoder_hidden_states: [77, 32] } };
const pairs = 2;

function specOf(objective: ObjectiveName, gradientCheckpointing: boolean) {
  const features = objective.startsWith('ncp-') ? ('multi' as const) : ('down' as const);
  return {
    ...{ objective: objectiveOf(objective), features, rank: 2, alpha: 2, beta: 20, lambda: 1, pairs },
    gradientCheckpointing,
  };
}

async function stepOf(objective: ObjectiveName, gradientCheckpointing: boolean, isWhole = false) {
  const schedule = noiseSchedule(0.00085, 0.012, 1000);
  const spec = specOf(objective, gradientCheckpointing);
  const session = await TrainingSession.create(unet, shape, spec, schedule, { kind: 'cpu' }, { isWhole, threads: 1 });
  let at = 0;
  const normal = (n: number) =>
    Float32Array.from({ length: n }, () => 1.4 * Math.sin(1.7 * at++ + 0.3 * Math.sqrt(at)));
  const size = pairs * 4 * 8 * 8;
  const batch = {
    ...{ winner: normal(size), loser: normal(size), noise: normal(size), z: normal(size), timesteps: [300, 700] },
    conditions: { encoder_hidden_states: normal(pairs * 77 * 32) },
  };
  // Matrices that change the output, for gradients of both; of a whole network weights of that size.
  const parameters = session.training.parameters.map(({ dims }) => normal(count(dims)).map((x) => 0.1 * x));
  const result = await session.run(batch, parameters);
  const copy = { ...result, gradients: result.gradients.map((gradient) => gradient.slice()) };
  await session.release();
  return copy;
}

describe('gradient checkpointing', () => {
  it.each<[ObjectiveName, boolean]>([
    ['sft', false],
    ['dpo', false],
    ['ncp-dpo', false],
    ['ncp-kto', false],
    ['dpo', true],
  ])('%s (whole network: %s) has the same loss, errors and gradients', async (objective, isWhole) => {
    const [plain, again] = [await stepOf(objective, false, isWhole), await stepOf(objective, true, isWhole)];
    // The runtime fuses what is computed twice in another way; a difference of two errors has lost digits before that.
    const largest = (values: Iterable<number>) =>
      [...values].reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const apart = (a: Float32Array, b: Float32Array) => largest(a.map((value, i) => value - b[i]!));
    expect(again.loss).toBeCloseTo(plain.loss, 5);
    expect(apart(again.modelErrors, plain.modelErrors) / largest(plain.modelErrors)).toBeLessThan(2e-5);
    const size = Math.max(...plain.gradients.map(largest));
    expect(size).toBeGreaterThan(1e-6);
    const difference = Math.max(...plain.gradients.map((gradient, i) => apart(again.gradients[i]!, gradient)));
    expect(difference / size).toBeLessThan(3e-4);
  });

  it('gradients read little of what the forward pass computed in a block, and what is computed again waits for one', async () => {
    const dims = { sample: [4, 4, 8, 8], timestep: [4], encoder_hidden_states: [4, 77, 32] };
    const graphOf = async (checkpointing: boolean) =>
      trainingGraph(await canonicalise(unet, dims), specOf('ncp-dpo', checkpointing)).graph;
    const inner = /^policy(?: encoder)?\/+(?:down_blocks\.\d|up_blocks\.\d|mid_block)\/(attentions|resnets)\.\d/;
    const [plain, again] = [await graphOf(false), await graphOf(true)];
    const begin = again.nodes.findIndex(({ name }) => name!.startsWith('again/'));
    const readers = (nodes: readonly OnnxNode[]) =>
      new Set(
        nodes
          .slice(begin)
          .flatMap((node) => (node.name!.startsWith('again/') ? [] : node.input))
          .filter((name) => inner.test(name)),
      );
    // What a block hands on is the next one's input, and kept.
    expect(readers(again.nodes).size).toBeLessThan(readers(plain.nodes).size / 4);

    const waits = new Set<string>();
    for (const node of again.nodes)
      if (node.output[0]!.includes('grad/') && node.opType === 'Mul' && again.isFilledWith(node.input[1]!, 0))
        waits.add(node.output[0]!);
    const late = new Set(waits);
    for (const node of again.nodes)
      if (node.input.some((name) => late.has(name))) node.output.forEach((name) => late.add(name));
    const copies = again.nodes.filter(({ name }) => name!.startsWith('again/'));
    expect(copies.length).toBeGreaterThan(50);
    for (const { output, name } of copies) expect(late.has(output[0]!), name).toBe(true);

    // Of all but the first block on the way back, the copies wait for parameters' gradients too.
    const gradients = new Set(
      again.nodes.flatMap(({ output, input }) => (output[0]!.startsWith('d ') ? [input[0]!] : [])),
    );
    expect(gradients.size).toBeGreaterThan(10);
    const after = new Set(gradients);
    for (const node of again.nodes)
      if (node.input.some((name) => after.has(name))) for (const name of node.output) after.add(name);
    expect(copies.filter(({ output }) => after.has(output[0]!)).length).toBeGreaterThan(copies.length / 2);
  });

  it('blocks are found behind a wrapper’s name, and a network without any is refused', async () => {
    const dims = { sample: [4, 4, 8, 8], timestep: [4], encoder_hidden_states: [4, 77, 32] };
    const renamed = async (change: (name: string) => string) => {
      const network = await canonicalise(unet, dims);
      return { ...network, nodes: network.nodes.map((node) => ({ ...node, name: change(node.name ?? '') })) };
    };
    const copies = (network: CanonicalNetwork) =>
      trainingGraph(network, specOf('dpo', true)).graph.nodes.filter(({ name }) => name!.startsWith('again/')).length;
    const plain = copies(await canonicalise(unet, dims));
    expect(copies(await renamed((name) => `/unet${name}`))).toBe(plain);
    const nameless = await renamed((name) => name.replaceAll('resnets', 'parts').replaceAll('attentions', 'parts'));
    expect(() => copies(nameless)).toThrow('has no blocks to compute again');
  });
});
