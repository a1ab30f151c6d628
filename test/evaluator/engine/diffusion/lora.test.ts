/** @file Adapters into weights: W + s·(α/r)·B·A by hand, in every layout and key style; what fits nothing is refused by key. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mergeAdapters, readAdapter, type NetworkName } from '../../../../evaluator/engine/diffusion/lora.ts';
import { float16ToFloat32, float32ToFloat16 } from '../../../../evaluator/engine/onnx/float16.ts';
import {
  attributeType,
  dataType,
  readModel,
  writeModel,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../../../../evaluator/engine/onnx/model-file.ts';
import { encodeSafeTensors, type SafeTensor } from '../../../../evaluator/engine/onnx/safetensors.ts';
import { golden, temporaryFolder } from '../../../support/folders.ts';

// A layer of 3 inputs and 2 outputs, an adapter of rank 2. B·A = [[1, 0], [2, −1]]·[[1, 2, 3], [0, 1, −1]]
//   = [[1, 2, 3], [2, 3, 7]]
const down: SafeTensor = { shape: [2, 3], data: Float32Array.of(1, 2, 3, 0, 1, -1) };
const up: SafeTensor = { shape: [2, 2], data: Float32Array.of(1, 0, 2, -1) };
const product = [1, 2, 3, 2, 3, 7];
const weight = [10, 20, 30, 40, 50, 60];
const transposed = (rows: readonly number[]) => [rows[0], rows[3], rows[1], rows[4], rows[2], rows[5]] as number[];

function adapterFile(tensors: Record<string, SafeTensor>): string {
  const file = join(temporaryFolder(), 'adapter.safetensors');
  writeFileSync(file, encodeSafeTensors(new Map(Object.entries(tensors))));
  return file;
}
const pair = (path: string) => ({ [`${path}.lora.down.weight`]: down, [`${path}.lora.up.weight`]: up });

const bytes = (data: Float32Array | Uint16Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
function tensor(name: string, dims: number[], values: number[], half = false): OnnxTensor {
  const data = Float32Array.from(values);
  const rawData = bytes(half ? float32ToFloat16(data) : data);
  return { name, dims, dataType: half ? dataType.float16 : dataType.float32, rawData };
}
const node = (opType: string, name: string, input: string[], attribute: OnnxNode['attribute'] = []): OnnxNode => ({
  opType,
  name,
  input,
  output: [`${name}_out`],
  attribute,
});
async function network(nodes: OnnxNode[], initializer: OnnxTensor[]): Promise<string> {
  const file = join(temporaryFolder(), 'model.onnx');
  const model: OnnxModel = {
    irVersion: 9,
    opsetImport: [{ version: 17 }],
    graph: {
      name: 'g',
      node: nodes,
      initializer,
      input: [{ name: 'x' }],
      output: [{ name: nodes.at(-1)!.output[0]! }],
      valueInfo: [],
    },
  };
  await writeModel(file, model);
  return file;
}
const matmul = (path: string, name = 'onnx::MatMul_1') => node('MatMul', `${path}/MatMul`, ['x', name]);

/** The merged weights by name, and the patched graph. */
async function merge(file: string, adapters: { file: string; scale: number }[], name: NetworkName = 'unet') {
  const read = await Promise.all(
    adapters.map(async ({ file: from, scale }) => ({ adapter: await readAdapter(from), scale })),
  );
  const source = await mergeAdapters(file, name, read);
  if (source.patch === undefined) return { source, weights: {}, model: undefined };
  const patched = join(temporaryFolder(), 'patched.onnx');
  writeFileSync(patched, source.patch.model as Uint8Array);
  const model = await readModel(patched);
  const weights = Object.fromEntries(
    source.patch.weights.map(({ path, data }) => {
      const { dataType: type, externalData } = model.graph.initializer.find((other) => other.name === path)!;
      expect(externalData).toEqual([
        { key: 'location', value: path },
        { key: 'offset', value: '0' },
        { key: 'length', value: String(data.length) },
      ]);
      const copy = new Uint8Array(data).buffer;
      return [
        path,
        [...(type === dataType.float16 ? float16ToFloat32(new Uint16Array(copy)) : new Float32Array(copy))],
      ];
    }),
  );
  return { source, weights, model };
}
const only = (weights: Record<string, number[]>) => {
  expect(Object.keys(weights)).toHaveLength(1);
  return Object.values(weights)[0]!;
};

