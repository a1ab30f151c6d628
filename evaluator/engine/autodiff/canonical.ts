/**
 * @file An exported network with static shapes: the runtime itself folds the shape arithmetic and says every value's type, so
 * that gradient rules see numbers only. The weights stay where they are and are referred to.
 */
import { BadInput } from '../files/bad-input.ts';
import {
  dataType,
  encodeModel,
  readModel,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../onnx/model-file.ts';
import { describeValues, optimizeModel } from '../onnx/session.ts';
import { defaultLimits, scanAttention, type AttentionLimits } from './attention.ts';
import { downstream } from './backward.ts';
import { computesInHalf, widen } from './half.ts';
import { count, largestConstant, opset as written, type Graph, type ValueType } from './graph.ts';
import { fuseGelu, joinSlices } from './rewrites.ts';

export interface CanonicalNetwork {
  file: string;
  /** In topological order, without shape arithmetic. */
  nodes: OnnxNode[];
  values: Map<string, ValueType>;
  /** Small constants in the graph, and the file's weights as it names them. */
  initializers: OnnxTensor[];
  inputs: string[];
  outputs: string[];
  /** It computes in half precision; here in float32 (half.ts). */
  isHalf: boolean;
}

/**
 * @param inputs the shape of every input; `timestep` may be a vector although the export took one number for all samples
 * @param options when attention is chunked; weights that stay as they are, however small
 * @throws BadInput when the export is fused, older than opset 13, or does not fit the shapes
 */
export async function canonicalise(
  file: string,
  inputs: Record<string, readonly number[]>,
  {
    attention = defaultLimits,
    kept = new Set(),
  }: { attention?: AttentionLimits | undefined; kept?: ReadonlySet<string> } = {},
): Promise<CanonicalNetwork> {
  const model = await readModel(file);
  refuseFused(model, file);
  const { graph } = model;
  const originals = new Map(graph.initializer.map((tensor) => [tensor.name!, tensor]));
  raiseOpset(model, file);
  const isHalf = computesInHalf(model);
  const casts = isHalf ? widen(model, file) : [];
  const isFolded = (tensor: OnnxTensor) => isSmall(tensor) && !kept.has(tensor.name!);
  const small = graph.initializer.filter(isFolded);
  const weights = graph.initializer.filter((tensor) => !isFolded(tensor));
  for (const input of graph.input) {
    const dims = inputs[input.name];
    if (dims === undefined) throw new BadInput(`${file} has an input "${input.name}" that a U-Net does not have.`);
    input.type = tensorType(input.type!.tensorType!.elemType, dims);
  }
  acceptVectorTimestep(model);
  const castOf = new Map(casts.map((cast) => [cast.input[0]!, cast]));
  const bare: OnnxModel = {
    ...model,
    graph: {
      ...graph,
      initializer: small,
      // The optimiser sees weights as inputs, so that it neither folds nor copies them; of a widened one what its Cast gives.
      input: [
        ...graph.input,
        ...weights.map(({ name, dims, dataType: type }) => {
          const cast = castOf.get(name!);
          return cast === undefined
            ? { name: name!, type: tensorType(type, dims) }
            : { name: cast.output[0]!, type: tensorType(dataType.float32, dims) };
        }),
      ],
      output: graph.output.map(({ name, type }) => ({
        name,
        type: { tensorType: { elemType: type!.tensorType!.elemType } },
      })),
      valueInfo: [],
    },
  };
  const folded = await optimizeModel(encodeModel(bare), file);
  const values = await describeValues(folded, file);
  const constants = folded.graph.initializer;
  for (const { name, dims, dataType: type } of constants) values.set(name!, { dims, type });
  for (const { name, dims, dataType: type } of weights) {
    values.set(name!, { dims, type });
    const cast = castOf.get(name!);
    if (cast !== undefined) values.set(cast.output[0]!, { dims, type: dataType.float32 });
  }
  for (const { name, type } of graph.input)
    values.set(name, { dims: [...inputs[name]!], type: type!.tensorType!.elemType });
  const joined = fuseGelu(joinSlices(folded.graph.node, values, constants), constants);
  const nodes = scanAttention(joined, values, constants, attention);
  return {
    file,
    nodes: [...casts, ...nodes],
    values,
    initializers: [...constants, ...weights.map(({ name }) => originals.get(name!)!)],
    inputs: graph.input.map(({ name }) => name),
    outputs: graph.output.map(({ name }) => name),
    isHalf,
  };
}

function isSmall({ dims, dataType: type, dataLocation }: OnnxTensor): boolean {
  return count(dims) <= largestConstant && type !== dataType.float16 && dataLocation !== 1;
}

function tensorType(elemType: number, dims: readonly number[]) {
  return { tensorType: { elemType, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } };
}

function refuseFused({ graph }: OnnxModel, file: string): void {
  const fused = graph.node.find(({ domain }) => domain !== undefined && domain !== '' && domain !== 'ai.onnx');
  if (fused === undefined) return;
  throw new BadInput(
    `${file} is a fused export: "${fused.name ?? fused.output[0]!}" is ${fused.domain!}.${fused.opType}; train on the plain export, render with the fused one.`,
  );
}

/** Reductions took their axes as attributes before opset 18; nothing else that occurs here changed from 13 to 20. */
function raiseOpset(model: OnnxModel, file: string): void {
  const opset = model.opsetImport.find(({ domain }) => domain === undefined || domain === '');
  const version = opset?.version ?? 0;
  if (version < 13 || version > written)
    throw new BadInput(`${file} uses ONNX opset ${version}; export it with opset 13 to ${written}.`);
  if (version >= 18) return;
  for (const [i, node] of model.graph.node.entries()) {
    if (!/^Reduce(Mean|Max|Min|Prod|L1|L2|SumSquare|LogSumExp)$/.test(node.opType)) continue;
    const axes = node.attribute.find(({ name }) => name === 'axes')?.ints;
    if (axes === undefined) continue;
    const name = `axes/${i}`;
    model.graph.initializer.push({ name, dims: [axes.length], dataType: dataType.int64, int64Data: axes });
    node.input = [node.input[0]!, name];
    node.attribute = node.attribute.filter((attribute) => attribute.name !== 'axes');
  }
  opset!.version = 18;
}

/** An export with one timestep for all samples makes a vector of it first; given a vector, that step is left out. */
function acceptVectorTimestep({ graph }: OnnxModel): void {
  for (const node of graph.node) {
    if (node.opType !== 'Unsqueeze' || node.input[0] !== 'timestep') continue;
    node.opType = 'Identity';
    node.input = ['timestep'];
    node.attribute = [];
  }
}

/**
 * Copies the nodes that compute `wanted` into a graph under a prefix.
 * @param feed what stands for an input or an inner value of the network
 * @param shared the prefix of an earlier copy: nodes that depend on none of `changed` are taken from there
 */
export function instantiate(
  graph: Graph,
  network: CanonicalNetwork,
  {
    prefix,
    feed,
    wanted,
    shared,
    replace,
  }: {
    prefix: string;
    feed: ReadonlyMap<string, string>;
    wanted: readonly string[];
    shared?: { prefix: string; changed: readonly string[] };
    /**
     * May compute a node's first output in another way, from its inputs' names in the graph; undefined copies the node, and so does
     * `copy`, with other inputs where they are given; it gives the first output.
     */
    replace?: (
      node: OnnxNode,
      inputs: readonly string[],
      copy: (inputs?: readonly string[]) => string,
    ) => string | undefined;
  },
): string[] {
  const initializers = new Map(network.initializers.map((tensor) => [tensor.name!, tensor]));
  const needed = upstream(network.nodes, wanted);
  const changed = shared === undefined ? undefined : downstream(network.nodes, shared.changed);
  const names = new Map(feed);
  const nameOf = (name: string): string => {
    if (name === '') return '';
    const known = names.get(name);
    if (known !== undefined) return known;
    const tensor = initializers.get(name);
    if (tensor === undefined) return shared!.prefix + name;
    if (!graph.initializers.has(name)) graph.initialize(tensor);
    return name;
  };
  for (const node of network.nodes) {
    if (!needed.has(node)) continue;
    if (changed !== undefined && !node.output.some((name) => changed.has(name))) continue;
    const input = node.input.map(nameOf);
    const copy = (instead: readonly string[] = input) => {
      graph.addNode(
        {
          ...node,
          name: prefix + (node.name ?? node.output[0]!),
          input: [...instead],
          output: node.output.map((name) => (name === '' ? '' : prefix + name)),
        },
        node.output.map((name) => (name === '' ? { dims: [], type: 0 } : network.values.get(name)!)),
      );
      return prefix + node.output[0]!;
    };
    const other = replace?.(node, input, copy);
    if (other !== undefined) {
      names.set(node.output[0]!, other);
      continue;
    }
    copy();
    for (const name of node.output) if (name !== '') names.set(name, prefix + name);
  }
  return wanted.map(nameOf);
}

function upstream(nodes: readonly OnnxNode[], wanted: readonly string[]): Set<OnnxNode> {
  const values = new Set(wanted);
  const needed = new Set<OnnxNode>();
  for (const node of [...nodes].reverse()) {
    if (!node.output.some((name) => values.has(name))) continue;
    needed.add(node);
    for (const name of node.input) values.add(name);
  }
  return needed;
}
