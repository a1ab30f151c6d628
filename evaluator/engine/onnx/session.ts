/**
 * @file The only importer of onnxruntime-node. Import it from a worker thread: `create` and `run` block the thread they
 * are called on, whatever their promises say.
 */
import { constants, copyFile, link, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ort from 'onnxruntime-node';
import { BadInput } from '../files/bad-input.ts';
import type { Device } from './device.ts';
import { dataType, encodeModel, readModel, type OnnxModel } from './model-file.ts';

export type TensorData = Float32Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array;
export type ElementType = 'float32' | 'float16' | 'int64' | 'int32' | 'bool' | 'uint8' | 'float64';
export interface Value {
  type: ElementType;
  data: TensorData;
  dims: readonly number[];
}
export interface PortInfo {
  name: string;
  type: ElementType;
  /** Numbers where the export fixed them, names where it left them open. */
  shape: readonly (number | string)[];
}

/** A changed graph in place of the file's. */
export interface NetworkPatch {
  model: Uint8Array;
  /** New weights, which the graph names as external data. */
  weights: { path: string; data: Uint8Array }[];
  /** Files beside the network that the graph still reads weights from. */
  files: readonly string[];
}

export interface NetworkSource {
  /** The .onnx file; external data files are found beside it. */
  file: string;
  patch?: NetworkPatch;
  /** Weights in half precision behind Casts are widened at each run instead of once, when the session is made. */
  keepsHalf?: boolean;
}

export interface Session {
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
  /**
   * @param wanted outputs to compute; all when absent
   * @param into arrays of known size that outputs of the same name are written to
   */
  run(
    feeds: Record<string, Value>,
    wanted?: readonly string[],
    into?: Readonly<Record<string, Value>>,
  ): Promise<Record<string, Value>>;
  release(): Promise<void>;
}

/** @throws BadInput when onnxruntime refuses the file; its own first line is the reason */
export async function createSession(
  source: NetworkSource,
  device: Device,
  threads = device.kind === 'cpu' ? device.threads : undefined,
): Promise<Session> {
  const options: ort.InferenceSession.SessionOptions = {
    executionProviders: providersOf(device),
    logSeverityLevel: 4,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    ...(await optimisationOf(source, device)),
  };
  let session: ort.InferenceSession;
  try {
    session = await (source.patch === undefined
      ? ort.InferenceSession.create(source.file, options)
      : createPatched(source.file, source.patch, options));
  } catch (error) {
    throw new BadInput(`onnxruntime cannot load ${source.file}: ${firstLine(error)}`);
  }
  return wrap(session, source.file);
}

/** How far the runtime may rewrite the graph. */
async function optimisationOf(
  { file, keepsHalf = false }: NetworkSource,
  device: Device,
): Promise<Pick<ort.InferenceSession.SessionOptions, 'graphOptimizationLevel' | 'extra'>> {
  if (keepsHalf)
    return {
      // The level above widens initializers too.
      graphOptimizationLevel: 'extended',
      extra: { optimization: { disable_specified_optimizers: 'ConstantFolding;CommonSubexpressionElimination' } },
    };
  // The optimiser would fold a second copy of all weights, in float32. Without it they stay on the disk, mapped, and
  // are converted as they are used: slower, on a device that float16 is not for, and it fits into memory.
  return device.kind === 'cpu' && (await isLargeHalf(file)) ? { graphOptimizationLevel: 'disabled' } : {};
}

const large = 2 ** 30;

/** More than a GiB of float16 weights beside the network. */
async function isLargeHalf(file: string): Promise<boolean> {
  const data = await stat(`${file}_data`).catch(() => undefined);
  if (data === undefined || data.size < large) return false;
  const { graph } = await readModel(file);
  return graph.input.some((input) => input.type?.tensorType?.elemType === dataType.float16);
}

async function createPatched(
  file: string,
  { model, weights, files }: NetworkPatch,
  options: ort.InferenceSession.SessionOptions,
): Promise<ort.InferenceSession> {
  if (files.length === 0) return ort.InferenceSession.create(model, { ...options, externalData: weights });
  // onnxruntime takes external data from memory or from files, not from both, and follows no symbolic link out of the
  // network's folder: the new weights become files in a folder where the base's data files are linked by hand. It is
  // gone once the session is made.
  const folder = await mkdtemp(join(tmpdir(), 'visavis-network-'));
  try {
    for (const name of files) await linkOrCopy(join(dirname(file), name), join(folder, name));
    for (const { path, data } of weights) await writeFile(join(folder, path), data);
    await writeFile(join(folder, 'model.onnx'), model);
    return await ort.InferenceSession.create(join(folder, 'model.onnx'), options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A hard link costs nothing; onto another file system (TMPDIR) the file has to be copied. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_FICLONE));
}

/** A small network from memory, without external data. */
export async function createSessionFromBytes(model: Uint8Array, device: Device): Promise<Session> {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: providersOf(device),
    logSeverityLevel: 4,
  });
  return wrap(session, 'the network in memory');
}

