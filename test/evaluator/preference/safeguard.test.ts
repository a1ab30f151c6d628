/** @file Diffusion-SDPO's safeguard against the same equations in PyTorch: the scale, and the slope of a loss in every number. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backward } from '../../../evaluator/engine/autodiff/backward.ts';
import { Graph } from '../../../evaluator/engine/autodiff/graph.ts';
import { encodeModel } from '../../../evaluator/engine/onnx/model-file.ts';
import { createSessionFromBytes } from '../../../evaluator/engine/onnx/session.ts';
import { lossGraph, objectiveOf, type LossName } from '../../../evaluator/preference/objectives/objectives.ts';
import { loserScale } from '../../../evaluator/preference/objectives/safeguard.ts';
import { golden as goldenFolder } from '../../support/folders.ts';

interface Golden {
  referenceWinner: number[];
  referenceLoser: number[];
  cases: {
    name: string;
    mu: number;
    objective: LossName;
    beta: number;
    lambda_: number;
    scale: number;
    loss: number;
    differences: { weight: number; dims: number[]; values: number[]; gradient: number[] }[];
  }[];
}
const golden = JSON.parse(readFileSync(join(goldenFolder, 'safeguard.json'), 'utf8')) as Golden;
const pairs = golden.referenceWinner.length;

describe('safeguard', () => {
  it('the cases hold a scale below 1, one of 1 by the bound, one of 1 by the sign, and one of 0', () => {
    const scales = golden.cases.map(({ scale }) => scale);
    expect(scales.some((scale) => scale > 0 && scale < 1)).toBe(true);
    expect(scales).toContain(0);
    expect(golden.cases.filter(({ name }) => name === 'opposed').map(({ scale }) => scale)).toEqual(Array(6).fill(1));
  });

  it.each(golden.cases)('$name, μ $mu, $objective: scale, loss and slopes', async (one) => {
    const graph = new Graph();
    const inputs = one.differences.map(({ dims }, i) => graph.input(`d${i}`, dims));
    const differences = one.differences.map(({ weight }, i) => ({ value: inputs[i]!, weight }));
    const errors = differences
      .map(({ value, weight }) =>
        graph.times(graph.reduce('ReduceMean', graph.square(value), [1, 2, 3], false), weight),
      )
      .reduce((a, b) => graph.plus(a, b));
    const reference = graph.input('reference', [2 * pairs]);
    const scale = loserScale(graph, differences, pairs, one.mu);
    const loss = lossGraph(
      graph,
      objectiveOf(one.objective),
      { model: errors, reference, loserScale: scale },
      { pairs, beta: one.beta, lambda: one.lambda_ },
    );
    const gradients = backward(graph, loss, inputs);
    graph.output(scale, 'scale');
    graph.output(loss, 'loss');
    gradients.forEach((gradient, i) => graph.output(gradient!, `gradient${i}`));
    const session = await createSessionFromBytes(encodeModel(graph.toModel()), { kind: 'cpu' });
    const feed = (values: readonly number[], dims: readonly number[]) => ({
      type: 'float32' as const,
      data: Float32Array.from(values),
      dims,
    });
    const result = await session.run({
      reference: feed([...golden.referenceWinner, ...golden.referenceLoser], [2 * pairs]),
      ...Object.fromEntries(one.differences.map(({ values, dims }, i) => [`d${i}`, feed(values, dims)])),
    });
    await session.release();
    const numbers = (name: string) => [...(result[name]!.data as Float32Array)];
    expect(numbers('scale')[0]).toBeCloseTo(one.scale, 6);
    expect(numbers('loss')[0]).toBeCloseTo(one.loss, 6);
    one.differences.forEach(({ gradient }, i) => {
      const found = numbers(`gradient${i}`);
      gradient.forEach((slope, k) => expect(found[k]).toBeCloseTo(slope, 6));
    });
  });
});
