/**
 * @file Merging adapters into ONNX networks: W' = W + s·scaling·ΔW, ΔW by `adapter-delta.ts`.
 *
 * scaling: α/r, α from the weights, from the header or from adapter_config.json; 1 where nobody says it. DoRA's adapters add
 * m·(W + sΔW)/‖W + sΔW‖ − W instead. All are taken over the base's weights, as diffusers' layers add to one another.
 *
 * The export renamed most weights and transposed some, but its nodes keep the module's path:
 * /down_blocks.0/…/attn1/to_q/MatMul multiplies by the transpose of down_blocks.0.….attn1.to_q.weight. The dynamo exporter
 * notes the path in the node's metadata instead.
 */
import { BadInput } from '../files/bad-input.ts';
import { adapterFiles, LoraConfigs } from './adapter-config.ts';
import {
  deltaOf,
  doraChange,
  kindOf,
  withMagnitude,
  type AdapterKind,
  type AdapterParts,
  type Matrix,
} from './adapter-delta.ts';
import { networkNames, parseKey, type NetworkName, type ParsedKey, type Part } from './adapter-keys.ts';
import { float32ToFloat16 } from '../onnx/float16.ts';
import {
  dataType,
  encodeModel,
  readModel,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../onnx/model-file.ts';
import { readSafeTensors, type SafeTensor } from '../onnx/safetensors.ts';
import { dropUnread, externalFiles, weightFinder } from '../onnx/subgraph.ts';
import { readWeight } from '../onnx/weights.ts';
import type { NetworkSource } from '../onnx/session.ts';

export type { NetworkName } from './adapter-keys.ts';

export interface AdapterModule {
  /** The key as the file has it, for messages. */
  key: string;
  /** Its path with dots, where the key has them. */
  module: string;
  kind: AdapterKind;
  /** Null for LoKr of whole factors. */
  rank: number | null;
  parts: AdapterParts;
  scaling: number;
}
export interface Adapter {
  file: string;
  /** By network, then by the module's path with "_" for "." (kohya's keys do not tell them apart). */
  modules: Record<NetworkName, Map<string, AdapterModule>>;
}

/**
 * Reads an adapter in diffusers', PEFT's or kohya's key style; every type becomes float32.
 * @param path of the file, or of PEFT's folder
 * @throws BadInput listing the keys that belong to no style, or naming a setting that is not built here
 */
export async function readAdapter(path: string): Promise<Adapter> {
  const { weights: file, config } = adapterFiles(path);
  const { tensors, metadata } = await readSafeTensors(file);
  const configs = await LoraConfigs.read(file, config, metadata);
  const modules = Object.fromEntries(networkNames.map((name) => [name, new Map()])) as Adapter['modules'];
  const found = new Map<string, Omit<ParsedKey, 'part'> & { key: string; parts: Partial<Record<Part, SafeTensor>> }>();
  const unknown: string[] = [];
  for (const [key, tensor] of tensors) {
    const parsed = parseKey(key);
    if (parsed === undefined) {
      unknown.push(key);
      continue;
    }
    const { part, ...place } = parsed;
    const id = `${place.network} ${place.path}`;
    const entry = found.get(id) ?? { ...place, key, parts: {} };
    if (entry.parts[part] !== undefined) throw new BadInput(`${file}: "${key}" is there twice, under another name.`);
    entry.parts[part] = tensor;
    found.set(id, entry);
  }
  const tucker = unknown.find((key) => /\.(hada_t[12]|lokr_t2|lora_mid(\.weight)?)$/.test(key));
  if (tucker !== undefined)
    throw new BadInput(`${file}: "${tucker}" is a Tucker decomposition of a convolution, which visavis cannot do.`);
  if (unknown.length > 0) {
    throw new BadInput(
      `${file}: ${unknown.length} keys are of no adapter style that visavis knows: ${firstFew(unknown)}.`,
    );
  }
  for (const { network, path, module, key, split, spelled = module, hasHalves, parts: named } of found.values()) {
    const parts = withMagnitude(named);
    const { kind, rank } = kindOf(parts, file, key);
    const scaling = configs.scaling(network, spelled, rank, parts.alpha?.data[0]);
    configs.requireMagnitude(network, key, parts.magnitude !== undefined);
    const whole = { key, module, kind, rank, parts, scaling };
    const own = hasHalves ? withHalvesTurned(whole, file) : whole;
    for (const [at, one] of split === undefined ? [[path, own] as const] : partsOf(own, split, file)) {
      if (modules[network].has(at)) throw new BadInput(`${file}: "${key}" is there twice, under another name.`);
      modules[network].set(at, one);
    }
  }
  if (found.size === 0) throw new BadInput(`${file} holds no adapter's matrices.`);
  return { file, modules };
}

/**
 * An adapter of several layers that another program keeps as one (q, k and v behind one another): each has the whole's down
 * matrix and its rows of the up matrix.
 */
function partsOf(
  whole: AdapterModule,
  split: NonNullable<ParsedKey['split']>,
  file: string,
): (readonly [string, AdapterModule])[] {
  const { kind, parts, key } = whole;
  if (kind !== 'LoRA' || parts.magnitude !== undefined)
    throw new BadInput(
      `${file}: "${key}" is ${kind}${parts.magnitude === undefined ? '' : ' with DoRA'} of several layers in one, which visavis cannot take apart; only LoRA's can be.`,
    );
  const up = parts.up!;
  const columns = up.shape[1]!;
  const unit = up.shape[0]! / split.reduce((sum, { share }) => sum + share, 0);
  if (!Number.isInteger(unit))
    throw new BadInput(`${file}: "${key}" makes ${up.shape[0]!} numbers, which are not those of its layers together.`);
  let row = 0;
  return split.map(({ module, share }) => {
    const rows = share * unit;
    const data = up.data.slice(row * columns, (row + rows) * columns);
    row += rows;
    const part = { ...whole, module, parts: { ...parts, up: { ...up, shape: [rows, columns], data } } };
    return [module.replaceAll('.', '_'), part] as const;
  });
}

/** Shift and scale become scale and shift, where the layer makes these two and not six. */
function withHalvesTurned(whole: AdapterModule, file: string): AdapterModule {
  const { kind, parts, key } = whole;
  const { rows, columns } = deltaOf(kind, parts, file, key);
  if (rows !== 2 * columns) return whole;
  if (kind !== 'LoRA' || parts.magnitude !== undefined)
    throw new BadInput(
      `${file}: "${key}" is of a layer whose halves diffusers has the other way round; only LoRA's can be turned.`,
    );
  const up = parts.up!;
  const half = up.data.length / 2;
  const data = new Float32Array(up.data.length);
  data.set(up.data.subarray(half));
  data.set(up.data.subarray(0, half), half);
  return { ...whole, parts: { ...parts, up: { ...up, data } } };
}

/**
 * The network with every adapter merged in float32, as a patch over the file on disk; the file is not touched.
 * @throws BadInput listing each key that matches no weight of this network, or whose shape does not fit
 */
export async function mergeAdapters(
  file: string,
  network: NetworkName,
  adapters: readonly { adapter: Adapter; scale: number }[],
): Promise<NetworkSource> {
  const relevant = adapters.filter(({ adapter }) => adapter.modules[network].size > 0);
  if (relevant.length === 0) return { file };
  const model = await readModel(file);
  const nodes = weightedNodes(model);
  const merged = new Map<OnnxNode, Merged>();
  for (const { adapter, scale } of relevant) {
    const unmatched: string[] = [];
    for (const [path, module] of adapter.modules[network]) {
      const target = targetOf(nodes, network, path);
      if (target === undefined) {
        unmatched.push(module.key);
        continue;
      }
      let weight = merged.get(target.reader);
      if (weight === undefined) {
        const half = target.tensor.dataType === dataType.float16 && !target.cast;
        const base = await readWeight(target.tensor, file);
        weight = { ...target, name: mergedPrefix + path, dims: target.tensor.dims, data: base.slice(), base, half };
        merged.set(target.reader, weight);
      }
      addChange(weight, module, scale, adapter.file);
    }
    if (unmatched.length > 0) {
      throw new BadInput(
        `${adapter.file} does not fit ${file}: ${unmatched.length} of ${adapter.modules[network].size} keys match no weight: ${firstFew(unmatched)}.`,
      );
    }
  }
  return patchOf(file, model, merged);
}

interface Target {
  /** The node that reads the weight as it is kept, and as which of its inputs. */
  reader: OnnxNode;
  input: number;
  tensor: OnnxTensor;
  /** The weight is [in, out]: a MatMul's, or a Gemm's without transB. */
  transposed: boolean;
  /** The node reads the weight through a Cast to float32, so the merged one may be float32 too. */
  cast: boolean;
}

interface Merged extends Target {
  name: string;
  dims: number[];
  data: Float32Array;
  /** Without any adapter. */
  base: Float32Array;
  half: boolean;
}

/** CLIP's text encoder has a module text_model in some versions of transformers, and none in others. */
function targetOf(nodes: ReadonlyMap<string, Target>, network: NetworkName, path: string): Target | undefined {
  const exact = nodes.get(path);
  if (exact !== undefined || !network.startsWith('text_encoder')) return exact;
  return nodes.get(path.startsWith('text_model_') ? path.slice('text_model_'.length) : `text_model_${path}`);
}

/** The module as torch's dynamo exporter notes it: ['', 'down_blocks.0', 'down_blocks.0.to_q', 'linear'], the call last. */
function dynamoPath({ metadataProps }: OnnxNode): string | undefined {
  const scopes = metadataProps?.find(({ key }) => key === 'pkg.torch.onnx.name_scopes')?.value;
  return scopes === undefined ? undefined : /'([^']*)', '[^']*'\]$/.exec(scopes)?.[1];
}