/** Fusions that would put operators of onnxruntime's own, or other names, in place of the export's. */
const fusions = [
  'MatMulAddFusion',
  'ConvAddFusion',
  'ConvMulFusion',
  'ConvBNFusion',
  'GeluFusionL1',
  'LayerNormFusionL1',
  'GemmSumFusion',
  'GemmTransposeFusion',
  'PadFusion',
  'FuseReluClip',
  'ReshapeFusion',
  'CommonSubexpressionElimination',
];

/**
 * The model with its constants folded and nothing fused.
 * @param name for messages
 * @throws BadInput when onnxruntime refuses it
 */
export async function optimizeModel(model: Uint8Array, name: string): Promise<OnnxModel> {
  const folder = await mkdtemp(join(tmpdir(), 'visavis-fold-'));
  try {
    const file = join(folder, 'folded.onnx');
    const session = await ort.InferenceSession.create(model, {
      graphOptimizationLevel: 'basic',
      optimizedModelFilePath: file,
      logSeverityLevel: 4,
      extra: { optimization: { disable_specified_optimizers: fusions.join(';') } },
    });
    await session.release();
    return await readModel(file);
  } catch (error) {
    if (error instanceof BadInput) throw error;
    throw new BadInput(`onnxruntime cannot load ${name} with these shapes: ${firstLine(error)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The type and shape of every value that a node computes, as onnxruntime infers them. Nothing is run.
 * @throws BadInput when one is not known before a run
 */
export async function describeValues(
  { graph, ...rest }: OnnxModel,
  name: string,
): Promise<Map<string, { dims: number[]; type: number }>> {
  const outputs = graph.node.flatMap((node) => node.output.filter((output) => output !== ''));
  const model = { ...rest, graph: { ...graph, output: outputs.map((output) => ({ name: output })) } };
  const session = await ort.InferenceSession.create(encodeModel(model), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  });
  const values = new Map<string, { dims: number[]; type: number }>();
  for (const metadata of session.outputMetadata) {
    const { type, shape } = portOf(metadata);
    if (!shape.every((size) => typeof size === 'number' && size >= 0)) {
      throw new BadInput(`${name}: the shape of "${metadata.name}" depends on the numbers it is run with.`);
    }
    values.set(metadata.name, { dims: [...shape] as number[], type: dataType[type] });
  }
  await session.release();
  return values;
}

function wrap(session: ort.InferenceSession, file: string): Session {
  return {
    inputs: session.inputMetadata.map(portOf),
    outputs: session.outputMetadata.map(portOf),
    async run(feeds, wanted, into = {}) {
      const tensors: Record<string, ort.Tensor> = {};
      for (const [name, value] of Object.entries(feeds))
        tensors[name] = new ort.Tensor(value.type, value.data, value.dims);
      let results;
      try {
        results =
          wanted === undefined
            ? await session.run(tensors)
            : await session.run(tensors, Object.fromEntries(wanted.map((name) => [name, tensorOf(into[name])])));
      } catch (error) {
        throw new BadInput(`onnxruntime cannot run ${file}: ${firstLine(error)}`);
      }
      const values: Record<string, Value> = {};
      for (const [name, tensor] of Object.entries(results)) {
        values[name] = { type: tensor.type as ElementType, data: bits(tensor.data), dims: tensor.dims };
      }
      return values;
    },
    release: () => session.release(),
  };
}

function tensorOf(value: Value | undefined): ort.Tensor | null {
  return value === undefined ? null : new ort.Tensor(value.type, value.data, value.dims);
}

/** Newer Nodes get a Float16Array; here half precision is always its bits. */
function bits(data: ort.Tensor['data']): TensorData {
  const array = data as unknown as TensorData;
  return array.constructor.name === 'Float16Array'
    ? new Uint16Array(array.buffer, array.byteOffset, array.length)
    : array;
}

function portOf(metadata: ort.InferenceSession.ValueMetadata): PortInfo {
  if (!metadata.isTensor) return { name: metadata.name, type: 'float32', shape: [] };
  return { name: metadata.name, type: metadata.type as ElementType, shape: metadata.shape };
}

function providersOf(device: Device): ort.InferenceSession.ExecutionProviderConfig[] {
  if (device.kind === 'cuda') return [{ name: 'cuda', deviceId: device.id }, 'cpu'];
  if (device.kind === 'webgpu') return ['webgpu', 'cpu'];
  return ['cpu'];
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n')[0]!.trim();
}
