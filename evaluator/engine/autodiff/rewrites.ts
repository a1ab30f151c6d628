/** @file Patterns of exporters in the form whose gradient costs least. */
import { attributeType, dataType, type OnnxNode, type OnnxTensor } from '../onnx/model-file.ts';
import { count, floatsOf, intsOf, type ValueType } from './graph.ts';

export interface Links {
  /** The node that computes a value. */
  producers: ReadonlyMap<string, OnnxNode>;
  /** The nodes that read it. */
  readers: ReadonlyMap<string, readonly OnnxNode[]>;
  /** Constants of one float32. */
  scalars: ReadonlyMap<string, number>;
}

export function linksOf(nodes: readonly OnnxNode[], constants: readonly OnnxTensor[]): Links {
  const readers = new Map<string, OnnxNode[]>();
  for (const node of nodes)
    for (const name of node.input) {
      const before = readers.get(name);
      if (before === undefined) readers.set(name, [node]);
      else before.push(node);
    }
  const isScalar = ({ dims, dataType: type }: OnnxTensor) => count(dims) === 1 && type === dataType.float32;
  return {
    producers: new Map(nodes.flatMap((node) => node.output.map((name) => [name, node] as const))),
    readers,
    scalars: new Map(constants.filter(isScalar).map((tensor) => [tensor.name!, floatsOf(tensor)[0]!])),
  };
}

/** Slices that cut one value into all its parts become one Split, whose gradient is a Concat instead of a sum of padded parts. */
export function joinSlices(
  nodes: readonly OnnxNode[],
  values: ReadonlyMap<string, ValueType>,
  constants: OnnxTensor[],
): OnnxNode[] {
  const tensors = new Map(constants.map((tensor) => [tensor.name!, tensor]));
  const single = (name: string | undefined, fallback?: number): number | undefined => {
    if (name === undefined || name === '') return fallback;
    const tensor = tensors.get(name);
    const numbers = tensor === undefined ? [] : intsOf(tensor);
    return numbers.length === 1 ? numbers[0] : undefined;
  };
  const groups = new Map<string, { node: OnnxNode; start: number }[]>();
  for (const node of nodes) {
    if (node.opType !== 'Slice') continue;
    const [x, startInput, , axisInput, stepInput] = node.input;
    const [start, axis, step] = [single(startInput), single(axisInput), single(stepInput, 1)];
    if (start === undefined || axis === undefined || step !== 1) continue;
    const rank = values.get(x!)!.dims.length;
    const size = values.get(x!)!.dims.at(axis)!;
    const key = `${x!} ${axis < 0 ? axis + rank : axis}`;
    groups.set(key, [...(groups.get(key) ?? []), { node, start: Math.max(0, start < 0 ? start + size : start) }]);
  }
  const splits = new Map<OnnxNode, OnnxNode | undefined>();
  for (const [key, slices] of groups) {
    const [x, axis] = [key.slice(0, key.lastIndexOf(' ')), Number(key.slice(key.lastIndexOf(' ') + 1))];
    const parts = slices.sort((a, b) => a.start - b.start);
    const sizes = parts.map(({ node }) => values.get(node.output[0]!)!.dims[axis]!);
    let end = 0;
    const whole = parts.every(({ start }, i) => start === end && ((end += sizes[i]!), true));
    if (parts.length < 2 || !whole || end !== values.get(x)!.dims[axis]) continue;
    const name = `${parts[0]!.node.output[0]!}/sizes`;
    constants.push({ name, dims: [sizes.length], dataType: dataType.int64, int64Data: sizes });
    const split: OnnxNode = {
      name: parts[0]!.node.name ?? '',
      opType: 'Split',
      input: [x, name],
      output: parts.map(({ node }) => node.output[0]!),
      attribute: [{ name: 'axis', type: attributeType.int, i: axis }],
    };
    const first = nodes.find((node) => parts.some((part) => part.node === node))!;
    for (const { node } of parts) splits.set(node, node === first ? split : undefined);
  }
  return nodes.flatMap((node) => (splits.has(node) ? (splits.get(node) ?? []) : [node]));
}

/**
 * x·½(1 + erf(x/√2)) in five nodes, as exporters write it, becomes one Gelu: four values fewer wait for the gradient.
 * Hendrycks & Gimpel (2016), arXiv:1606.08415.
 */
export function fuseGelu(nodes: readonly OnnxNode[], constants: readonly OnnxTensor[]): OnnxNode[] {
  const { producers, readers, scalars } = linksOf(nodes, constants);
  /** The only reader of a node's result, when it is this operator. */
  const next = (node: OnnxNode | undefined, opType: string): OnnxNode | undefined => {
    const [only, another] = node === undefined ? [] : (readers.get(node.output[0]!) ?? []);
    return another === undefined && only?.opType === opType ? only : undefined;
  };
  const other = (node: OnnxNode, than: string) => node.input.find((name) => name !== than)!;
  const isNumber = (name: string, value: number) => Math.abs((scalars.get(name) ?? NaN) - value) < 1e-6 * value;
  const gone = new Set<OnnxNode>();
  const fused = new Map<OnnxNode, OnnxNode>();
  for (const erf of nodes) {
    if (erf.opType !== 'Erf') continue;
    const scale = producers.get(erf.input[0]!);
    const plus = next(erf, 'Add');
    const times = next(plus, 'Mul');
    const half = next(times, 'Mul');
    if (scale === undefined || plus === undefined || times === undefined || half === undefined) continue;
    const x = scale.input[0]!;
    const scaled =
      (scale.opType === 'Div' && isNumber(scale.input[1]!, Math.SQRT2)) ||
      (scale.opType === 'Mul' && isNumber(scale.input[1]!, Math.SQRT1_2));
    if (!scaled || readers.get(scale.output[0]!)!.length > 1 || !isNumber(other(plus, erf.output[0]!), 1)) continue;
    if (other(times, plus.output[0]!) !== x || !isNumber(other(half, times.output[0]!), 0.5)) continue;
    for (const node of [scale, erf, plus, times]) gone.add(node);
    fused.set(half, { name: erf.name ?? '', opType: 'Gelu', input: [x], output: half.output, attribute: [] });
  }
  return nodes.flatMap((node) => (gone.has(node) ? [] : [fused.get(node) ?? node]));
}
