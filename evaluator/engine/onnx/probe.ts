/** @file A process of its own that runs a network of one addition on a device: exit 0, or 1 and the reason on stdout. */
import { parseDevice } from './device.ts';
import { attributeType, dataType, encodeModel, type OnnxModel } from './model-file.ts';
import { createSessionFromBytes } from './session.ts';

const port = (name: string) => ({
  name,
  type: { tensorType: { elemType: dataType.float32, shape: { dim: [{ dimValue: 1 }] } } },
});
const addition: OnnxModel = {
  irVersion: 8,
  opsetImport: [{ version: 18 }],
  graph: {
    name: 'probe',
    node: [
      {
        opType: 'Constant',
        input: [],
        output: ['one'],
        attribute: [
          { name: 'value', type: attributeType.tensor, t: { dims: [1], dataType: dataType.float32, floatData: [1] } },
        ],
      },
      { opType: 'Add', input: ['x', 'one'], output: ['y'], attribute: [] },
    ],
    initializer: [],
    input: [port('x')],
    output: [port('y')],
    valueInfo: [],
  },
};

try {
  const session = await createSessionFromBytes(encodeModel(addition), parseDevice(process.argv[2]!));
  const { y } = await session.run({ x: { type: 'float32', data: Float32Array.of(1), dims: [1] } });
  if (y!.data[0] !== 2) throw new Error(`1 + 1 gave ${String(y!.data[0])} on this device.`);
  await session.release();
} catch (error) {
  process.stdout.write((error as Error).message.split('\n')[0]!);
  process.exitCode = 1;
}
