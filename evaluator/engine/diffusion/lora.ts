/**
 * @file Merging LoRA adapters into ONNX networks. Hu et al. (2021), arXiv:2106.09685: W' = W + s·(α/r)·B·A.
 *
 * Here    In the paper    shape
 * down    A               [rank, in] (a convolution's: [rank, in, h, w])
 * up      B               [out, rank]
 * scaling α/r             α from the weights, from the header or from adapter_config.json; 1 where nobody says it
 *
 * The export renamed most weights and transposed some, but its nodes keep the module's path:
 * /down_blocks.0/…/attn1/to_q/MatMul multiplies by the transpose of down_blocks.0.….attn1.to_q.weight.
 */
import { BadInput } from '../files/bad-input.ts';
import { adapterFiles, LoraConfigs } from './adapter-config.ts';
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
import { externalFiles } from '../onnx/subgraph.ts';
import { readWeight } from '../onnx/weights.ts';
import type { NetworkSource } from '../onnx/session.ts';

export type NetworkName = 'unet' | 'text_encoder' | 'text_encoder_2';
export interface LoraModule {
  /** The key as the file has it, for messages. */
  key: string;
  down: SafeTensor;
  up: SafeTensor;
  scaling: number;
}
export interface Adapter {
  file: string;
  /** By network, then by the module's path with "_" for "." (kohya's keys do not tell them apart). */
  modules: Record<NetworkName, Map<string, LoraModule>>;
}

/**
 * Reads an adapter in diffusers', PEFT's or kohya's key style; float16 and bfloat16 become float32.
 * @param path of the file, or of PEFT's folder
 * @throws BadInput listing the keys that belong to no style, or naming a setting that is not built here
 */
export async function readAdapter(path: string): Promise<Adapter> {
  const { weights: file, config } = adapterFiles(path);
  const { tensors, metadata } = await readSafeTensors(file);
  const configs = await LoraConfigs.read(file, config, metadata);
  const modules: Adapter['modules'] = { unet: new Map(), text_encoder: new Map(), text_encoder_2: new Map() };
  const parts = new Map<
    string,
    {
      network: NetworkName;
      path: string;
      module: string;
      key: string;
      down?: SafeTensor;
      up?: SafeTensor;
      alpha?: number;
    }
  >();
  const unknown: string[] = [];
  for (const [key, tensor] of tensors) {
    const parsed = parseKey(key);
    if (parsed === undefined) {
      unknown.push(key);
      continue;
    }
    const id = `${parsed.network} ${parsed.path}`;
    const part = parts.get(id) ?? { network: parsed.network, path: parsed.path, module: parsed.module, key };
    if (parsed.part === 'alpha') part.alpha = tensor.data[0]!;
    else part[parsed.part] = tensor;
    parts.set(id, part);
  }
  if (unknown.length > 0) {
    throw new BadInput(
      `${file}: ${unknown.length} keys are of no LoRA style that visavis knows: ${firstFew(unknown)}.`,
    );
  }
  for (const { network, path, module, key, down, up, alpha } of parts.values()) {
    if (down === undefined || up === undefined)
      throw new BadInput(`${file}: "${key}" has only one of its two matrices.`);
    const rank = down.shape[0]!;
    if (up.shape[1] !== rank)
      throw new BadInput(`${file}: "${key}" has rank ${rank} below and ${up.shape[1] ?? 0} above.`);
    modules[network].set(path, { key, down, up, scaling: configs.scaling(network, module, rank, alpha) });
  }
  if (parts.size === 0) throw new BadInput(`${file} holds no LoRA matrices.`);
  return { file, modules };
}

