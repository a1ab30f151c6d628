/**
 * @file Training on an export that computes in half precision: it is the training of a float32 export with the same, rounded
 * weights, number for number; the weights stay as they are stored.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { computesInHalf, widenWhereRead } from '../../../evaluator/engine/autodiff/half.ts';
import { count } from '../../../evaluator/engine/autodiff/graph.ts';
import { bfloat16ToFloat32, float16ToFloat32, float32ToFloat16 } from '../../../evaluator/engine/onnx/float16.ts';
import {
  dataType,
  readModel,
  writeModel,
  type OnnxModel,
  type OnnxTensor,
} from '../../../evaluator/engine/onnx/model-file.ts';
import { objectiveOf } from '../../../evaluator/preference/objectives/objectives.ts';
import { noiseSchedule } from '../../../evaluator/preference/reverse-step.ts';
import { TrainingSession } from '../../../evaluator/preference/training-session.ts';
import { Random } from '../../../evaluator/statistics/random.ts';
import { golden, temporaryFolder } from '../../support/folders.ts';

const device = { kind: 'cpu' } as const;
const unet = join(golden, 'sd-tiny', 'unet', 'model.onnx');

/** Every float32 tensor of the network, those of its constants too. */
function tensorsOf({ graph }: OnnxModel): OnnxTensor[] {
  const constants = graph.node.flatMap(({ attribute }) => attribute.flatMap(({ t }) => t ?? []));
  return [...graph.initializer, ...constants].filter(({ dataType: type }) => type === dataType.float32);
}
const floats = ({ rawData }: OnnxTensor) => new Float32Array(new Uint8Array(rawData!).buffer);

interface Format {
  type: number;
  bits: (values: Float32Array) => Uint16Array;
  back: (bits: Uint16Array) => Float32Array;
}
const formats: Record<string, Format> = {
  float16: {
    type: dataType.float16,
    bits: (values: Float32Array) => float32ToFloat16(values),
    back: (bits: Uint16Array) => float16ToFloat32(bits),
  },
  bfloat16: {
    type: dataType.bfloat16,
    bits: (values: Float32Array) => Uint16Array.from(new Uint32Array(values.slice().buffer), (one) => one >>> 16),
    back: (bits: Uint16Array) => bfloat16ToFloat32(bits),
  },
};

/** The export as PyTorch writes it of a pipeline in half precision: weights, constants, inputs, outputs and casts. */
async function halved({ type, bits }: Format): Promise<string> {
  const model = await readModel(unet);
  for (const tensor of tensorsOf(model)) {
    tensor.rawData = new Uint8Array(bits(floats(tensor)).buffer);
    tensor.dataType = type;
  }
  for (const { type: port } of [...model.graph.input, ...model.graph.output])
    if (port!.tensorType!.elemType === dataType.float32) port!.tensorType!.elemType = type;
  for (const node of model.graph.node)
    for (const attribute of node.attribute)
      if (node.opType === 'Cast' && attribute.name === 'to' && attribute.i === dataType.float32) attribute.i = type;
  model.graph.valueInfo = [];
  return written(model);
}

async function rounded({ bits, back }: Format): Promise<string> {
  const model = await readModel(unet);
  for (const tensor of tensorsOf(model)) tensor.rawData = new Uint8Array(back(bits(floats(tensor))).buffer);
  return written(model);
}

async function written(model: OnnxModel): Promise<string> {
  const file = join(temporaryFolder(), 'model.onnx');
  await writeModel(file, model);
  return file;
}

const shape = { channels: 4, height: 8, width: 8, conditions: { encoder_hidden_states: [77, 32] } };
const spec = { features: 'multi', rank: 2, alpha: 2, beta: 20, lambda: 1, pairs: 2 } as const;
const open = (file: string, name: 'dpo' | 'ncp-dpo') =>
  TrainingSession.create(file, shape, { objective: objectiveOf(name), ...spec }, noiseSchedule(), device);

describe.each(Object.entries(formats))('%s', (_, format) => {
  it.each(['dpo', 'ncp-dpo'] as const)(
    '%s: errors and gradients are those of the rounded weights in float32',
    async (name) => {
      const [half, whole] = [await halved(format), await rounded(format)];
      expect([computesInHalf(await readModel(half)), computesInHalf(await readModel(whole))]).toEqual([true, false]);
      const random = new Random(2);
      const draw = (n: number) => Float32Array.from({ length: n }, () => random.uniform() * 2 - 1);
      const latents = () => draw(2 * 4 * 8 * 8);
      const batch = {
        ...{ winner: latents(), loser: latents(), noise: latents(), z: latents(), timesteps: [40, 800] },
        conditions: { encoder_hidden_states: draw(2 * 77 * 32) },
      };
      const sessions = [await open(half, name), await open(whole, name)];
      const parameters = sessions[0]!.training.parameters.map(({ dims }) => draw(count(dims)).map((x) => x * 0.1));
      const [own, other] = [await sessions[0]!.run(batch, parameters), await sessions[1]!.run(batch, parameters)];
      own.modelErrors.forEach((error, i) => expect(error / other.modelErrors[i]!).toBeCloseTo(1, 4));
      expect(own.loss / other.loss).toBeCloseTo(1, 4);
      // Kernels differ where a weight is no constant; a perceptual error is a difference that loses digits.
      const near = name === 'dpo' ? 1e-4 : 1e-3;
      for (const [i, gradient] of own.gradients.entries()) {
        const scale = other.gradients[i]!.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        expect(scale).toBeGreaterThan(0);
        gradient.forEach((value, k) => expect(Math.abs(value - other.gradients[i]![k]!)).toBeLessThan(near * scale));
      }
      // As they are stored, and each widened where it is read.
      const model = sessions[0]!.training.graph.toModel();
      widenWhereRead(model);
      const { graph } = model;
      const stored = graph.initializer.filter(({ dataType: type }) => type === format.type);
      expect(stored.length).toBeGreaterThan(50);
      const producer = new Map(graph.node.flatMap((node) => node.output.map((output) => [output, node] as const)));
      const names = new Set(stored.map((tensor) => tensor.name));
      const reshapes = graph.node.filter(({ input: [from] }) => names.has(from));
      expect(reshapes.length).toBeGreaterThan(stored.length);
      for (const { opType, input, output } of reshapes) {
        expect(opType).toBe('Reshape');
        // One reader, a Cast; what it waits for is a value that is computed.
        const readers = graph.node.filter((node) => node.input.includes(output[0]!));
        expect(readers.map((node) => node.opType)).toEqual(['Cast']);
        const difference = producer.get(producer.get(input[1]!)!.input[1]!)!;
        const size = producer.get(difference.input[0]!)!;
        expect([difference.opType, size.opType]).toEqual(['Sub', 'Size']);
        expect(graph.initializer.some(({ name }) => name === size.input[0])).toBe(false);
      }
      await Promise.all(sessions.map((session) => session.release()));
    },
    60_000,
  );
});

it('a whole network is not trained from it', async () => {
  const file = await halved(formats['float16']!);
  const asked = TrainingSession.create(
    file,
    shape,
    { objective: objectiveOf('dpo'), ...spec },
    noiseSchedule(),
    device,
    { isWhole: true },
  );
  await expect(asked).rejects.toThrow('a whole U-Net is trained from a float32 export');
});
