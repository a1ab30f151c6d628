/**
 * @file Attention in pieces: softmax(s·QKᵀ)·V over a few heads at a time, in a Scan, so that the probabilities of all heads are
 * never held together, neither in the forward pass nor until the gradient, which computes them again. Dao et al. (2022),
 * arXiv:2205.14135, recompute for the same reason; here a piece is whole heads.
 */
import { attributeType, dataType, type OnnxGraph, type OnnxNode, type OnnxTensor } from '../onnx/model-file.ts';
import { count, floatsOf, Graph, type ValueType } from './graph.ts';
import { linksOf } from './rewrites.ts';

export interface AttentionLimits {
  /** Probabilities that take up to so many bytes are left whole. */
  wholeUpTo: number;
  /** Bytes of a piece's probabilities, when one head's are not more already. */
  pieceBytes: number;
}
export const defaultLimits: AttentionLimits = { wholeUpTo: 128 * 2 ** 20, pieceBytes: 64 * 2 ** 20 };

/** Of names inside the pieces. */
const prefix = 'attention/';
/** Of a Scan's body, so that its rule knows it. */
export const attentionBody = 'attention';

interface Attention {
  /** Queries [n, heads, tokens, width], keys [n, heads, width, others], values [n, heads, others, width]. */
  q: string;
  k: string;
  v: string;
  scale: number;
  /** What is replaced; the last computes the result. */
  nodes: OnnxNode[];
}

/** Replaces attention whose probabilities are large. New values and constants are added to the maps. */
export function scanAttention(
  nodes: readonly OnnxNode[],
  values: Map<string, ValueType>,
  constants: OnnxTensor[],
  limits: AttentionLimits,
): OnnxNode[] {
  const replaced = new Map<OnnxNode, OnnxNode[]>();
  for (const found of attentions(nodes, values, constants, limits)) {
    const last = found.nodes.at(-1)!;
    for (const node of found.nodes) replaced.set(node, []);
    replaced.set(last, inPieces(found, last, values, constants, limits));
  }
  return nodes.flatMap((node) => replaced.get(node) ?? [node]);
}

function* attentions(
  nodes: readonly OnnxNode[],
  values: ReadonlyMap<string, ValueType>,
  constants: readonly OnnxTensor[],
  { wholeUpTo }: AttentionLimits,
): Generator<Attention> {
  const { producers, readers, scalars } = linksOf(nodes, constants);
  const isReadOnce = ({ output }: OnnxNode) => readers.get(output[0]!)?.length === 1;
  for (const softmax of nodes) {
    if (softmax.opType !== 'Softmax' || !isReadOnce(softmax)) continue;
    const dims = values.get(softmax.output[0]!)!.dims;
    const axis = softmax.attribute.find(({ name }) => name === 'axis')?.i ?? -1;
    if (dims.length !== 4 || (axis !== -1 && axis !== 3) || 4 * count(dims) <= wholeUpTo) continue;
    let scores = producers.get(softmax.input[0]!);
    const between: OnnxNode[] = [];
    let scale = 1;
    if (scores !== undefined && (scores.opType === 'Mul' || scores.opType === 'Div') && isReadOnce(scores)) {
      const factor = scalars.get(scores.input[1]!);
      if (factor === undefined) continue;
      scale = scores.opType === 'Mul' ? factor : 1 / factor;
      between.push(scores);
      scores = producers.get(scores.input[0]!);
    }
    const product = readers.get(softmax.output[0]!)![0]!;
    if (scores?.opType !== 'MatMul' || !isReadOnce(scores)) continue;
    if (product.opType !== 'MatMul' || product.input[0] !== softmax.output[0]) continue;
    const [q, k, v] = [scores.input[0]!, scores.input[1]!, product.input[1]!];
    const fits = ({ dims: own, type }: ValueType) =>
      type === dataType.float32 && own.length === 4 && own[0] === dims[0] && own[1] === dims[1];
    if (![q, k, v].every((name) => fits(values.get(name)!))) continue;
    yield { q, k, v, scale, nodes: [scores, ...between, softmax, product] };
  }
}

