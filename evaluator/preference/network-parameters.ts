/**
 * @file What training changes of a whole network: the weights and shifts of its layers, as torch names them. An export turns some
 * of them, keeps some in half precision behind a Cast, and stores equal ones once; here each layer has its own, as its node reads it.
 */
import { BadInput } from '../engine/files/bad-input.ts';
import { count } from '../engine/autodiff/graph.ts';
import {
  dataType,
  encodeModel,
  readModel,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../engine/onnx/model-file.ts';
import { dropUnread, weightFinder } from '../engine/onnx/subgraph.ts';
import { readExternal, readWeight } from '../engine/onnx/weights.ts';

export interface Parameter {
  /** As down_blocks.0.resnets.0.conv1.weight */
  name: string;
  /** The node that reads it, and as which of its inputs. */
  node: string;
  input: number;
  /** As the node reads it. */
  dims: number[];
  /** As it is stored. */
  tensor: OnnxTensor;
  /** From stored to read; undefined: as it is. */
  turn: number[] | undefined;
}

/** Inputs that are parameters by the operator's definition. */
const byOperator: Record<string, readonly ('weight' | 'bias' | undefined)[]> = {
  MatMul: [undefined, 'weight'],
  Gemm: [undefined, 'weight', 'bias'],
  Conv: [undefined, 'weight', 'bias'],
  ConvTranspose: [undefined, 'weight', 'bias'],
  LayerNormalization: [undefined, 'weight', 'bias'],
  GroupNormalization: [undefined, 'weight', 'bias'],
};
/** An export writes a linear layer's shift, and a normalisation's scale and shift, as nodes of their own beside these. */
const layers = new Set(['MatMul', 'InstanceNormalization', 'LayerNormalization', 'ReduceMean']);
const besideLayer: Record<string, 'weight' | 'bias'> = { Mul: 'weight', Add: 'bias' };

/** A module's path, from the name of its node: /down_blocks.0/attentions.0/proj_in/Conv. */
export function modulePath({ name = '' }: OnnxNode): string {
  return name
    .replace(/^\//, '')
    .replace(/\/?[^/]*$/, '')
    .replaceAll('/', '.');
}

/**
 * In the order of the nodes.
 * @throws BadInput when a weight is read in a way that is not known, or a layer is called twice
 */
export function parametersOf({ graph }: OnnxModel, file: string): Parameter[] {
  const find = weightFinder(graph.node, graph.initializer);
  const stored = (value: string): Pick<Parameter, 'tensor' | 'turn'> | undefined => {
    const found = find(value);
    if (found === undefined || !isFloat(found.tensor)) return undefined;
    const { tensor, through } = found;
    const axes = tensor.dims.map((_, i) => i);
    const turns = through.filter(({ opType }) => opType === 'Transpose');
    const turn = turns.reduceRight(
      (turned, { attribute }) =>
        (attribute.find(({ name }) => name === 'perm')?.ints ?? [...axes].reverse()).map((axis) => turned[axis]!),
      axes,
    );
    return { tensor, turn: turns.length === 0 ? undefined : turn };
  };
  const inLayer = new Set(graph.node.filter(({ opType }) => layers.has(opType)).map(modulePath));
  const parameters: Parameter[] = [];
  for (const node of graph.node) {
    const module = modulePath(node);
    const beside = inLayer.has(module) ? besideLayer[node.opType] : undefined;
    node.input.forEach((value, input) => {
      const role = byOperator[node.opType]?.[input] ?? beside;
      const found = role === undefined ? undefined : stored(value);
      if (found === undefined || (beside !== undefined && count(found.tensor.dims) < 2)) return;
      const dims = found.turn?.map((axis) => found.tensor.dims[axis]!) ?? [...found.tensor.dims];
      parameters.push({ name: `${module}.${role!}`, node: node.name ?? '', input, dims, ...found });
    });
  }
  const names = new Set(parameters.map(({ name }) => name));
  const twice = parameters.find(({ name }, i) => parameters.findIndex((other) => other.name === name) !== i);
  if (twice !== undefined)
    throw new BadInput(`${file} calls the layer of ${twice.name} twice, which is not trained whole.`);
  const left = strayWeight(graph, new Set(parameters.map(({ tensor }) => tensor)));
  if (left !== undefined || names.size === 0)
    throw new BadInput(
      left === undefined
        ? `${file} has no layer with a weight.`
        : `${file} reads "${left.name!}" in a way that is not trained whole; export it with optimum, or train an adapter.`,
    );
  return parameters;
}

/**
 * A tensor of several numbers that no parameter is stored in. None are the ones and zeros of a group normalisation, which is exported
 * as one of instances, and the timestep's frequencies.
 */
function strayWeight(
  { initializer, node }: OnnxModel['graph'],
  stored: ReadonlySet<OnnxTensor>,
): OnnxTensor | undefined {
  const constants = new Set(
    node
      .filter((one) => one.opType === 'InstanceNormalization' || /(^|\.)(add_)?time_proj$/.test(modulePath(one)))
      .flatMap(({ input }) => input),
  );
  return initializer.find(
    (tensor) => isFloat(tensor) && count(tensor.dims) > 1 && !stored.has(tensor) && !constants.has(tensor.name!),
  );
}

function isFloat({ dataType: type }: OnnxTensor): boolean {
  return type === dataType.float32 || type === dataType.float16 || type === dataType.bfloat16;
}

/** Its numbers, as the node reads them. */
export async function readParameter({ tensor, turn, dims }: Parameter, file: string): Promise<Float32Array> {
  const values = await readWeight(tensor, file);
  if (turn === undefined) return values;
  // The stride of each axis that is read, in what is stored.
  const strides = tensor.dims.map((_, i) => count(tensor.dims.slice(i + 1)));
  const steps = turn.map((axis) => strides[axis]!);
  const turned = new Float32Array(values.length);
  const at = new Array<number>(dims.length).fill(0);
  for (let i = 0, from = 0; i < turned.length; i++) {
    turned[i] = values[from]!;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      at[axis]! += 1;
      from += steps[axis]!;
      if (at[axis]! < dims[axis]!) break;
      from -= steps[axis]! * dims[axis]!;
      at[axis] = 0;
    }
  }
  return turned;
}

/**
 * The network with these numbers in place of its own, in float32.
 * @param values in the order of `parametersOf`
 * @param mostInside bytes; more are external data, since a file of protobuf ends at 2 GiB
 * @returns the .onnx file's bytes, and what belongs beside it as model.onnx_data; none: everything is in the first
 */
export async function withParameters(
  file: string,
  values: readonly Float32Array[],
  mostInside = 2 ** 30,
): Promise<{ model: Uint8Array; data: Uint8Array[] }> {
  const model = await readModel(file);
  const { graph } = model;
  const parameters = parametersOf(model, file);
  const nodes = new Map(graph.node.map((node) => [node.name ?? '', node]));
  const outside = values.reduce((sum, { byteLength }) => sum + byteLength, 0) > mostInside;
  const data: Uint8Array[] = [];
  let offset = 0;
  // A stored weight may have the plain name; those with the prefix are of a training before, and all of them are replaced.
  const prefix = 'trained/';
  graph.initializer = graph.initializer.filter(({ name }) => !name!.startsWith(prefix));
  parameters.forEach(({ name, node, input, dims }, i) => {
    const { buffer, byteOffset, byteLength } = values[i]!;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    nodes.get(node)!.input[input] = prefix + name;
    const tensor = { name: prefix + name, dims, dataType: dataType.float32 };
    if (!outside) {
      graph.initializer.push({ ...tensor, rawData: bytes });
      return;
    }
    data.push(bytes);
    const place = { location: 'model.onnx_data', offset: String(offset), length: String(byteLength) };
    const externalData = Object.entries(place).map(([key, value]) => ({ key, value }));
    graph.initializer.push({ ...tensor, dataLocation: 1, externalData });
    offset += byteLength;
  });
  dropUnread(model);
  for (const tensor of graph.initializer) {
    if (tensor.dataLocation !== 1 || tensor.name!.startsWith(prefix)) continue;
    // What is left of the old file is little.
    tensor.rawData = await readExternal(tensor, file);
    delete tensor.externalData;
    delete tensor.dataLocation;
  }
  return { model: encodeModel(model), data };
}
