/**
 * @file A graph under construction in which every value's shape is a list of numbers. Gradient rules and objectives write
 * operators through its methods, which know the resulting shapes.
 */
import { ArgumentError } from '../../statistics/argument-error.ts';
import {
  attributeType,
  dataType,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../onnx/model-file.ts';

/** Constants up to so many numbers stay in the graph while it is folded; larger ones are weights. */
export const largestConstant = 1024;

/** The ONNX operator set that everything here is written in. */
export const opset = 20;

export interface ValueType {
  dims: readonly number[];
  /** TensorProto.DataType */
  type: number;
}
type AttributeValue = number | readonly number[] | string;

export class Graph {
  readonly nodes: OnnxNode[] = [];
  readonly #producers = new Map<string, OnnxNode>();
  readonly values = new Map<string, ValueType>();
  /** Constants and weights; a weight may be external data. */
  readonly initializers = new Map<string, OnnxTensor>();
  readonly inputs: string[] = [];
  readonly outputs: string[] = [];
  /** Values that have no gradient, whatever they were computed from. */
  readonly held = new Set<string>();
  readonly #numbers = new Map<string, string>();
  readonly #prefix: string;
  #next = 0;

  /** @param prefix of the names that are made here; a graph inside another must not repeat names */
  constructor(prefix = '') {
    this.#prefix = prefix;
  }

  dims(value: string): readonly number[] {
    return this.value(value).dims;
  }

  value(name: string): ValueType {
    const found = this.values.get(name);
    if (found === undefined) throw new ArgumentError(`The graph has no value "${name}".`);
    return found;
  }

  input(name: string, dims: readonly number[], type: number = dataType.float32): string {
    this.values.set(name, { dims, type });
    this.inputs.push(name);
    return name;
  }

  /** Gives a value a name of its own as an output. */
  output(value: string, name: string): void {
    this.#push('Identity', [value], [name], {});
    this.values.set(name, this.value(value));
    this.outputs.push(name);
  }

  /** The same value, through which no gradient flows. */
  hold(value: string): string {
    const held = this.add('Identity', [value], this.dims(value));
    this.held.add(held);
    return held;
  }

  /** @returns the first output */
  add(
    opType: string,
    inputs: readonly string[],
    dims: readonly number[],
    attributes: Record<string, AttributeValue> = {},
    type?: number,
  ): string {
    const output = `${this.#prefix}grad/${opType}_${this.#next++}`;
    this.#push(opType, inputs, [output], attributes);
    this.values.set(output, { dims, type: type ?? this.value(inputs[0]!).type });
    return output;
  }

  #push(opType: string, input: readonly string[], output: string[], attributes: Record<string, AttributeValue>): void {
    const name = `${output[0]!}/node`;
    const attribute = Object.entries(attributes).map(encodeAttribute);
    this.#keep({ name, opType, input: [...input], output, attribute });
  }

  #keep(node: OnnxNode): void {
    this.nodes.push(node);
    for (const name of node.output) this.#producers.set(name, node);
  }

  /** The node that computes a value; undefined for inputs and constants. */
  producer(value: string): OnnxNode | undefined {
    return this.#producers.get(value);
  }

  /** A node of the exported network, as it is. */
  addNode(node: OnnxNode, outputs: readonly ValueType[]): void {
    this.#keep(node);
    node.output.forEach((name, i) => this.values.set(name, outputs[i]!));
  }

  /** A list of whole numbers, as Reshape and ReduceSum take them. */
  ints(values: readonly number[]): string {
    return this.#constant(`i${values.join(',')}`, () => ({
      dims: [values.length],
      dataType: dataType.int64,
      rawData: bytesOf(BigInt64Array.from(values, BigInt)),
    }));
  }

  scalar(value: number, type: number = dataType.float32): string {
    return this.#constant(`s${type}:${value}`, () => ({
      dims: [],
      dataType: type,
      rawData: bytesOf(type === dataType.float64 ? Float64Array.of(value) : Float32Array.of(value)),
    }));
  }

  zeros(dims: readonly number[], type: number = dataType.float32): string {
    return this.add('Expand', [this.scalar(0, type), this.ints(dims)], dims, {}, type);
  }

  /** A constant with one number everywhere. */
  filled(dims: readonly number[], value: number): string {
    return this.#constant(`f${dims.join('x')}:${value}`, () => ({
      dims: [...dims],
      dataType: dataType.float32,
      rawData: bytesOf(new Float32Array(count(dims)).fill(value)),
    }));
  }

  /** Whether a value is a constant with this number everywhere. */
  isFilledWith(name: string, value: number): boolean {
    const tensor = this.initializers.get(name);
    if (tensor === undefined || tensor.dataType !== dataType.float32 || tensor.dataLocation === 1) return false;
    const numbers = floatsOf(tensor);
    return numbers.length > 0 && numbers.every((number) => number === value);
  }

  #constant(key: string, make: () => OnnxTensor): string {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const name = `${this.#prefix}constant/${key}`;
    this.initialize({ ...make(), name });
    this.#numbers.set(key, name);
    return name;
  }

  initialize(tensor: OnnxTensor): void {
    this.initializers.set(tensor.name!, tensor);
    this.values.set(tensor.name!, { dims: tensor.dims, type: tensor.dataType });
  }

  /** The numbers of a small constant of whole numbers. @throws ArgumentError when it is none */
  readInts(name: string): number[] {
    const tensor = this.initializers.get(name);
    if (tensor === undefined) throw new ArgumentError(`"${name}" is no constant.`);
    return intsOf(tensor);
  }

  // Element-wise, with broadcasting.
  binary(opType: 'Add' | 'Sub' | 'Mul' | 'Div' | 'Pow', a: string, b: string): string {
    return this.add(opType, [a, b], broadcast(this.dims(a), this.dims(b)));
  }
  plus(a: string, b: string): string {
    return this.binary('Add', a, b);
  }
  minus(a: string, b: string): string {
    return this.binary('Sub', a, b);
  }
  times(a: string, b: string | number): string {
    return this.binary('Mul', a, this.#number(a, b));
  }
  over(a: string, b: string | number): string {
    return this.binary('Div', a, this.#number(a, b));
  }
  #number(like: string, value: string | number): string {
    return typeof value === 'string' ? value : this.scalar(value, this.value(like).type);
  }
  unary(opType: string, a: string): string {
    return this.add(opType, [a], this.dims(a));
  }
  square(a: string): string {
    return this.times(a, a);
  }

  reshape(a: string, dims: readonly number[]): string {
    if (sameDims(this.dims(a), dims)) return a;
    return this.add('Reshape', [a, this.ints(dims)], dims);
  }
  transpose(a: string, perm: readonly number[]): string {
    if (perm.every((axis, i) => axis === i)) return a;
    const dims = this.dims(a);
    return this.add(
      'Transpose',
      [a],
      perm.map((axis) => dims[axis]!),
      { perm },
    );
  }
  /** The last two axes exchanged. */
  transposeLast(a: string): string {
    const rank = this.dims(a).length;
    return this.transpose(a, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
  }
  expand(a: string, dims: readonly number[]): string {
    if (sameDims(this.dims(a), dims)) return a;
    return this.add('Expand', [a, this.ints(dims)], dims);
  }
  matmul(a: string, b: string): string {
    const [x, y] = [this.dims(a), this.dims(b)];
    const batch = broadcast(x.slice(0, -2), y.slice(0, -2));
    return this.add('MatMul', [a, b], [...batch, x.at(-2)!, y.at(-1)!]);
  }
  reduce(opType: 'ReduceSum' | 'ReduceMean', a: string, axes: readonly number[], keepdims = true): string {
    if (axes.length === 0) return a;
    const dims = this.dims(a);
    const reduced = new Set(axes.map((axis) => (axis < 0 ? axis + dims.length : axis)));
    const kept = dims.flatMap((size, i) => (!reduced.has(i) ? [size] : keepdims ? [1] : []));
    return this.add(opType, [a, this.ints([...reduced])], kept, { keepdims: keepdims ? 1 : 0 });
  }
  slice(a: string, axis: number, start: number, end: number): string {
    const dims = [...this.dims(a)];
    if (start === 0 && end === dims[axis]) return a;
    dims[axis] = end - start;
    return this.add('Slice', [a, this.ints([start]), this.ints([end]), this.ints([axis])], dims);
  }
  concat(parts: readonly string[], axis: number): string {
    if (parts.length === 1) return parts[0]!;
    const dims = [...this.dims(parts[0]!)];
    dims[axis] = parts.reduce((sum, part) => sum + this.dims(part)[axis]!, 0);
    return this.add('Concat', parts, dims, { axis });
  }
  /** Zeros around it. @param pads before every axis, then after every axis */
  pad(a: string, pads: readonly number[]): string {
    if (pads.every((count) => count === 0)) return a;
    const dims = this.dims(a);
    return this.add(
      'Pad',
      [a, this.ints(pads)],
      dims.map((size, i) => size + pads[i]! + pads[i + dims.length]!),
    );
  }

  /** The gradient of a value that was broadcast: summed over the axes that were repeated. */
  sumTo(a: string, dims: readonly number[]): string {
    const from = this.dims(a);
    if (sameDims(from, dims)) return a;
    const lead = from.length - dims.length;
    const axes = from.flatMap((size, i) => (i < lead || (dims[i - lead] === 1 && size !== 1) ? [i] : []));
    return this.reshape(this.reduce('ReduceSum', a, axes), dims);
  }

  /** The finished graph with what it needs, ready to be written. */
  toModel(name = 'training'): OnnxModel {
    const info = (value: string) => {
      const { dims, type } = this.value(value);
      return {
        name: value,
        type: { tensorType: { elemType: type, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
      };
    };
    return {
      irVersion: 9,
      producerName: 'visavis',
      opsetImport: [{ domain: '', version: opset }],
      graph: {
        name,
        node: this.nodes,
        initializer: [...this.initializers.values()],
        input: this.inputs.map(info),
        output: this.outputs.map(info),
        valueInfo: [],
      },
    };
  }
}

/** numpy's rule. @throws ArgumentError when the shapes do not fit */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    if (x !== y && x !== 1 && y !== 1)
      throw new ArgumentError(`[${a.join(', ')}] and [${b.join(', ')}] do not broadcast.`);
    return Math.max(x, y);
  });
}