describe('merging', () => {
  const sum = weight.map((w, i) => w + product[i]!);
  it('a MatMul’s weight lies transposed, [in, out]', async () => {
    const file = await network([matmul('/a/to_q')], [tensor('onnx::MatMul_1', [3, 2], transposed(weight))]);
    const { weights, model } = await merge(file, [{ file: adapterFile(pair('unet.a.to_q')), scale: 1 }]);
    expect(only(weights)).toEqual(transposed(sum));
    // The node reads the new weight, the old one is gone, and the file on disk is as it was.
    expect(model!.graph.node[0]!.input[1]).toBe('visavis.merged.a_to_q');
    expect(model!.graph.initializer.map((t) => [t.name, t.dims])).toEqual([['visavis.merged.a_to_q', [3, 2]]]);
    expect((await readModel(file)).graph.initializer[0]!.name).toBe('onnx::MatMul_1');
  });
  it('a Gemm’s with transB does not, without it does', async () => {
    const transB = [{ name: 'transB', type: attributeType.int, i: 1 }];
    const straight = await network([node('Gemm', '/a/Gemm', ['x', 'w', 'b'], transB)], [tensor('w', [2, 3], weight)]);
    expect(only((await merge(straight, [{ file: adapterFile(pair('unet.a')), scale: 1 }])).weights)).toEqual(sum);
    const turned = await network([node('Gemm', '/a/Gemm', ['x', 'w'])], [tensor('w', [3, 2], transposed(weight))]);
    expect(only((await merge(turned, [{ file: adapterFile(pair('unet.a')), scale: 1 }])).weights)).toEqual(
      transposed(sum),
    );
  });
  it('a 1 × 1 convolution is a layer', async () => {
    const file = await network([node('Conv', '/proj_in/Conv', ['x', 'w'])], [tensor('w', [2, 3, 1, 1], weight)]);
    const conv = {
      'unet.proj_in.lora.down.weight': { shape: [2, 3, 1, 1], data: down.data },
      'unet.proj_in.lora.up.weight': { shape: [2, 2, 1, 1], data: up.data },
    };
    expect(only((await merge(file, [{ file: adapterFile(conv), scale: 1 }])).weights)).toEqual(sum);
  });
  it('is scaled by s·α/r; without α by s', async () => {
    const file = await network([matmul('/a')], [tensor('onnx::MatMul_1', [3, 2], transposed(weight))]);
    const alpha = {
      'lora_unet_a.lora_down.weight': down,
      'lora_unet_a.lora_up.weight': up,
      'lora_unet_a.alpha': { shape: [], data: Float32Array.of(1) },
    };
    // ½ · 1/2 = ¼ of the product
    expect(only((await merge(file, [{ file: adapterFile(alpha), scale: 0.5 }])).weights)).toEqual(
      transposed(weight.map((w, i) => w + product[i]! / 4)),
    );
    expect(only((await merge(file, [{ file: adapterFile(pair('a')), scale: -2 }])).weights)).toEqual(
      transposed(weight.map((w, i) => w - 2 * product[i]!)),
    );
  });
  it('of two adapters adds both, also where they meet; other layers keep their weights', async () => {
    const file = await network(
      [matmul('/a'), matmul('/b', 'onnx::MatMul_2'), matmul('/c', 'onnx::MatMul_3')],
      [1, 2, 3].map((n) => tensor(`onnx::MatMul_${n}`, [3, 2], transposed(weight))),
    );
    const [one, two] = [adapterFile(pair('unet.a')), adapterFile({ ...pair('unet.a'), ...pair('unet.b') })];
    const { weights, model } = await merge(file, [
      { file: one, scale: 1 },
      { file: two, scale: 2 },
    ]);
    expect(weights).toEqual({
      'visavis.merged.a': transposed(weight.map((w, i) => w + 3 * product[i]!)),
      'visavis.merged.b': transposed(weight.map((w, i) => w + 2 * product[i]!)),
    });
    expect(model!.graph.node.map(({ input }) => input[1])).toEqual([
      'visavis.merged.a',
      'visavis.merged.b',
      'onnx::MatMul_3',
    ]);
    expect(model!.graph.initializer.map(({ name }) => name)).toContain('onnx::MatMul_3');
  });
  it('a half network gets half weights; behind a Cast to float32 the merged one is float32', async () => {
    const half = await network([matmul('/a', 'w')], [tensor('w', [3, 2], transposed(weight), true)]);
    const merged = await merge(half, [{ file: adapterFile(pair('unet.a')), scale: 1 }]);
    expect(only(merged.weights)).toEqual(transposed(sum));
    expect(merged.model!.graph.initializer[0]!.dataType).toBe(dataType.float16);
    const cast: OnnxNode = {
      opType: 'Cast',
      name: 'cast',
      input: ['w'],
      output: ['w32'],
      attribute: [{ name: 'to', type: attributeType.int, i: 1 }],
    };
    const behind = await network([cast, matmul('/a', 'w32')], [tensor('w', [3, 2], transposed(weight), true)]);
    const other = await merge(behind, [{ file: adapterFile(pair('unet.a')), scale: 1 }]);
    expect(only(other.weights)).toEqual(transposed(sum));
    expect(other.model!.graph.initializer.map(({ name, dataType: type }) => [name, type])).toEqual([
      ['visavis.merged.a', dataType.float32],
    ]);
    // The Cast that nobody reads any more went with its weight.
    expect(other.model!.graph.node.map(({ opType }) => opType)).toEqual(['MatMul']);
  });
  it('leaves a network alone that no adapter is for', async () => {
    const file = await network([matmul('/a')], [tensor('onnx::MatMul_1', [3, 2], transposed(weight))]);
    const adapter = adapterFile(pair('text_encoder.a'));
    expect((await merge(file, [{ file: adapter, scale: 1 }])).source).toEqual({ file });
    expect(only((await merge(file, [{ file: adapter, scale: 1 }], 'text_encoder')).weights)).toEqual(transposed(sum));
  });
});