function inPieces(
  { q, k, v, scale }: Attention,
  last: OnnxNode,
  values: Map<string, ValueType>,
  constants: OnnxTensor[],
  { pieceBytes }: AttentionLimits,
): OnnxNode[] {
  const output = last.output[0]!;
  const name = last.name ?? output;
  const [samples, heads, tokens] = values.get(q)!.dims as [number, number, number];
  const others = values.get(k)!.dims[3]!;
  const all = samples * heads;
  let together = Math.min(all, Math.max(1, Math.floor(pieceBytes / (4 * tokens * others))));
  while (all % together !== 0) together -= 1;
  const nodes: OnnxNode[] = [];
  const reshape = (from: string, to: string, dims: readonly number[]): string => {
    const shape = `${to}/shape`;
    constants.push({ name: shape, dims: [dims.length], dataType: dataType.int64, int64Data: [...dims] });
    nodes.push({ name: `${to}/Reshape`, opType: 'Reshape', input: [from, shape], output: [to], attribute: [] });
    values.set(to, { dims, type: dataType.float32 });
    return to;
  };
  const pieces = ([q, k, v] as const).map((value, i) => {
    const [, , rows, columns] = values.get(value)!.dims as [number, number, number, number];
    return reshape(value, `${output}/${'qkv'[i]!}`, [all / together, together, rows, columns]);
  });
  const shapes = pieces.map((piece) => values.get(piece)!.dims.slice(1));
  const joined = `${output}/pieces`;
  values.set(joined, { dims: [all / together, ...resultDims(shapes)], type: dataType.float32 });
  nodes.push({
    name: `${name}/Scan`,
    opType: 'Scan',
    input: pieces,
    output: [joined],
    attribute: scanAttributes(forwardBody(shapes, scale), 3),
  });
  reshape(joined, output, values.get(output)!.dims);
  return nodes;
}

function resultDims([q, , v]: readonly (readonly number[])[]): number[] {
  return [...q!.slice(0, 2), v![2]!];
}

/** Attributes of a Scan over the first axis of so many inputs. */
export function scanAttributes(body: OnnxGraph, inputs: number): OnnxNode['attribute'] {
  return [
    { name: 'body', type: attributeType.graph, g: body },
    { name: 'num_scan_inputs', type: attributeType.int, i: inputs },
  ];
}

function begin(shapes: readonly (readonly number[])[], scale: number) {
  const graph = new Graph(prefix);
  const [q, k, v] = shapes.map((dims, i) => graph.input(`${prefix}${'qkv'[i]!}`, dims)) as [string, string, string];
  const scores = graph.times(graph.matmul(q, k), scale);
  const p = graph.add('Softmax', [scores], graph.dims(scores), { axis: -1 });
  return { graph, q, k, v, p };
}

function forwardBody(shapes: readonly (readonly number[])[], scale: number): OnnxGraph {
  const { graph, v, p } = begin(shapes, scale);
  graph.output(graph.matmul(p, v), `${prefix}o`);
  return graph.toModel(attentionBody).graph;
}

/** dV = PᵀdO, dP = dO·Vᵀ, dS = P∘(dP − Σ dP∘P), dQ = s·dS·K, dKᵀ = s·Qᵀ·dS, with P computed again. */
export function backwardBody(forward: OnnxGraph): OnnxGraph {
  const shapes = forward.input.map(({ type }) => type!.tensorType!.shape!.dim.map(({ dimValue }) => dimValue!));
  const factor = forward.node.find(({ opType }) => opType === 'Mul')!.input[1];
  const scale = floatsOf(forward.initializer.find(({ name }) => name === factor)!)[0]!;
  const { graph, q, k, v, p } = begin(shapes, scale);
  const dO = graph.input(`${prefix}do`, resultDims(shapes));
  const dP = graph.matmul(dO, graph.transposeLast(v));
  const weighted = graph.times(dP, p);
  const dS = graph.times(graph.minus(weighted, graph.times(p, graph.reduce('ReduceSum', weighted, [-1]))), scale);
  graph.output(graph.matmul(dS, graph.transposeLast(k)), `${prefix}dq`);
  graph.output(graph.matmul(graph.transposeLast(q), dS), `${prefix}dk`);
  graph.output(graph.matmul(graph.transposeLast(p), dO), `${prefix}dv`);
  return graph.toModel(`${attentionBody} gradient`).graph;
}
