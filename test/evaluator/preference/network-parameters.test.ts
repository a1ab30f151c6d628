/** @file Which tensors of an export are parameters, and the network that is written with others in their place. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  attributeType,
  dataType,
  readModel,
  writeModel,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../../../evaluator/engine/onnx/model-file.ts';
import { createSession } from '../../../evaluator/engine/onnx/session.ts';
import { parametersOf, readParameter, withParameters } from '../../../evaluator/preference/network-parameters.ts';
import { golden, temporaryFolder } from '../../support/folders.ts';

const port = (name: string, dims: number[]) => ({
  name,
  type: { tensorType: { elemType: dataType.float32, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
});
const tensor = (name: string, dims: number[], values: number[]): OnnxTensor => ({
  ...{ name, dims, dataType: dataType.float32 },
  rawData: new Uint8Array(Float32Array.from(values).buffer),
});
const node = (
  name: string,
  opType: string,
  input: string[],
  output: string,
  attribute: OnnxNode['attribute'] = [],
) => ({
  ...{ name, opType, input, output: [output], attribute },
});
const modelOf = (nodes: OnnxNode[], initializer: OnnxTensor[], out: number[]): OnnxModel => ({
  irVersion: 8,
  opsetImport: [{ domain: '', version: 17 }],
  graph: { node: nodes, initializer, input: [port('x', [1, 2])], output: [port('y', out)], valueInfo: [] },
});
const namesOf = (model: OnnxModel) => parametersOf(model, 'net.onnx').map(({ name }) => name);

describe('parameters', () => {
  it('a linear layer’s weight and shift; a number that scales is none', () => {
    const nodes = [
      node('/a/MatMul', 'MatMul', ['x', 'w'], 'h'),
      node('/a/Add', 'Add', ['b', 'h'], 'g'),
      // As attention scales its products, within its own module.
      node('/a/Mul', 'Mul', ['g', 'half'], 'y'),
    ];
    const model = modelOf(
      nodes,
      [tensor('w', [2, 2], [1, 2, 3, 4]), tensor('b', [2], [5, 6]), tensor('half', [], [0.5])],
      [1, 2],
    );
    expect(namesOf(model)).toEqual(['a.weight', 'a.bias']);
  });

  it('two layers that share a stored tensor have one each; a layer that is called twice is refused', () => {
    const weights = [tensor('w', [2, 2], [1, 2, 3, 4])];
    const layers = (second: string) => [
      node('/a/MatMul', 'MatMul', ['x', 'w'], 'h'),
      node(second, 'MatMul', ['h', 'w'], 'y'),
    ];
    expect(namesOf(modelOf(layers('/b/MatMul'), weights, [1, 2]))).toEqual(['a.weight', 'b.weight']);
    expect(() => namesOf(modelOf(layers('/a/MatMul_1'), weights, [1, 2]))).toThrow('calls the layer of a.weight twice');
  });

  it('a tensor that is read in another way is refused by name', () => {
    const nodes = [node('/a/MatMul', 'MatMul', ['x', 'w'], 'h'), node('/c/Mul', 'Mul', ['h', 'onnx::Mul_9'], 'y')];
    const weights = [tensor('w', [2, 2], [1, 2, 3, 4]), tensor('onnx::Mul_9', [2], [1, 2])];
    expect(() => namesOf(modelOf(nodes, weights, [1, 2]))).toThrow('reads "onnx::Mul_9" in a way that is not trained');
  });

  it('a turned weight is read as its node sees it', async () => {
    const perm = [{ name: 'perm', type: attributeType.ints, ints: [1, 0] }];
    const nodes = [node('/t', 'Transpose', ['w'], 'wt', perm), node('/a/MatMul', 'MatMul', ['x', 'wt'], 'y')];
    const model = modelOf(nodes, [tensor('w', [3, 2], [1, 2, 3, 4, 5, 6])], [1, 3]);
    const [parameter] = parametersOf(model, 'net.onnx');
    expect(parameter!.dims).toEqual([2, 3]);
    expect([...(await readParameter(parameter!, 'net.onnx'))]).toEqual([1, 3, 5, 2, 4, 6]);
    // Written back, the node reads the new one without the Transpose.
    const file = join(temporaryFolder(), 'model.onnx');
    await writeModel(file, model);
    const { model: bytes } = await withParameters(file, [Float32Array.of(1, 0, 0, 0, 1, 7)]);
    writeFileSync(file, bytes);
    expect((await readModel(file)).graph.node.map(({ opType }) => opType)).toEqual(['MatMul']);
    const session = await createSession({ file }, { kind: 'cpu' });
    const { y } = await session.run({ x: { type: 'float32', data: Float32Array.of(2, 3), dims: [1, 2] } });
    await session.release();
    expect([...(y!.data as Float32Array)]).toEqual([2, 3, 21]);
  });
});

it('what is too large for one file lies beside it; what is left of the old data comes along', async () => {
  const source = join(golden, 'sd-tiny', 'unet', 'model.onnx');
  const folder = temporaryFolder();
  // A shape that only a Reshape reads, kept beside the network as large exports keep everything.
  const model = await readModel(source);
  const file = join(folder, 'model.onnx');
  const kept: OnnxTensor = { name: 'kept', dims: [2], dataType: dataType.int64, dataLocation: 1 };
  kept.externalData = Object.entries({ location: 'old_data', offset: '8', length: '16' }).map(([key, value]) => ({
    key,
    value,
  }));
  writeFileSync(join(folder, 'old_data'), new Uint8Array(BigInt64Array.of(99n, 3n, 4n).buffer));
  model.graph.initializer.push(kept);
  model.graph.output.push({ name: 'kept copy', type: { tensorType: { elemType: dataType.int64 } } });
  model.graph.node.push(node('/kept', 'Identity', ['kept'], 'kept copy'));
  await writeModel(file, model);

  const values: Float32Array[] = [];
  for (const parameter of parametersOf(model, file)) values.push(await readParameter(parameter, file));
  const changed = values.map((array, i) => array.map((value, k) => value + i + k / 1e3));
  const { model: bytes, data } = await withParameters(file, changed, 0);
  expect(data).toHaveLength(values.length);
  const other = join(temporaryFolder(), 'model.onnx');
  writeFileSync(other, bytes);
  writeFileSync(`${other}_data`, Buffer.concat(data));
  const back = parametersOf(await readModel(other), other);
  for (const [i, parameter] of back.entries())
    expect(Buffer.from((await readParameter(parameter, other)).buffer).equals(Buffer.from(changed[i]!.buffer))).toBe(
      true,
    );
  const { graph } = await readModel(other);
  const left = graph.initializer.find(({ name }) => name === 'kept')!;
  expect([...new BigInt64Array(new Uint8Array(left.rawData!).buffer)]).toEqual([3n, 4n]);
  await (await createSession({ file: other }, { kind: 'cpu' })).release();
});
