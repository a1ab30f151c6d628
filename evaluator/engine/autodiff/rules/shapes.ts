/** @file Operators that move numbers without changing them. */
import { ArgumentError } from '../../../statistics/argument-error.ts';
import { dataType } from '../../onnx/model-file.ts';
import { count, intAttribute, intsAttribute, stringAttribute, type Graph } from '../graph.ts';
import type { Rule } from './rule.ts';

/** The gradient has the input's shape again. */
const back: Rule = ({ graph, node, dy }) => [graph.reshape(dy, graph.dims(node.input[0]!))];

export const shapes: Record<string, Rule> = {
  Identity: ({ dy }) => [dy],
  Reshape: back,
  Flatten: back,
  Squeeze: back,
  Unsqueeze: back,
  Transpose({ graph, node, dy }) {
    const rank = graph.dims(dy).length;
    const perm = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
    return [
      graph.transpose(
        dy,
        Array.from({ length: rank }, (_, axis) => perm.indexOf(axis)),
      ),
    ];
  },
  Expand: ({ graph, node, dy }) => [graph.sumTo(dy, graph.dims(node.input[0]!))],
  Concat({ graph, node, dy, needs }) {
    const axis = positive(intAttribute(node, 'axis', 0), graph.dims(dy));
    let start = 0;
    return node.input.map((name, i) => {
      const end = start + graph.dims(name)[axis]!;
      const part = needs(i) ? graph.slice(dy, axis, start, end) : undefined;
      start = end;
      return part;
    });
  },
  Split({ graph, node, dys }) {
    const axis = positive(intAttribute(node, 'axis', 0), graph.dims(node.input[0]!));
    const parts = node.output.map((name, i) => dys[i] ?? graph.zeros(graph.dims(name), graph.value(name).type));
    return [graph.concat(parts, axis)];
  },
  Slice({ graph, node, dy }) {
    const [x, startsInput, , axesInput, stepsInput] = node.input as [string, string, string, string?, string?];
    const dims = graph.dims(x);
    const starts = graph.readInts(startsInput);
    const axes = axesInput ? graph.readInts(axesInput) : [...starts.keys()];
    const steps = stepsInput ? graph.readInts(stepsInput) : starts.map(() => 1);
    let gradient = dy;
    axes.forEach((rawAxis, i) => {
      gradient = unslice(graph, gradient, positive(rawAxis, dims), dims, starts[i]!, steps[i]!);
    });
    return [gradient];
  },
  // Rows that were taken several times add up.
  Gather({ graph, node, dy }) {
    const [x, indicesInput] = node.input as [string, string];
    const dims = graph.dims(x);
    const axis = positive(intAttribute(node, 'axis', 0), dims);
    const indexDims = graph.dims(indicesInput);
    // dy is [before, indices, after]; the indexed axis goes to the front.
    const [before, taken, after] = [count(dims.slice(0, axis)), count(indexDims), count(dims.slice(axis + 1))];
    const rows = graph.transpose(graph.reshape(dy, [before, taken, after]), [1, 0, 2]);
    const { type } = graph.value(indicesInput);
    const column = graph.add('Reshape', [indicesInput, graph.ints([taken, 1])], [taken, 1], {}, type);
    const indices =
      type === dataType.int64
        ? column
        : graph.add('Cast', [column], [taken, 1], { to: dataType.int64 }, dataType.int64);
    const start = graph.zeros([dims[axis]!, before, after], graph.value(x).type);
    const sum = graph.add('ScatterND', [start, indices, rows], graph.dims(start), { reduction: 'add' });
    return [graph.reshape(graph.transpose(sum, [1, 0, 2]), dims)];
  },
  // Enlarged by whole factors: each pixel's copies add up.
  Resize({ graph, node, dy }) {
    const x = node.input[0]!;
    const [from, to] = [graph.dims(x), graph.dims(dy)];
    const factors = to.map((size, i) => size / from[i]!);
    if (stringAttribute(node, 'mode', 'nearest') !== 'nearest' || !factors.every(Number.isInteger))
      throw new ArgumentError('only nearest resizing by whole factors has a rule');
    const split = graph.reshape(
      dy,
      from.flatMap((size, i) => [size, factors[i]!]),
    );
    const summed = graph.reduce(
      'ReduceSum',
      split,
      factors.map((_, i) => 2 * i + 1),
    );
    return [graph.reshape(summed, from)];
  },
  Pad({ graph, node, dy }) {
    if (stringAttribute(node, 'mode', 'constant') !== 'constant')
      throw new ArgumentError('only constant padding has a rule');
    const [x, padsInput, , axesInput] = node.input as [string, string, string?, string?];
    const dims = graph.dims(x);
    const pads = graph.readInts(padsInput);
    const axes = axesInput ? graph.readInts(axesInput).map((axis) => positive(axis, dims)) : [...dims.keys()];
    let gradient = dy;
    axes.forEach((axis, i) => {
      const [before, after] = [pads[i]!, pads[i + axes.length]!];
      if (before < 0 || after < 0) throw new ArgumentError('padding below 0 has no rule');
      gradient = graph.slice(gradient, axis, before, before + dims[axis]!);
    });
    return [gradient];
  },
  Where({ graph, node, dy, needs }) {
    const [condition, a, b] = node.input as [string, string, string];
    const zero = graph.scalar(0, graph.value(dy).type);
    const pick = (yes: string, no: string, like: string) =>
      graph.sumTo(graph.add('Where', [condition, yes, no], graph.dims(dy), {}, graph.value(dy).type), graph.dims(like));
    return [undefined, needs(1) ? pick(dy, zero, a) : undefined, needs(2) ? pick(zero, dy, b) : undefined];
  },
  Cast({ graph, node, dy }) {
    const { type } = graph.value(node.input[0]!);
    return [graph.value(dy).type === type ? dy : graph.add('Cast', [dy], graph.dims(dy), { to: type }, type)];
  },
};

/** Puts a slice's gradient back among zeros, along one axis. */
function unslice(
  graph: Graph,
  gradient: string,
  axis: number,
  dims: readonly number[],
  rawStart: number,
  step: number,
): string {
  const size = dims[axis]!;
  const n = graph.dims(gradient)[axis]!;
  const start = Math.min(Math.max(rawStart < 0 ? rawStart + size : rawStart, 0), step > 0 ? size : size - 1);
  const before = step > 0 ? start : start + (n - 1) * step;
  let value = gradient;
  if (step < 0) {
    const minus = graph.ints([-1]);
    value = graph.add('Slice', [value, minus, graph.ints([-(2 ** 31)]), graph.ints([axis]), minus], graph.dims(value));
  }
  const stride = Math.abs(step);
  if (stride > 1) {
    // Each number followed by stride − 1 zeros, of which the last are cut off again.
    const current = graph.dims(value);
    const apart = graph.reshape(value, [...current.slice(0, axis + 1), 1, ...current.slice(axis + 1)]);
    const pads = Array<number>(2 * (current.length + 1)).fill(0);
    pads[current.length + 1 + axis + 1] = stride - 1;
    const padded = graph.pad(apart, pads);
    const joined = graph.reshape(
      padded,
      current.map((length, i) => (i === axis ? length * stride : length)),
    );
    value = graph.slice(joined, axis, 0, (n - 1) * stride + 1);
  }
  const length = graph.dims(value)[axis]!;
  const pads = Array<number>(2 * dims.length).fill(0);
  pads[axis] = before;
  pads[dims.length + axis] = size - before - length;
  return graph.pad(value, pads);
}

function positive(axis: number, dims: readonly number[]): number {
  return axis < 0 ? axis + dims.length : axis;
}
