/** @file Two-dimensional convolutions. Dumoulin & Visin (2016), arXiv:1603.07285. */
import { ArgumentError } from '../../../statistics/argument-error.ts';
import type { OnnxNode } from '../../onnx/model-file.ts';
import { intAttribute, intsAttribute, stringAttribute, type Graph } from '../graph.ts';
import type { Rule } from './rule.ts';

interface Window {
  kernel: number[];
  strides: number[];
  /** Before height and width, then after. */
  pads: number[];
  dilations: number[];
  group: number;
}

function windowOf(graph: Graph, node: OnnxNode): Window {
  const kernel = [...graph.dims(node.input[1]!).slice(2)];
  if (kernel.length !== 2) throw new ArgumentError('only two-dimensional convolutions have a rule');
  if (!['NOTSET', ''].includes(stringAttribute(node, 'auto_pad', 'NOTSET')))
    throw new ArgumentError('auto_pad has no rule; export with explicit pads');
  return {
    kernel,
    strides: intsAttribute(node, 'strides') ?? [1, 1],
    pads: intsAttribute(node, 'pads') ?? [0, 0, 0, 0],
    dilations: intsAttribute(node, 'dilations') ?? [1, 1],
    group: intAttribute(node, 'group', 1),
  };
}

const attributesOf = ({ kernel, strides, pads, dilations, group }: Window) => ({
  kernel_shape: kernel,
  strides,
  pads,
  dilations,
  group,
});

export const convolutions: Record<string, Rule> = {
  Conv({ graph, node, dy, needs }) {
    const [x, w, bias] = node.input as [string, string, string?];
    const window = windowOf(graph, node);
    return [
      needs(0) ? inputGradient(graph, x, w, dy, window) : undefined,
      needs(1) ? kernelGradient(graph, x, dy, window, graph.dims(w)) : undefined,
      bias !== undefined && needs(2) ? graph.reduce('ReduceSum', dy, [0, 2, 3], false) : undefined,
    ];
  },
  // The other way round: what was output is input. The kernel is [in, out / group, h, w].
  ConvTranspose({ graph, node, dy, needs }) {
    const [x, w, bias] = node.input as [string, string, string?];
    const window = windowOf(graph, node);
    if (intsAttribute(node, 'output_shape') !== undefined)
      throw new ArgumentError('output_shape has no rule; export pads');
    return [
      needs(0) ? graph.add('Conv', [dy, w], graph.dims(x), attributesOf(window)) : undefined,
      needs(1) ? kernelGradient(graph, dy, x, window, graph.dims(w)) : undefined,
      bias !== undefined && needs(2) ? graph.reduce('ReduceSum', dy, [0, 2, 3], false) : undefined,
    ];
  },
};

/**
 * dX: the transposed convolution. With stride 1 it is a convolution with the kernel turned by 180° and its channels
 * exchanged, which onnxruntime runs about twice as fast on a CPU; the turned kernel of a frozen weight is folded at load.
 */
function inputGradient(graph: Graph, x: string, w: string, dy: string, window: Window): string {
  const { kernel, strides, pads, dilations, group } = window;
  const dims = graph.dims(x);
  const out = graph.dims(dy);
  if (group === 1 && strides.every((stride) => stride === 1)) {
    const reach = kernel.map((size, i) => dilations[i]! * (size - 1));
    const turnedPads = [0, 1, 2, 3].map((i) => reach[i % 2]! - pads[i]!);
    if (turnedPads.every((pad) => pad >= 0)) {
      return graph.add('Conv', [dy, turned(graph, w)], dims, attributesOf({ ...window, pads: turnedPads }));
    }
  }
  // What the forward window did not reach at the end.
  const outputPadding = [0, 1].map(
    (i) =>
      dims[i + 2]! - ((out[i + 2]! - 1) * strides[i]! + dilations[i]! * (kernel[i]! - 1) + 1 - pads[i]! - pads[i + 2]!),
  );
  return graph.add('ConvTranspose', [dy, w], dims, { ...attributesOf(window), output_padding: outputPadding });
}

/** [out, in, h, w] → [in, out, h, w], turned by 180°. */
function turned(graph: Graph, w: string): string {
  const dims = graph.dims(w);
  const back = graph.ints([-1, -1]);
  const flipped = dims.slice(2).every((size) => size === 1)
    ? w
    : graph.add('Slice', [w, back, graph.ints([-(2 ** 31), -(2 ** 31)]), graph.ints([2, 3]), back], dims);
  return graph.transpose(flipped, [1, 0, 2, 3]);
}

/** dW: x and dY correlated over batch and place, group by group; dilation and stride change roles. */
function kernelGradient(graph: Graph, x: string, dy: string, window: Window, dims: readonly number[]): string {
  const { kernel, strides, pads, dilations, group } = window;
  const inputs = graph.dims(x)[1]! / group;
  const outputs = graph.dims(dy)[1]! / group;
  const parts = Array.from({ length: group }, (_, g) => {
    const xPart = graph.transpose(graph.slice(x, 1, g * inputs, (g + 1) * inputs), [1, 0, 2, 3]);
    const dyPart = graph.transpose(graph.slice(dy, 1, g * outputs, (g + 1) * outputs), [1, 0, 2, 3]);
    const [sizeX, sizeY] = [graph.dims(xPart), graph.dims(dyPart)];
    const reached = [0, 1].map((i) =>
      Math.floor((sizeX[i + 2]! + pads[i]! + pads[i + 2]! - strides[i]! * (sizeY[i + 2]! - 1) - 1) / dilations[i]! + 1),
    );
    const attributes = { kernel_shape: sizeY.slice(2), strides: dilations, pads, dilations: strides, group: 1 };
    // [inputs, outputs, kernel and what a stride left over]
    let part = graph.add('Conv', [xPart, dyPart], [inputs, outputs, ...reached], attributes);
    part = graph.slice(graph.slice(part, 2, 0, kernel[0]!), 3, 0, kernel[1]!);
    return graph.transpose(part, [1, 0, 2, 3]);
  });
  return graph.reshape(graph.concat(parts, 0), dims);
}