describe('where a network keeps its layers', () => {
  const sum = weight.map((w, i) => w + product[i]!);
  it('behind a Transpose that the exporter left, the weight stays as it lies', async () => {
    const transpose = node('Transpose', 't', ['a.weight']);
    const file = await network([transpose, matmul('/a', 't_out')], [tensor('a.weight', [2, 3], weight)]);
    const { weights, model } = await merge(file, [{ file: adapterFile(pair('unet.a')), scale: 1 }]);
    expect(only(weights)).toEqual(sum);
    expect(model!.graph.node.map(({ input }) => input.at(-1))).toEqual(['visavis.merged.a', 't_out']);
  });
  it('of torch’s dynamo exporter by what it notes of the module', async () => {
    // As torch 2.9's export of two layers has it.
    const scopes = "['', 'down_blocks.0', 'down_blocks.0.to_q', 'linear']";
    const layer = {
      ...node('MatMul', 'node_linear', ['x', 'val_0']),
      metadataProps: [
        { key: 'namespace', value: ': N/down_blocks.0: B/linear: aten.linear.default' },
        { key: 'pkg.torch.onnx.name_scopes', value: scopes },
      ],
    };
    const file = await network([layer], [tensor('val_0', [3, 2], transposed(weight))]);
    const adapter = adapterFile(pair('unet.down_blocks.0.to_q'));
    expect(only((await merge(file, [{ file: adapter, scale: 1 }])).weights)).toEqual(transposed(sum));
  });
  it.each([
    ['/text_model/encoder/layers.0/mlp/fc1', 'encoder.layers.0.mlp.fc1'],
    ['/encoder/layers.0/mlp/fc1', 'text_model.encoder.layers.0.mlp.fc1'],
  ])('of a text encoder with and without its text_model: %s', async (path, key) => {
    const file = await network([matmul(path)], [tensor('onnx::MatMul_1', [3, 2], transposed(weight))]);
    const adapter = adapterFile(pair(`text_encoder.${key}`));
    expect(only((await merge(file, [{ file: adapter, scale: 1 }], 'text_encoder')).weights)).toEqual(transposed(sum));
  });
});

