/**
 * @file U-Nets of Stable Diffusion's size with random weights, written through the project's own ONNX writer: what an
 * export looks like to a runtime, without anybody's weights. Rombach et al. (2022), arXiv:2112.10752; SDXL: 2307.01952.
 */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { float32ToFloat16 } from '../../evaluator/engine/onnx/float16.ts';
import {
  attributeType,
  dataType,
  encodeModel,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../../evaluator/engine/onnx/model-file.ts';

export interface UnetShape {
  channels: number[];
  /** Transformer blocks at each level, 0 for none. */
  depth: number[];
  context: number;
  tokens: number;
  half: boolean;
  /** [batch, 4, size, size] */
  batch: number;
  size: number;
}

export const sd15: UnetShape = {
  channels: [320, 640, 1280, 1280],
  depth: [1, 1, 1, 0],
  context: 768,
  tokens: 77,
  half: false,
  batch: 2,
  size: 64,
};
export const sdxl: UnetShape = {
  channels: [320, 640, 1280],
  depth: [0, 2, 10],
  context: 2048,
  tokens: 77,
  half: true,
  batch: 2,
  size: 128,
};

const int = (name: string, i: number): OnnxAttribute => ({ name, type: attributeType.int, i });
const ints = (name: string, values: number[]): OnnxAttribute => ({ name, type: attributeType.ints, ints: values });

/** Writes folder/model.onnx and folder/model.onnx_data. @returns parameters */
export function writeUnet(folder: string, shape: UnetShape): number {
  mkdirSync(folder, { recursive: true });
  const data = openSync(join(folder, 'model.onnx_data'), 'w');
  const floats = shape.half ? dataType.float16 : dataType.float32;
  const bytesEach = shape.half ? 2 : 4;
  // A megabyte of small numbers, over and over: values do not change what a product costs.
  const block = shape.half
    ? new Uint16Array(1 << 19).map((_, i) => 0x2000 + ((i * 7919) % 512) + (i % 2) * 0x8000)
    : new Float32Array(1 << 18).map((_, i) => (((i * 7919) % 1021) / 1021 - 0.5) * 0.05);
  const bytes = new Uint8Array(block.buffer);
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  let [offset, parameters, serial, scope] = [0, 0, 0, ''];

  const weight = (...dims: number[]): string => {
    const count = dims.reduce((product, size) => product * size, 1);
    const length = count * bytesEach;
    const name = `w${initializers.length}`;
    for (let written = 0; written < length;)
      written += writeSync(data, bytes, 0, Math.min(bytes.length, length - written));
    const entries = { location: 'model.onnx_data', offset: String(offset), length: String(length) };
    initializers.push({
      name,
      dims,
      dataType: floats,
      dataLocation: 1,
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
    });
    offset += length;
    parameters += count;
    return name;
  };
  const constant = (values: number[]): string => {
    const name = `c${initializers.length}`;
    initializers.push({ name, dims: [values.length], dataType: dataType.int64, int64Data: values });
    return name;
  };
  const node = (opType: string, input: string[], attribute: OnnxAttribute[] = [], outputs = 1): string => {
    const output = Array.from({ length: outputs }, () => `t${serial++}`);
    nodes.push({ opType, input, output, attribute, name: `${scope}/${opType}_${nodes.length}` });
    return output[0]!;
  };
  /** As exporters do, nodes are named after their module's path. */
  const within = <T>(part: string, make: () => T): T => {
    const outer = scope;
    scope += `/${part}`;
    const made = make();
    scope = outer;
    return made;
  };
  const linear = (x: string, from: number, to: number, { bias = true, name = '' } = {}): string => {
    const product = node('MatMul', [x, weight(from, to)]);
    if (name !== '') nodes.at(-1)!.name = `${scope}/${name}/MatMul`;
    return bias ? node('Add', [product, weight(to)]) : product;
  };
  const filled = (count: number, value: number): string => {
    const name = `c${initializers.length}`;
    const numbers = Array<number>(count).fill(value);
    if (floats === dataType.float32) initializers.push({ name, dims: [count], dataType: floats, floatData: numbers });
    else {
      const half = float32ToFloat16(Float32Array.from(numbers));
      initializers.push({ name, dims: [count], dataType: floats, rawData: new Uint8Array(half.buffer) });
    }
    return name;
  };
  const conv = (x: string, from: number, to: number, kernel: number, stride = 1): string =>
    node(
      'Conv',
      [x, weight(to, from, kernel, kernel), weight(to)],
      [
        ints('kernel_shape', [kernel, kernel]),
        ints('pads', Array<number>(4).fill(kernel >> 1)),
        ints('strides', [stride, stride]),
      ],
    );
  const groupNorm = (x: string, channels: number, size: number): string => {
    const groups = node('Reshape', [x, constant([shape.batch, 32, -1])]);
    const normal = node('InstanceNormalization', [groups, filled(32, 1), filled(32, 0)]);
    const back = node('Reshape', [normal, constant([shape.batch, channels, size, size])]);
    return node('Add', [node('Mul', [back, weight(channels, 1, 1)]), weight(channels, 1, 1)]);
  };
  const silu = (x: string): string => node('Mul', [x, node('Sigmoid', [x])]);
  const gelu = (x: string): string => {
    const phi = node('Add', [node('Erf', [node('Div', [x, filled(1, Math.SQRT2)])]), filled(1, 1)]);
    return node('Mul', [node('Mul', [x, phi]), filled(1, 0.5)]);
  };
  const layerNorm = (x: string, width: number): string =>
    node('LayerNormalization', [x, weight(width), weight(width)], [int('axis', -1)]);

  const timeWidth = shape.channels[0]! * 4;
  const resnet = (x: string, time: string, from: number, to: number, size: number): string => {
    const first = conv(silu(groupNorm(x, from, size)), from, to, 3);
    const shift = node('Reshape', [linear(silu(time), timeWidth, to), constant([shape.batch, to, 1, 1])]);
    const second = conv(silu(groupNorm(node('Add', [first, shift]), to, size)), to, to, 3);
    return node('Add', [from === to ? x : conv(x, from, to, 1), second]);
  };
  const heads = 8;
  const attention = (
    x: string,
    context: string,
    width: number,
    contextWidth: number,
    length: number,
    contextLength: number,
  ): string => {
    const split = (y: string, rows: number, order: number[]) =>
      node(
        'Transpose',
        [node('Reshape', [y, constant([shape.batch, rows, heads, width / heads])])],
        [ints('perm', order)],
      );
    const q = split(linear(x, width, width, { bias: false, name: 'to_q' }), length, [0, 2, 1, 3]);
    const k = split(linear(context, contextWidth, width, { bias: false, name: 'to_k' }), contextLength, [0, 2, 3, 1]);
    const v = split(linear(context, contextWidth, width, { bias: false, name: 'to_v' }), contextLength, [0, 2, 1, 3]);
    const scores = node(
      'Softmax',
      [node('Mul', [node('MatMul', [q, k]), filled(1, 1 / Math.sqrt(width / heads))])],
      [int('axis', -1)],
    );
    const joined = node('Transpose', [node('MatMul', [scores, v])], [ints('perm', [0, 2, 1, 3])]);
    return linear(node('Reshape', [joined, constant([shape.batch, length, width])]), width, width, {
      name: 'to_out.0',
    });
  };
  const transformer = (x: string, width: number, size: number, depth: number): string => {
    const length = size * size;
    const flat = node(
      'Transpose',
      [node('Reshape', [conv(groupNorm(x, width, size), width, width, 1), constant([shape.batch, width, length])])],
      [ints('perm', [0, 2, 1])],
    );
    let y = flat;
    for (let block = 0; block < depth; block++) {
      const own = layerNorm(y, width);
      const path = `transformer_blocks.${block}`;
      const self = within(`${path}/attn1`, () => attention(own, own, width, width, length, length));
      y = node('Add', [y, self]);
      const asked = layerNorm(y, width);
      const cross = within(`${path}/attn2`, () =>
        attention(asked, 'encoder_hidden_states', width, shape.context, length, shape.tokens),
      );
      y = node('Add', [y, cross]);
      const wide = linear(layerNorm(y, width), width, width * 8);
      const gate = node('Split', [wide], [int('axis', -1), int('num_outputs', 2)], 2);
      const other = `t${serial - 1}`;
      y = node('Add', [y, linear(node('Mul', [gate, gelu(other)]), width * 4, width)]);
    }
    const square = node('Reshape', [
      node('Transpose', [y], [ints('perm', [0, 2, 1])]),
      constant([shape.batch, width, size, size]),
    ]);
    return node('Add', [x, conv(square, width, width, 1)]);
  };

  const { channels, depth } = shape;
  const top = channels[0]!;
  // The time embedding's sines matter to nobody here: one number spread over its width.
  const each = node('Expand', [node('Unsqueeze', ['timestep', constant([0])]), constant([shape.batch])]);
  const spread = node('Expand', [node('Unsqueeze', [each, constant([1])]), constant([shape.batch, top])]);
  const time = linear(
    silu(linear(shape.half ? node('Cast', [spread], [int('to', floats)]) : spread, top, timeWidth)),
    timeWidth,
    timeWidth,
  );
  let size = shape.size;
  let x = conv('sample', 4, top, 3);
  const skips: [string, number][] = [[x, top]];
  let width = top;
  channels.forEach((to, level) => {
    within(`down_blocks.${level}`, () => {
      for (let i = 0; i < 2; i++) {
        x = resnet(x, time, width, to, size);
        width = to;
        if (depth[level]! > 0) x = within(`attentions.${i}`, () => transformer(x, to, size, depth[level]!));
        skips.push([x, to]);
      }
      if (level < channels.length - 1) {
        x = conv(x, to, to, 3, 2);
        size /= 2;
        skips.push([x, to]);
      }
    });
  });
  within('mid_block', () => {
    x = resnet(x, time, width, width, size);
    x = within('attentions.0', () => transformer(x, width, size, Math.max(1, depth.at(-1)!)));
    x = resnet(x, time, width, width, size);
  });
  [...channels.keys()].reverse().forEach((level, up) => {
    within(`up_blocks.${up}`, () => {
      for (let i = 0; i < 3; i++) {
        const [skip, skipWidth] = skips.pop()!;
        x = resnet(node('Concat', [x, skip], [int('axis', 1)]), time, width + skipWidth, channels[level]!, size);
        width = channels[level]!;
        if (depth[level]! > 0) x = within(`attentions.${i}`, () => transformer(x, width, size, depth[level]!));
      }
      if (level > 0) {
        // Nearest, twice as large.
        const rows = node('Reshape', [x, constant([shape.batch, width, size, 1, size, 1])]);
        const wide = node('Expand', [rows, constant([shape.batch, width, size, 2, size, 2])]);
        size *= 2;
        x = conv(node('Reshape', [wide, constant([shape.batch, width, size, size])]), width, width, 3);
      }
    });
  });
  nodes.push({
    opType: 'Identity',
    input: [conv(silu(groupNorm(x, top, size)), top, 4, 3)],
    output: ['out_sample'],
    attribute: [],
    name: '/out',
  });

  const port = (name: string, dims: number[], elemType: number) => ({
    name,
    type: { tensorType: { elemType, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
  });
  const model: OnnxModel = {
    irVersion: 8,
    opsetImport: [{ version: 18 }],
    graph: {
      name: 'unet',
      node: nodes,
      initializer: initializers,
      valueInfo: [],
      input: [
        port('sample', [shape.batch, 4, shape.size, shape.size], floats),
        port('timestep', [], dataType.float32),
        port('encoder_hidden_states', [shape.batch, shape.tokens, shape.context], floats),
      ],
      output: [port('out_sample', [shape.batch, 4, shape.size, shape.size], floats)],
    },
  };
  closeSync(data);
  writeFileSync(join(folder, 'model.onnx'), encodeModel(model));
  return parameters;
}