export function sameDims(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

export function count(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

function encodeAttribute([name, value]: [string, AttributeValue]): OnnxAttribute {
  if (typeof value === 'number') return { name, type: attributeType.int, i: value };
  if (typeof value === 'string') return { name, type: attributeType.string, s: new TextEncoder().encode(value) };
  return { name, type: attributeType.ints, ints: [...value] };
}

function bytesOf(array: BigInt64Array | Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer);
}

/** @throws ArgumentError when the tensor holds no whole numbers */
export function intsOf(tensor: OnnxTensor): number[] {
  if (tensor.int64Data !== undefined && tensor.int64Data.length > 0) return [...tensor.int64Data];
  const copy = new Uint8Array(tensor.rawData ?? []).buffer;
  if (tensor.dataType === dataType.int64) return Array.from(new BigInt64Array(copy), Number);
  if (tensor.dataType === dataType.int32) return [...new Int32Array(copy)];
  throw new ArgumentError(`"${tensor.name!}" holds no whole numbers.`);
}

/** The numbers of a float32 constant that is in the graph. */
export function floatsOf({ floatData, rawData }: OnnxTensor): number[] {
  if (floatData !== undefined && floatData.length > 0) return [...floatData];
  return [...new Float32Array(new Uint8Array(rawData ?? []).buffer)];
}

/** A node's attributes by name, with the operator's defaults. */
export function intAttribute(node: OnnxNode, name: string, fallback: number): number {
  return node.attribute.find((other) => other.name === name)?.i ?? fallback;
}
export function intsAttribute(node: OnnxNode, name: string): number[] | undefined {
  return node.attribute.find((other) => other.name === name)?.ints;
}
export function floatAttribute(node: OnnxNode, name: string, fallback: number): number {
  return node.attribute.find((other) => other.name === name)?.f ?? fallback;
}
export function stringAttribute(node: OnnxNode, name: string, fallback: string): string {
  const bytes = node.attribute.find((other) => other.name === name)?.s;
  return bytes === undefined ? fallback : new TextDecoder().decode(bytes);
}