describe('other kinds than LoRA', () => {
  const { cases } = JSON.parse(readFileSync(join(golden, 'adapters.json'), 'utf8')) as {
    cases: Record<
      string,
      Record<'tensors' | 'base', Record<string, { shape: number[]; data: number[] }>> & {
        config: object;
        merged: Record<string, number[]>;
      }
    >;
  };
  it.each(Object.keys(cases))('%s is what PEFT merges', async (name) => {
    const { config, tensors, base, merged } = cases[name]!;
    const folder = temporaryFolder();
    const all = Object.entries(tensors).map(([key, { shape, data }]) => [
      key,
      { shape, data: Float32Array.from(data) },
    ]);
    writeFileSync(join(folder, 'adapter_model.safetensors'), encodeSafeTensors(new Map(all as [string, SafeTensor][])));
    writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify(config));
    const [lin, conv] = [base['lin.weight']!, base['conv.weight']!];
    const transB = [{ name: 'transB', type: attributeType.int, i: 1 }];
    const file = await network(
      [node('Gemm', '/lin/Gemm', ['x', 'l'], transB), node('Conv', '/conv/Conv', ['lin', 'c'])],
      [tensor('l', lin.shape, lin.data), tensor('c', conv.shape, conv.data)],
    );
    const weights: Record<string, number[]> = (await merge(file, [{ file: folder, scale: 1 }])).weights;
    for (const layer of ['lin', 'conv']) {
      const ours = weights[`visavis.merged.${layer}`]!;
      const theirs = merged[`${layer}.weight`]!;
      expect(ours).toHaveLength(theirs.length);
      theirs.forEach((value, i) => expect(ours[i]).toBeCloseTo(value, 5));
    }
  });

  it('DoRA by hand, in kohya’s keys: of each output, and of each input', async () => {
    // W + B·A = [[1, 0], [0, 1]] + [[2], [0]]·[[1, 2]] = [[3, 4], [0, 1]]; its rows are 5 and 1 long, its columns 3 and √17.
    const base = tensor('w', [2, 2], [1, 0, 0, 1]);
    const file = await network([node('Conv', '/a/Conv', ['x', 'w'])], [{ ...base, dims: [2, 2, 1, 1] }]);
    const layer = (magnitude: SafeTensor) =>
      adapterFile({
        'lora_unet_a.lora_down.weight': { shape: [1, 2], data: Float32Array.of(1, 2) },
        'lora_unet_a.lora_up.weight': { shape: [2, 1], data: Float32Array.of(2, 0) },
        'lora_unet_a.dora_scale': magnitude,
      });
    const rows = layer({ shape: [2, 1], data: Float32Array.of(10, 7) });
    const close = (values: number[]) => values.map((value) => expect.closeTo(value, 5) as number);
    expect(only((await merge(file, [{ file: rows, scale: 1 }])).weights)).toEqual(close([6, 8, 0, 7]));
    const columns = layer({ shape: [1, 2], data: Float32Array.of(6, 17) });
    const root = Math.sqrt(17);
    expect(only((await merge(file, [{ file: columns, scale: 1 }])).weights)).toEqual(close([6, 4 * root, 0, root]));
    // Half of it: W + ½·B·A = [[2, 2], [0, 1]]; beside another adapter both are taken over the base.
    expect(only((await merge(file, [{ file: rows, scale: 0.5 }])).weights)).toEqual(
      close([5 * Math.SQRT2, 5 * Math.SQRT2, 0, 7]),
    );
    expect(
      only(
        (
          await merge(file, [
            { file: rows, scale: 1 },
            { file: rows, scale: 1 },
          ])
        ).weights,
      ),
    ).toEqual(close([11, 16, 0, 13]));
  });

  it('DoRA of a convolution’s inputs is not taken for its outputs’, where there are as many', async () => {
    // Input 0 holds 1, 2, 5, 6 and input 1 holds 3, 4, 7, 8: √66 and √138 long.
    const file = await network(
      [node('Conv', '/a/Conv', ['x', 'w'])],
      [tensor('w', [2, 2, 1, 2], [1, 2, 3, 4, 5, 6, 7, 8])],
    );
    const layer = (magnitude: Record<string, SafeTensor>) =>
      adapterFile({
        'lora_unet_a.lora_down.weight': { shape: [1, 2, 1, 2], data: new Float32Array(4) },
        'lora_unet_a.lora_up.weight': { shape: [2, 1, 1, 1], data: new Float32Array(2) },
        ...magnitude,
      });
    const own = Float32Array.of(Math.sqrt(66), 2 * Math.sqrt(138));
    const inputs = layer({ 'lora_unet_a.dora_scale': { shape: [1, 2, 1, 1], data: own } });
    const close = (values: number[]) => values.map((value) => expect.closeTo(value, 4) as number);
    expect(only((await merge(file, [{ file: inputs, scale: 1 }])).weights)).toEqual(close([1, 2, 6, 8, 5, 6, 14, 16]));
    // PEFT's shape is the same and means the outputs, √30 and √174 long.
    const outputs = Float32Array.of(Math.sqrt(30), 2 * Math.sqrt(174));
    const peft = layer({ 'unet.a.lora_magnitude_vector': { shape: [1, 2, 1, 1], data: outputs } });
    expect(only((await merge(file, [{ file: peft, scale: 1 }])).weights)).toEqual(close([1, 2, 3, 4, 10, 12, 14, 16]));
    const short = layer({ 'lora_unet_a.dora_scale': { shape: [3, 1, 1, 1], data: new Float32Array(3) } });
    await expect(merge(file, [{ file: short, scale: 1 }])).rejects.toThrow(
      'the magnitude of "lora_unet_a.dora_scale" is [3, 1, 1, 1]',
    );
  });

  it('LyCORIS’s own files: α over the rank, and none where LoKr’s factors are whole', async () => {
    const file = await network([node('Conv', '/a/Conv', ['x', 'w'])], [tensor('w', [2, 2, 1, 1], [0, 0, 0, 0])]);
    const one = (shape: number[], ...data: number[]) => ({ shape, data: Float32Array.from(data) });
    const loha = adapterFile({
      'lora_unet_a.hada_w1_a': one([2, 1], 1, 2),
      'lora_unet_a.hada_w1_b': one([1, 2], 3, 4),
      'lora_unet_a.hada_w2_a': one([2, 1], 1, 1),
      'lora_unet_a.hada_w2_b': one([1, 2], 1, 10),
      'lora_unet_a.alpha': one([], 0.5),
    });
    // ½·[[3, 4], [6, 8]] ⊙ [[1, 10], [1, 10]]
    expect(only((await merge(file, [{ file: loha, scale: 1 }])).weights)).toEqual([1.5, 20, 3, 40]);
    const lokr = adapterFile({
      'lora_unet_a.lokr_w1': one([2, 1], 1, 2),
      'lora_unet_a.lokr_w2': one([1, 2], 3, 4),
      'lora_unet_a.alpha': one([], 5),
    });
    expect(only((await merge(file, [{ file: lokr, scale: 1 }])).weights)).toEqual([3, 4, 6, 8]);
    const half = { 'lora_unet_a.lokr_w1': one([2, 1], 1, 2), 'lora_unet_a.lokr_w2_a': one([1, 1], 3) };
    await expect(merge(file, [{ file: adapterFile(half), scale: 1 }])).rejects.toThrow('needs lokr_w2, or lokr_w2_a');
    await expect(
      merge(file, [{ file: adapterFile({ 'lora_unet_a.hada_w1_a': one([2, 1], 1, 2) }), scale: 1 }]),
    ).rejects.toThrow('lacks hada_w1_b, hada_w2_a, hada_w2_b');
    await expect(
      merge(file, [{ file: adapterFile({ 'lora_unet_a.hada_t1': one([2, 1], 1, 2) }), scale: 1 }]),
    ).rejects.toThrow('"lora_unet_a.hada_t1" is a Tucker decomposition');
  });
});