const partNames: [RegExp, 'down' | 'up' | 'alpha'][] = [
  [/\.lora\.down\.weight$|\.lora_down\.weight$|\.lora_A(?:\.\w+)?\.weight$|_lora\.down\.weight$/, 'down'],
  [/\.lora\.up\.weight$|\.lora_up\.weight$|\.lora_B(?:\.\w+)?\.weight$|_lora\.up\.weight$/, 'up'],
  [/\.alpha$/, 'alpha'],
];
const kohyaNetworks: [string, NetworkName][] = [
  ['lora_unet_', 'unet'],
  ['lora_te1_', 'text_encoder'],
  ['lora_te2_', 'text_encoder_2'],
  ['lora_te_', 'text_encoder'],
];

interface ParsedKey {
  network: NetworkName;
  /** With "_" for ".". */
  path: string;
  /** With dots, where the key has them. */
  module: string;
  part: 'down' | 'up' | 'alpha';
}

function parseKey(key: string): ParsedKey | undefined {
  const found = partNames.find(([pattern]) => pattern.test(key));
  if (found === undefined) return undefined;
  const [pattern, part] = found;
  const bare = key.replace(pattern, '');
  for (const [prefix, network] of kohyaNetworks) {
    if (bare.startsWith(prefix)) {
      const path = fromOriginalLayout(bare.slice(prefix.length));
      return { network, path, module: path, part };
    }
  }
  const match = /^(?:base_model\.model\.)?(?:(unet|text_encoder|text_encoder_2)\.)?(.+)$/.exec(bare);
  if (match === null) return undefined;
  // Attention processors of older diffusers: attn1.processor.to_q_lora → attn1.to_q, to_out_lora → to_out.0.
  const path = match[2]!.replace(/\.processor\./, '.').replace(/\.to_out$/, '.to_out.0');
  // PEFT's own files name no network.
  const named = match[1] ?? (path.startsWith('text_model.') ? 'text_encoder' : 'unet');
  return { network: named as NetworkName, path: path.replaceAll('.', '_'), module: path, part };
}