/** Each node with a weight, by its module's path with "_" for "." and "/". */
function weightedNodes(model: OnnxModel): Map<string, Target> {
  const find = weightFinder(model.graph.node, model.graph.initializer);
  const targets = new Map<string, Target>();
  for (const node of model.graph.node) {
    if (node.opType !== 'MatMul' && node.opType !== 'Gemm' && node.opType !== 'Conv') continue;
    const transB = node.attribute.find((attribute) => attribute.name === 'transB')?.i === 1;
    let transposed = node.opType === 'MatMul' || (node.opType === 'Gemm' && !transB);
    let [reader, input] = [node, 1];
    const found = find(node.input[1]!);
    if (found === undefined) continue;
    for (const source of found.through) {
      if (source.opType !== 'Transpose') continue;
      transposed = !transposed;
      [reader, input] = [source, 0];
    }
    const cast = found.through.some(({ opType }) => opType === 'Cast');
    const target = { reader, input, tensor: found.tensor, transposed, cast };
    const path = dynamoPath(node) ?? (node.name ?? '').replace(/^\//, '').replace(/\/[^/]*$/, '');
    targets.set(path.replace(/[./]/g, '_'), target);
  }
  return targets;
}

/** weight += scale · scaling · ΔW, in float32, in the weight's own layout. */
function addChange(weight: Merged, { key, kind, parts, scaling }: AdapterModule, scale: number, file: string): void {
  const change = deltaOf(kind, parts, file, key);
  const { rows, columns } = change;
  const { transposed } = weight;
  const expected = transposed ? [columns, rows] : [rows, columns];
  const actual = [weight.dims[0]!, weight.data.length / weight.dims[0]!];
  if (expected[0] !== actual[0] || expected[1] !== actual[1]) {
    throw new BadInput(
      `${file} does not fit: "${key}" makes [${rows}, ${columns}], the network's weight is [${(transposed ? actual.reverse() : actual).join(', ')}]; is it an adapter of another model?`,
    );
  }
  const placeOf = transposed
    ? (row: number, column: number) => column * rows + row
    : (row: number, column: number) => row * columns + column;
  const add = (change: Matrix, factor: number) => {
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        weight.data[placeOf(row, column)]! += factor * change.data[row * columns + column]!;
  };
  const factor = Math.fround(scale * scaling);
  if (parts.magnitude === undefined) {
    add(change, factor);
    return;
  }
  const base = { rows, columns, data: new Float32Array(weight.base.length) };
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      base.data[row * columns + column] = weight.base[placeOf(row, column)]!;
  add(doraChange(base, change, factor, parts.magnitude, { file, key }), 1);
}

/** Of the names of merged weights. */
const mergedPrefix = 'visavis.merged.';

/** New weights as external data, so that a network above 2 GB can be patched too. */
function patchOf(file: string, model: OnnxModel, merged: ReadonlyMap<OnnxNode, Merged>): NetworkSource {
  const weights: { path: string; data: Uint8Array }[] = [];
  for (const { reader, input, name, dims, data, half } of merged.values()) {
    const stored = half ? float32ToFloat16(data) : data;
    const bytes = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
    weights.push({ path: name, data: bytes });
    model.graph.initializer.push({
      name,
      dims,
      dataType: half ? dataType.float16 : dataType.float32,
      dataLocation: 1,
      externalData: [
        { key: 'location', value: name },
        { key: 'offset', value: '0' },
        { key: 'length', value: String(bytes.length) },
      ],
    });
    reader.input[input] = name;
  }
  dropUnread(model);
  const files = externalFiles(model).filter((name) => !name.startsWith(mergedPrefix));
  return { file, patch: { model: encodeModel(model), weights, files } };
}

function firstFew(keys: readonly string[]): string {
  return keys.length <= 8 ? keys.join(', ') : `${keys.slice(0, 8).join(', ')} and ${keys.length - 8} more`;
}
