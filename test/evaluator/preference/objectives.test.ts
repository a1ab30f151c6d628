/** @file The losses of both forms, numbers and graph, against the equations worked out by hand. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backward } from '../../../evaluator/engine/autodiff/backward.ts';
import { Graph } from '../../../evaluator/engine/autodiff/graph.ts';
import { encodeModel } from '../../../evaluator/engine/onnx/model-file.ts';
import { createSessionFromBytes } from '../../../evaluator/engine/onnx/session.ts';
import { cpoLogits } from '../../../evaluator/preference/objectives/cpo.ts';
import { dpoLogits } from '../../../evaluator/preference/objectives/dpo.ts';
import { mapoLogits } from '../../../evaluator/preference/objectives/mapo.ts';
import {
  lossGraph,
  lossNames,
  lossOf,
  objectiveNames,
  objectiveOf,
  type ObjectiveName,
} from '../../../evaluator/preference/objectives/objectives.ts';
import { golden as goldenFolder } from '../../support/folders.ts';

const softplus = (x: number) => Math.log(1 + Math.exp(x));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const scoreMatched = (c: number, own: number, reference: number, shift: number) =>
  (1 - c) * own + c * reference + (c * c - c) * shift;
const divergence = (p: number) => p * Math.log(p / 0.99) + (1 - p) * Math.log((1 - p) / 0.01);
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
      ['ipo', 'ipo', false, true, true, 0],
      ['mapo', 'mapo', false, true, false, 0],
      ['dmpo', 'dmpo', false, true, true, 0],
      ['kto', 'kto', false, true, true, 0],
      ['dspo', 'dspo', false, true, true, 0],
      ['ncp-sft', 'sft', true, false, false, 1],
      ['ncp-dpo', 'dpo', true, true, true, 1],
      ['ncp-cpo', 'cpo', true, true, false, 1],
      ['ncp-ipo', 'ipo', true, true, true, 1],
      ['ncp-dmpo', 'dmpo', true, true, true, 1],
      ['ncp-kto', 'kto', true, true, true, 1],
      ['ncp-dspo', 'dspo', true, true, true, 1],
    ]);
  });

  it('β is 2500 where none is given; MaPO’s, another thing, has to be', () => {
    expect(lossNames.map((loss) => [loss, lossOf({ loss }).usualBeta])).toEqual([
      ['sft', 2500],
      ['dpo', 2500],
      ['cpo', 2500],
      ['ipo', 2500],
      ['mapo', null],
      ['dmpo', 2500],
      ['kto', 2500],
      ['dspo', 5e-4],
    ]);
  });

  it('DPO’s logits (eq. 8) rise where the model prefers the winner more than the reference does', () => {
    expect([...dpoLogits(errors)]).toEqual([expect.closeTo(0.07, 12), expect.closeTo(-0.1, 12)]);
  });
  it('CPO’s logits (eq. 11) are the model’s own gap', () => {
    expect([...cpoLogits(errors)]).toEqual([expect.closeTo(0.1, 12), expect.closeTo(-0.3, 12)]);
  });

  it('MaPO’s logits are T times the difference of φ', () => {
    // φ(.3) = .15/(e^.15 − 1), φ(.4) = .2/(e^.2 − 1)
    const phi = (x: number) => x / 2 / (Math.exp(x / 2) - 1);
    expect([...mapoLogits(errors)]).toEqual([
      expect.closeTo(1000 * (phi(0.3) - phi(0.4)), 9),
      expect.closeTo(1000 * (phi(0.5) - phi(0.2)), 9),
    ]);
    expect(mapoLogits(errors)[0]).toBeGreaterThan(0);
    // φ(0) is its limit.
    expect([...mapoLogits({ modelWinner: Float64Array.of(0), modelLoser: Float64Array.of(0) })]).toEqual([0]);
  });

  const supervised = (0.3 + 0.5) / 2;
  it.each([
    ['sft', 1, supervised],
    ['dpo', 1, (softplus(-0.14) + softplus(0.2)) / 2],
    ['cpo', 0, (softplus(-0.2) + softplus(0.6)) / 2],
    ['cpo', 0.5, (softplus(-0.2) + softplus(0.6)) / 2 + 0.5 * supervised],
    // (β·logits − ½)²: .14 − .5, −.2 − .5
    ['ipo', 1, (0.36 ** 2 + 0.7 ** 2) / 2],
    // β·logits are .14 and −.2; q = .99
    ['dmpo', 1, (divergence(sigmoid(0.14)) + divergence(sigmoid(-0.2))) / 2],
    // g of winners .05, −.05, of losers −.02, .05; their mean .0075 is Q
    ['kto', 1, (sigmoid(-0.085) + sigmoid(0.115) + sigmoid(-0.055) + sigmoid(0.085)) / 4],
    // c = 4(1 − σ(β·logits)); (1 − c)L + c·L_ref + (c² − c)D, D = .02 and .06
    [
      'dspo',
      1,
      (scoreMatched(4 * sigmoid(-0.14), 0.3, 0.35, 0.02) + scoreMatched(4 * sigmoid(0.2), 0.5, 0.45, 0.06)) / 2,
    ],
    ['ncp-dpo', 1, (softplus(-0.14) + softplus(0.2)) / 2],
  ] as [ObjectiveName, number, number][])(
    '%s with λ = %d as a graph gives the number by hand',
    async (name, lambda, loss) => {
      const graph = new Graph();
      const model = graph.input('model', [4]);
      const reference = graph.input('reference', [4]);
      const shift = graph.input('shift', [4]);
      const value = lossGraph(graph, objectiveOf(name), { model, reference, shift }, { pairs: 2, beta: 2, lambda });
      graph.output(value, 'loss');
      const session = await createSessionFromBytes(encodeModel(graph.toModel()), { kind: 'cpu' });
      const feed = (values: Float64Array[]) => {
        const data = Float32Array.from(values.flatMap((side) => [...side]));
        return { type: 'float32' as const, data, dims: [4] };
      };
      const result = await session.run({
        model: feed([errors.modelWinner, errors.modelLoser]),
        reference: feed([errors.referenceWinner, errors.referenceLoser]),
        shift: feed([Float64Array.of(0.02, 0.06), Float64Array.of(9, 9)]),
      });
      expect(result['loss']!.dims.reduce((n, d) => n * d, 1)).toBe(1);
      expect((result['loss']!.data as Float32Array)[0]).toBeCloseTo(loss, 6);
      await session.release();
    },
  );

  it('KTO’s origin is never below 0: where all got worse, a like is still measured from the reference', async () => {
    const graph = new Graph();
    const inputs = { model: graph.input('model', [2]), reference: graph.input('reference', [2]) };
    graph.output(lossGraph(graph, objectiveOf('kto'), inputs, { pairs: 1, beta: 2, lambda: 0 }), 'loss');
    const session = await createSessionFromBytes(encodeModel(graph.toModel()), { kind: 'cpu' });
    const feed = (...values: number[]) => ({ type: 'float32' as const, data: Float32Array.from(values), dims: [2] });
    // g is −.1 for the winner and −.2 for the loser.
    const { loss } = await session.run({ model: feed(0.5, 0.6), reference: feed(0.4, 0.4) });
    await session.release();
    expect((loss!.data as Float32Array)[0]).toBeCloseTo((sigmoid(0.2) + sigmoid(-0.4)) / 2, 6);
  });

  describe('as PyTorch has them', () => {
    interface Golden {
      errors: Record<keyof typeof errors | 'winnerShift', number[]>;
      cases: {
        objective: ObjectiveName;
        beta: number;
        lambda_: number;
        loss: number;
        gradientWinner: number[];
        gradientLoser: number[];
        gradientShift?: number[];
      }[];
    }
    const golden = JSON.parse(readFileSync(join(goldenFolder, 'objectives.json'), 'utf8')) as Golden;

    it('there is a case of every loss', () => {
      expect(golden.cases.map(({ objective }) => objective)).toEqual(lossNames);
    });
    it.each(golden.cases)('$objective: the loss and its slope in every error', async (one) => {
      const { modelWinner, modelLoser, referenceWinner, referenceLoser, winnerShift } = golden.errors;
      const pairs = modelWinner.length;
      const graph = new Graph();
      const model = graph.input('model', [2 * pairs]);
      const reference = graph.input('reference', [2 * pairs]);
      const settings = { pairs, beta: one.beta, lambda: one.lambda_ };
      const shift = graph.input('shift', [2 * pairs]);
      const loss = lossGraph(graph, objectiveOf(one.objective), { model, reference, shift }, settings);
      const [gradient, ofShift] = backward(graph, loss, [model, shift]);
      graph.output(loss, 'loss');
      graph.output(gradient!, 'gradient');
      if (ofShift !== undefined) graph.output(ofShift, 'of shift');
      const session = await createSessionFromBytes(encodeModel(graph.toModel()), { kind: 'cpu' });
      const feed = (values: number[]) => ({
        type: 'float32' as const,
        data: Float32Array.from(values),
        dims: [2 * pairs],
      });
      const result = await session.run({
        model: feed([...modelWinner, ...modelLoser]),
        reference: feed([...referenceWinner, ...referenceLoser]),
        shift: feed([...winnerShift, ...winnerShift]),
      });
      await session.release();
      const found = [
        ...(result['gradient']!.data as Float32Array),
        ...((result['of shift']?.data ?? []) as Float32Array),
      ];
      const { gradientShift } = one;
      const slopesOfShift = gradientShift === undefined ? [] : [...gradientShift, ...gradientShift.map(() => 0)];
      const expected = [...one.gradientWinner, ...one.gradientLoser, ...slopesOfShift];
      expect(found).toHaveLength(expected.length);
      const largest = Math.max(...expected.map(Math.abs));
      expect(Math.abs((result['loss']!.data as Float32Array)[0]! / one.loss - 1)).toBeLessThan(2e-6);
      expect(Math.max(...found.map((slope, i) => Math.abs(slope - expected[i]!))) / largest).toBeLessThan(5e-6);
    });
  });
});