/** SDXL's original block names, as kohya's trainer writes them, in diffusers' words; attention blocks. */
function fromOriginalLayout(path: string): string {
  const match = /^(input_blocks|middle_block|output_blocks)_(\d+)_(?:(\d+)_)?(.+)$/.exec(path);
  if (match === null) return path;
  const [, side, first, , rest] = match;
  const block = Number(first);
  if (side === 'middle_block') return `mid_block_attentions_0_${path.replace(/^middle_block_1_/, '')}`;
  if (side === 'input_blocks')
    return `down_blocks_${Math.floor((block - 1) / 3)}_attentions_${(block - 1) % 3}_${rest!}`;
  return `up_blocks_${Math.floor(block / 3)}_attentions_${block % 3}_${rest!}`;
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
  const merged = new Map<OnnxNode, { name: string; dims: number[]; data: Float32Array; half: boolean }>();
  for (const { adapter, scale } of relevant) {
    const unmatched: string[] = [];
    for (const [path, module] of adapter.modules[network]) {
      const target = nodes.get(path);
      if (target === undefined) {
        unmatched.push(module.key);
        continue;
      }
      let weight = merged.get(target.node);
      if (weight === undefined) {
        const half = target.tensor.dataType === dataType.float16 && !target.cast;
        const data = await readWeight(target.tensor, file);
        weight = { name: mergedPrefix + path, dims: target.tensor.dims, data, half };
        merged.set(target.node, weight);
      }
      addLowRank(weight, module, target.transposed, scale, adapter.file);
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
  node: OnnxNode;
  tensor: OnnxTensor;
  /** The weight is [in, out]: a MatMul's, or a Gemm's without transB. */
  transposed: boolean;
  /** The node reads the weight through a Cast to float32, so the merged one may be float32 too. */
  cast: boolean;
}

/** Each node with a weight, by its module's path with "_" for "." and "/". */
function weightedNodes(model: OnnxModel): Map<string, Target> {
  const initializers = new Map(model.graph.initializer.map((tensor) => [tensor.name, tensor]));
  const producers = new Map(model.graph.node.flatMap((node) => node.output.map((output) => [output, node] as const)));
  const targets = new Map<string, Target>();
  for (const node of model.graph.node) {
    if (node.opType !== 'MatMul' && node.opType !== 'Gemm' && node.opType !== 'Conv') continue;
    let name = node.input[1]!;
    let cast = false;
    for (let source = producers.get(name); source?.opType === 'Cast' || source?.opType === 'Identity';) {
      cast ||= source.opType === 'Cast';
      name = source.input[0]!;
      source = producers.get(name);
    }
    const tensor = initializers.get(name);
    if (tensor === undefined) continue;
    const path = (node.name ?? '')
      .replace(/^\//, '')
      .replace(/\/[^/]*$/, '')
      .replace(/[./]/g, '_');
    const transB = node.attribute.find((attribute) => attribute.name === 'transB')?.i === 1;
    targets.set(path, {
      node,
      tensor,
      transposed: node.opType === 'MatMul' || (node.opType === 'Gemm' && !transB),
      cast,
    });
  }
  return targets;
}

/** weight += scale · scaling · up · down, in float32, in the weight's own layout. */
function addLowRank(
  weight: { dims: number[]; data: Float32Array },
  { key, down, up, scaling }: LoraModule,
  transposed: boolean,
  scale: number,
  file: string,
): void {
  const rank = down.shape[0]!;
  const outSize = up.shape[0]!;
  const inSize = down.data.length / rank;
  const expected = transposed ? [inSize, outSize] : [outSize, inSize];
  const actual = [weight.dims[0]!, weight.data.length / weight.dims[0]!];
  if (up.data.length !== outSize * rank || expected[0] !== actual[0] || expected[1] !== actual[1]) {
    throw new BadInput(
      `${file} does not fit: "${key}" makes [${outSize}, ${inSize}], the network's weight is [${(transposed ? actual.reverse() : actual).join(', ')}]; is it an adapter of another model?`,
    );
  }
  const factor = Math.fround(scale * scaling);
  const row = new Float32Array(inSize);
  for (let o = 0; o < outSize; o++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const u = up.data[o * rank + r]!;
      for (let i = 0; i < inSize; i++) row[i] = row[i]! + u * down.data[r * inSize + i]!;
    }
    if (transposed) for (let i = 0; i < inSize; i++) weight.data[i * outSize + o]! += factor * row[i]!;
    else for (let i = 0; i < inSize; i++) weight.data[o * inSize + i]! += factor * row[i]!;
  }
}

/** Of the names of merged weights. */
const mergedPrefix = 'visavis.merged.';

/** New weights as external data, so that a network above 2 GB can be patched too. */
function patchOf(
  file: string,
  model: OnnxModel,
  merged: ReadonlyMap<OnnxNode, { name: string; dims: number[]; data: Float32Array; half: boolean }>,
): NetworkSource {
  const weights: { path: string; data: Uint8Array }[] = [];
  for (const [node, { name, dims, data, half }] of merged) {
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
    node.input[1] = name;
  }
  dropUnread(model);
  const files = externalFiles(model).filter((name) => !name.startsWith(mergedPrefix));
  return { file, patch: { model: encodeModel(model), weights, files } };
}

/** Removes the base weights that nothing reads any more, and the Casts in front of them. */
function dropUnread(model: OnnxModel): void {
  const { graph } = model;
  const read = () =>
    new Set([...graph.node.flatMap((node) => node.input), ...graph.output.map((output) => output.name)]);
  let used = read();
  graph.node = graph.node.filter(
    (node) => !(node.opType === 'Cast' || node.opType === 'Identity') || used.has(node.output[0]!),
  );
  used = read();
  graph.initializer = graph.initializer.filter((tensor) => used.has(tensor.name!));
}

function firstFew(keys: readonly string[]): string {
  return keys.length <= 8 ? keys.join(', ') : `${keys.slice(0, 8).join(', ')} and ${keys.length - 8} more`;
}
