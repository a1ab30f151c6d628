/** @file The losses of both forms, numbers and graph, against the equations worked out by hand. */
import { describe, expect, it } from 'vitest';
import { Graph } from '../../../evaluator/engine/autodiff/graph.ts';
import { encodeModel } from '../../../evaluator/engine/onnx/model-file.ts';
import { createSessionFromBytes } from '../../../evaluator/engine/onnx/session.ts';
import {
  cpoLogits,
  dpoLogits,
  lossGraph,
  logisticLoss,
  objectiveNames,
  objectiveOf,
  type ObjectiveName,
} from '../../../evaluator/preference/objectives.ts';

const softplus = (x: number) => Math.log(1 + Math.exp(x));
// Two pairs. Winners' gaps to losers: θ −.1, +.3; reference −.03, +.2. So θ − ref: −.07 (better), +.1 (worse).
const errors = {
  modelWinner: Float64Array.of(0.3, 0.5),
  modelLoser: Float64Array.of(0.4, 0.2),
  referenceWinner: Float64Array.of(0.35, 0.45),
  referenceLoser: Float64Array.of(0.38, 0.25),
};

describe('objectives', () => {
  it('each says what it reads', () => {
    const rows = objectiveNames.map((name) => [name, ...Object.values(objectiveOf(name))]);
    // loss, perceptual, loser, reference, first t: perceptual errors need the step before t.
    expect(rows).toEqual([
      ['sft', 'sft', false, false, false, 0],
      ['dpo', 'dpo', false, true, true, 0],
      ['cpo', 'cpo', false, true, false, 0],
      ['ncp-sft', 'sft', true, false, false, 1],
      ['ncp-dpo', 'dpo', true, true, true, 1],
      ['ncp-cpo', 'cpo', true, true, false, 1],
    ]);
  });

  it('DPO’s logits (eq. 8) rise where the model prefers the winner more than the reference does', () => {
    expect([...dpoLogits(errors)]).toEqual([expect.closeTo(0.07, 12), expect.closeTo(-0.1, 12)]);
  });
  it('CPO’s logits (eq. 11) are the model’s own gap', () => {
    expect([...cpoLogits(errors)]).toEqual([expect.closeTo(0.1, 12), expect.closeTo(-0.3, 12)]);
  });

  it('−log σ(βx), its mean, without overflow', () => {
    expect(logisticLoss(Float64Array.of(0), 2500)).toBeCloseTo(Math.LN2, 12);
    expect(logisticLoss(Float64Array.of(-1), 2500)).toBeCloseTo(2500, 9);
    expect(logisticLoss(Float64Array.of(1), 2500)).toBe(0);
    expect(logisticLoss(Float64Array.of(0.07, -0.1), 2)).toBeCloseTo((softplus(-0.14) + softplus(0.2)) / 2, 12);
  });

  const supervised = (0.3 + 0.5) / 2;
  it.each([
    ['sft', 1, supervised],
    ['dpo', 1, (softplus(-0.14) + softplus(0.2)) / 2],
    ['cpo', 0, (softplus(-0.2) + softplus(0.6)) / 2],
    ['cpo', 0.5, (softplus(-0.2) + softplus(0.6)) / 2 + 0.5 * supervised],
    ['ncp-dpo', 1, (softplus(-0.14) + softplus(0.2)) / 2],
  ] as [ObjectiveName, number, number][])(
    '%s with λ = %d as a graph gives the number by hand',
    async (name, lambda, loss) => {
      const graph = new Graph();
      const model = graph.input('model', [4]);
      const reference = graph.input('reference', [4]);
      const value = lossGraph(graph, objectiveOf(name), { model, reference }, { pairs: 2, beta: 2, lambda });
      graph.output(value, 'loss');
      const session = await createSessionFromBytes(encodeModel(graph.toModel()), { kind: 'cpu' });
      const feed = (values: Float64Array[]) => {
        const data = Float32Array.from(values.flatMap((side) => [...side]));
        return { type: 'float32' as const, data, dims: [4] };
      };
      const result = await session.run({
        model: feed([errors.modelWinner, errors.modelLoser]),
        reference: feed([errors.referenceWinner, errors.referenceLoser]),
      });
      expect(result['loss']!.dims.reduce((n, d) => n * d, 1)).toBe(1);
      expect((result['loss']!.data as Float32Array)[0]).toBeCloseTo(loss, 6);
      await session.release();
    },
  );
});
