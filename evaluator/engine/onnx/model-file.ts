/**
 * @file Reading and writing ONNX files. Source: onnx/onnx.proto (field numbers). Weights are views into the file or
 * stay in external data files; nothing is copied until a file is written.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { BadInput, cannotRead } from '../files/bad-input.ts';
import { decodeMessage, encodeMessage, type MessageType } from './protobuf.ts';

export interface OnnxModel {
  irVersion: number;
  producerName?: string;
  opsetImport: { domain?: string; version: number }[];
  graph: OnnxGraph;
  metadataProps?: StringEntry[];
}
export interface OnnxGraph {
  name?: string;
  node: OnnxNode[];
  initializer: OnnxTensor[];
  input: OnnxValueInfo[];
  output: OnnxValueInfo[];
  valueInfo: OnnxValueInfo[];
}
export interface OnnxNode {
  name?: string;
  opType: string;
  domain?: string;
  /** An empty name stands for an optional input that is not given. */
  input: string[];
  output: string[];
  attribute: OnnxAttribute[];
  /** What the exporter says of it, as torch's dynamo exporter the module that it came from. */
  metadataProps?: StringEntry[];
}
export interface OnnxAttribute {
  name: string;
  type: number;
  f?: number;
  i?: number;
  s?: Uint8Array;
  t?: OnnxTensor;
  g?: OnnxGraph;
  floats?: number[];
  ints?: number[];
  strings?: Uint8Array[];
}
export interface OnnxTensor {
  name?: string;
  dims: number[];
  dataType: number;
  rawData?: Uint8Array;
  floatData?: number[];
  int32Data?: number[];
  int64Data?: number[];
  doubleData?: number[];
  externalData?: StringEntry[];
  /** 1: the bytes are in the file that externalData names. */
  dataLocation?: number;
}
export interface OnnxValueInfo {
  name: string;
  type?: { tensorType?: { elemType: number; shape?: { dim: { dimValue?: number; dimParam?: string }[] } } };
}
export interface StringEntry {
  key: string;
  value: string;
}

/** TensorProto.DataType. */
export const dataType = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
} as const;
/** AttributeProto.AttributeType. */
export const attributeType = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;

const stringEntry: MessageType = {
  fields: { 1: { name: 'key', type: 'string' }, 2: { name: 'value', type: 'string' } },
};
const tensor: MessageType = {
  fields: {
    1: { name: 'dims', type: 'int', repeated: true },
    2: { name: 'dataType', type: 'int' },
    4: { name: 'floatData', type: 'float', repeated: true },
    5: { name: 'int32Data', type: 'int', repeated: true },
    6: { name: 'stringData', type: 'bytes', repeated: true },
    7: { name: 'int64Data', type: 'int', repeated: true },
    8: { name: 'name', type: 'string' },
    9: { name: 'rawData', type: 'bytes' },
    10: { name: 'doubleData', type: 'double', repeated: true },
    13: { name: 'externalData', type: stringEntry, repeated: true },
    14: { name: 'dataLocation', type: 'int' },
  },
};
const dimension: MessageType = {
  fields: { 1: { name: 'dimValue', type: 'int' }, 2: { name: 'dimParam', type: 'string' } },
};
const shape: MessageType = { fields: { 1: { name: 'dim', type: dimension, repeated: true } } };
const tensorType: MessageType = { fields: { 1: { name: 'elemType', type: 'int' }, 2: { name: 'shape', type: shape } } };
const valueInfo: MessageType = {
  fields: {
    1: { name: 'name', type: 'string' },
    2: { name: 'type', type: { fields: { 1: { name: 'tensorType', type: tensorType } } } },
  },
};
const attribute: MessageType = {
  fields: {
    1: { name: 'name', type: 'string' },
    2: { name: 'f', type: 'float' },
    3: { name: 'i', type: 'int' },
    4: { name: 's', type: 'bytes' },
    5: { name: 't', type: tensor },
    7: { name: 'floats', type: 'float', repeated: true },
    8: { name: 'ints', type: 'int', repeated: true },
    9: { name: 'strings', type: 'bytes', repeated: true },
    20: { name: 'type', type: 'int' },
  },
};
const node: MessageType = {
  fields: {
    1: { name: 'input', type: 'string', repeated: true },
    2: { name: 'output', type: 'string', repeated: true },
    3: { name: 'name', type: 'string' },
    4: { name: 'opType', type: 'string' },
    5: { name: 'attribute', type: attribute, repeated: true },
    7: { name: 'domain', type: 'string' },
    9: { name: 'metadataProps', type: stringEntry, repeated: true },
  },
};
const graph: MessageType = {
  fields: {
    1: { name: 'node', type: node, repeated: true },
    2: { name: 'name', type: 'string' },
    5: { name: 'initializer', type: tensor, repeated: true },
    11: { name: 'input', type: valueInfo, repeated: true },
    12: { name: 'output', type: valueInfo, repeated: true },
    13: { name: 'valueInfo', type: valueInfo, repeated: true },
  },
};
attribute.fields[6] = { name: 'g', type: graph };
const opset: MessageType = { fields: { 1: { name: 'domain', type: 'string' }, 2: { name: 'version', type: 'int' } } };
const model: MessageType = {
  fields: {
    1: { name: 'irVersion', type: 'int' },
    2: { name: 'producerName', type: 'string' },
    7: { name: 'graph', type: graph },
    8: { name: 'opsetImport', type: opset, repeated: true },
    14: { name: 'metadataProps', type: stringEntry, repeated: true },
  },
};

/**
 * The graph and its weights; external data files are named, not read.
 * @throws BadInput when the file is missing, cut short or no ONNX file
 */
export async function readModel(file: string): Promise<OnnxModel> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw cannotRead(file, error);
  }
  let decoded: unknown;
  try {
    decoded = decodeMessage(bytes, model);
  } catch {
    throw new BadInput(`${file} is no complete ONNX file (${bytes.length} bytes); export or copy it again.`);
  }
  if ((decoded as Partial<OnnxModel>).graph === undefined) throw new BadInput(`${file} holds no ONNX graph.`);
  return decoded as OnnxModel;
}

/** The file's bytes, as one buffer. */
export function encodeModel(value: OnnxModel): Uint8Array {
  const { chunks, length } = encodeMessage(value, model);
  return Buffer.concat(chunks, length);
}

export async function writeModel(file: string, value: OnnxModel): Promise<void> {
  await writeFile(file, encodeModel(value));
}