describe('refusals', () => {
  it('keys that match no weight are listed, the first eight of many', async () => {
    const file = await network([matmul('/a')], [tensor('onnx::MatMul_1', [3, 2], weight)]);
    const some = adapterFile({ ...pair('unet.a'), ...pair('unet.b') });
    await expect(merge(file, [{ file: some, scale: 1 }])).rejects.toThrow(
      `${some} does not fit ${file}: 1 of 2 keys match no weight: unet.b.lora.down.weight.`,
    );
    const eight = adapterFile(
      Object.assign({}, ...Array.from({ length: 8 }, (_, i) => pair(`unet.m${i}`))) as Record<string, SafeTensor>,
    );
    await expect(merge(file, [{ file: eight, scale: 1 }])).rejects.toThrow(/unet\.m7\.lora\.down\.weight\.$/);
    const nine = adapterFile(
      Object.assign({}, ...Array.from({ length: 9 }, (_, i) => pair(`unet.m${i}`))) as Record<string, SafeTensor>,
    );
    await expect(merge(file, [{ file: nine, scale: 1 }])).rejects.toThrow(/unet\.m7\.lora\.down\.weight and 1 more\.$/);
  });
  it.each([
    ['fewer outputs', [3, 3], /makes \[2, 3\], the network's weight is \[3, 3\]; is it an adapter of another model\?/],
    ['fewer inputs', [4, 2], /makes \[2, 3\], the network's weight is \[2, 4\]/],
  ])('a layer of another shape is refused (%s)', async (_, dims, message) => {
    const file = await network(
      [matmul('/a')],
      [tensor('onnx::MatMul_1', dims, Array<number>(dims[0]! * dims[1]!).fill(1))],
    );
    await expect(merge(file, [{ file: adapterFile(pair('unet.a')), scale: 1 }])).rejects.toThrow(message);
  });
  it('half a pair, ranks that differ, keys of no style, and an empty file', async () => {
    const read = (tensors: Record<string, SafeTensor>) => readAdapter(adapterFile(tensors));
    await expect(read({ 'unet.a.lora.down.weight': down })).rejects.toThrow(
      '"unet.a.lora.down.weight" has only one of its two matrices.',
    );
    await expect(read({ 'unet.a.lora.up.weight': up })).rejects.toThrow('has only one of its two matrices.');
    await expect(
      read({ 'unet.a.lora.down.weight': down, 'unet.a.lora.up.weight': { shape: [2, 3], data: new Float32Array(6) } }),
    ).rejects.toThrow('"unet.a.lora.down.weight" has rank 2 below and 3 above.');
    await expect(read({ ...pair('unet.a'), 'unet.a.weight': down, 'x.bias': down })).rejects.toThrow(
      '2 keys are of no adapter style that visavis knows: unet.a.weight, x.bias.',
    );
    for (const prefix of ['prior.', 'diffusion_model.'])
      await expect(read(pair(`${prefix}a`))).rejects.toThrow('2 keys are of no adapter style');
    await expect(read({})).rejects.toThrow("holds no adapter's matrices.");
  });
});

describe('key styles', () => {
  const ends = { down: '.lora.down.weight', up: '.lora.up.weight' };
  const kohya = { down: '.lora_down.weight', up: '.lora_up.weight' };
  const peft = { down: '.lora_A.weight', up: '.lora_B.weight' };
  it.each([
    ['diffusers', 'unet.mid_block.attentions.0.attn1.to_q', ends, 'unet', 'mid_block_attentions_0_attn1_to_q'],
    ['diffusers, text', 'text_encoder.layers.1.q_proj', ends, 'text_encoder', 'layers_1_q_proj'],
    ['diffusers, second text', 'text_encoder_2.layers.1.q_proj', ends, 'text_encoder_2', 'layers_1_q_proj'],
    ['no network named', 'mid_block.attn1.to_q', ends, 'unet', 'mid_block_attn1_to_q'],
    [
      'old processors',
      'unet.attn1.processor.to_q',
      { down: '_lora.down.weight', up: '_lora.up.weight' },
      'unet',
      'attn1_to_q',
    ],
    [
      'old processors, out',
      'unet.attn1.processor.to_out',
      { down: '_lora.down.weight', up: '_lora.up.weight' },
      'unet',
      'attn1_to_out_0',
    ],
    ['PEFT', 'base_model.model.mid_block.attn1.to_q', peft, 'unet', 'mid_block_attn1_to_q'],
    [
      'PEFT, named adapter',
      'unet.mid_block.attn1.to_q',
      { down: '.lora_A.default.weight', up: '.lora_B.default.weight' },
      'unet',
      'mid_block_attn1_to_q',
    ],
    ['kohya', 'lora_unet_mid_block_attentions_0_attn1_to_q', kohya, 'unet', 'mid_block_attentions_0_attn1_to_q'],
    [
      'kohya, text',
      'lora_te_text_model_encoder_layers_0_mlp_fc1',
      kohya,
      'text_encoder',
      'text_model_encoder_layers_0_mlp_fc1',
    ],
    [
      'LyCORIS on a bare U-Net',
      'lycoris_mid_block_attentions_0_proj_in',
      kohya,
      'unet',
      'mid_block_attentions_0_proj_in',
    ],
    ['kohya, SDXL text', 'lora_te1_text_model_encoder', kohya, 'text_encoder', 'text_model_encoder'],
    ['kohya, SDXL second text', 'lora_te2_text_model_encoder', kohya, 'text_encoder_2', 'text_model_encoder'],
    // SDXL's blocks: inputs 4, 5 are down_blocks.1 (three layers a block after the first), 7, 8 down_blocks.2.
    [
      'original names',
      'lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q',
      kohya,
      'unet',
      'down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q',
    ],
    ['original names, 8', 'lora_unet_input_blocks_8_1_proj_in', kohya, 'unet', 'down_blocks_2_attentions_1_proj_in'],
    [
      'original names, middle',
      'lora_unet_middle_block_1_transformer_blocks_9_attn2_to_v',
      kohya,
      'unet',
      'mid_block_attentions_0_transformer_blocks_9_attn2_to_v',
    ],
    ['original names, up', 'lora_unet_output_blocks_5_1_proj_out', kohya, 'unet', 'up_blocks_1_attentions_2_proj_out'],
    // Convolutions and embeddings, by diffusers' convert_unet_vae_state_dict and sgm's openaimodel.py.
    ...[
      ['input_blocks_0_0', 'conv_in'],
      ['input_blocks_1_0_in_layers_2', 'down_blocks_0_resnets_0_conv1'],
      ['input_blocks_2_0_emb_layers_1', 'down_blocks_0_resnets_1_time_emb_proj'],
      ['input_blocks_3_0_op', 'down_blocks_0_downsamplers_0_conv'],
      ['input_blocks_4_0_skip_connection', 'down_blocks_1_resnets_0_conv_shortcut'],
      ['middle_block_0_out_layers_3', 'mid_block_resnets_0_conv2'],
      ['middle_block_2_in_layers_2', 'mid_block_resnets_1_conv1'],
      ['output_blocks_2_0_skip_connection', 'up_blocks_0_resnets_2_conv_shortcut'],
      ['output_blocks_2_2_conv', 'up_blocks_0_upsamplers_0_conv'],
      ['output_blocks_8_0_out_layers_3', 'up_blocks_2_resnets_2_conv2'],
      ['time_embed_0', 'time_embedding_linear_1'],
      ['label_emb_0_2', 'add_embedding_linear_2'],
      ['out_2', 'conv_out'],
    ].map(([from, to]) => [`original names, ${from}`, `lora_unet_${from}`, kohya, 'unet', to]),
    [
      'diffusers, older text',
      'text_encoder.text_model.encoder.layers.0.self_attn.to_q',
      { down: '_lora.down.weight', up: '_lora.up.weight' },
      'text_encoder',
      'text_model_encoder_layers_0_self_attn_q_proj',
    ],
    [
      'diffusers, older text, out',
      'text_encoder_2.text_model.encoder.layers.0.self_attn.to_out',
      { down: '_lora.down.weight', up: '_lora.up.weight' },
      'text_encoder_2',
      'text_model_encoder_layers_0_self_attn_out_proj',
    ],
    [
      'diffusers, text layers',
      'text_encoder.text_model.encoder.layers.0.mlp.fc1',
      { down: '.lora_linear_layer.down.weight', up: '.lora_linear_layer.up.weight' },
      'text_encoder',
      'text_model_encoder_layers_0_mlp_fc1',
    ],
  ] as [string, string, typeof ends, NetworkName, string][])('%s: %s', async (_, path, style, name, expected) => {
    const { modules, file } = await readAdapter(adapterFile({ [path + style.down]: down, [path + style.up]: up }));
    expect([...modules[name].keys()]).toEqual([expected]);
    expect(modules[name].get(expected)).toMatchObject({
      scaling: 1,
      kind: 'LoRA',
      rank: 2,
      parts: { down: { data: down.data }, up: { data: up.data } },
    });
    expect(file).toMatch(/adapter\.safetensors$/);
    expect(Object.values(modules).reduce((n, { size }) => n + size, 0)).toBe(1);
  });
});
