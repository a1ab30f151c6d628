/**
 * @file Reading and writing safetensors: an 8-byte little-endian header length, a JSON header, the tensors' bytes.
 * Source: huggingface/safetensors README, Format.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { BadInput, cannotRead } from '../files/bad-input.ts';
import { writeChunks } from '../files/write-whole.ts';
import { bfloat16ToFloat32, float16ToFloat32, float32ToFloat16, float8ToFloat32 } from './float16.ts';

export interface SafeTensor {
  shape: number[];
  /** Converted to float32 from the file's type. */
  data: Float32Array;
  /** The file's type; F32 when absent. */
  dtype?: string;
}
export interface SafeTensors {
  tensors: Map<string, SafeTensor>;
  metadata: Record<string, string>;
}

const whole = z.number().int().nonnegative();
const entrySchema = z.object({ dtype: z.string(), shape: z.array(whole), data_offsets: z.tuple([whole, whole]) });
const metadataSchema = z.record(z.string(), z.string()).optional();

const bytesOf: Record<string, number> = { F64: 8, F32: 4, F16: 2, BF16: 2, F8_E4M3: 1, F8_E5M2: 1 };
/** Of a single number, as an adapter's α; whole weights of integers are quantised by a rule that the file does not say. */
const bytesOfNumber: Record<string, number> = { I64: 8, I32: 4, I16: 2, I8: 1, U8: 1 };

/** @throws BadInput when the file is missing, cut short, damaged, or holds a type that no weight has */
export async function readSafeTensors(file: string): Promise<SafeTensors> {
  const handle = await reading(file, open(file));
  try {
    return await readTensors(file, handle);
  } finally {
    await handle.close();
  }
}

const reading = <T>(file: string, promise: Promise<T>): Promise<T> =>
  promise.catch((error: unknown) => {
    throw cannotRead(file, error);
  });

/** Tensor by tensor: the state of a large network is longer than a buffer may be. */
async function readTensors(file: string, handle: FileHandle): Promise<SafeTensors> {
  const { size } = await reading(file, handle.stat());
  const read = async (start: number, length: number): Promise<Buffer> => {
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await reading(file, handle.read(bytes, done, length - done, start + done));
      if (bytesRead === 0) throw new BadInput(`${file} was cut short while it was read; copy it again.`);
      done += bytesRead;
    }
    return bytes;
  };
  const headerLength = size < 8 ? Infinity : Number((await read(0, 8)).readBigUInt64LE(0));
  if (8 + headerLength > size) throw new BadInput(`${file} is no complete safetensors file (${size} bytes).`);
  const header = (await read(8, headerLength)).toString('utf8');
  const { __metadata__: named, ...entries } = readHeader(file, header);
  const metadata = metadataSchema.safeParse(named);
  if (!metadata.success) throw new BadInput(`${file} is no safetensors file: its metadata is not text by name.`);
  const tensors = new Map<string, SafeTensor>();
  for (const [name, value] of Object.entries(entries)) {
    const entry = entrySchema.safeParse(value);
    if (!entry.success)
      throw new BadInput(`${file} is damaged: the header does not say type, shape and place of "${name}".`);
    const { dtype, shape, data_offsets: offsets } = entry.data;
    const [start, end] = offsets.map((offset) => offset + 8 + headerLength) as [number, number];
    const length = shape.reduce((product, side) => product * side, 1);
    const sizes = length === 1 ? { ...bytesOf, ...bytesOfNumber } : bytesOf;
    const bytesOfOne = Object.hasOwn(sizes, dtype) ? sizes[dtype] : undefined;
    if (bytesOfOne === undefined)
      throw new BadInput(`${file}: "${name}" is ${dtype}; weights must be ${Object.keys(bytesOf).join(', ')}.`);
    if (end > size || end - start !== length * bytesOfOne)
      throw new BadInput(`${file} is cut short or damaged at "${name}"; copy it again.`);
    tensors.set(name, {
      shape,
      data: toFloat32(await read(start, end - start), dtype),
      ...(dtype === 'F32' ? {} : { dtype }),
    });
  }
  return { tensors, metadata: metadata.data ?? {} };
}

function readHeader(file: string, text: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    header = undefined;
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new BadInput(`${file} is no safetensors file: its header is no JSON object.`);
  return header as Record<string, unknown>;
}

function toFloat32(bytes: Buffer, dtype: string): Float32Array {
  const copy = bytes.buffer as ArrayBuffer; // of its own: Buffer.alloc shares none
  const view = new DataView(copy);
  switch (dtype) {
    case 'F32':
      return new Float32Array(copy);
    case 'F16':
      return float16ToFloat32(new Uint16Array(copy));
    case 'BF16':
      return bfloat16ToFloat32(new Uint16Array(copy));
    case 'F8_E4M3':
    case 'F8_E5M2':
      return float8ToFloat32(new Uint8Array(copy), dtype);
    case 'I64':
      return Float32Array.of(Number(view.getBigInt64(0, true)));
    case 'I32':
      return Float32Array.of(view.getInt32(0, true));
    case 'I16':
      return Float32Array.of(view.getInt16(0, true));
    case 'I8':
      return Float32Array.of(view.getInt8(0));
    case 'U8':
      return Float32Array.of(view.getUint8(0));
    default:
      return Float32Array.from(new Float64Array(copy));
  }
}

/** The file's bytes: float32 but for tensors that say F16 or BF16, names sorted, header padded to 8 bytes, so that equal tensors give equal files. */
export function encodeSafeTensors(
  tensors: ReadonlyMap<string, SafeTensor>,
  metadata: Record<string, string> = {},
): Buffer {
  return Buffer.concat([...chunksOf(tensors, metadata)]);
}

/** The same bytes, whole or not at all, without a second copy of them in memory. */
export async function writeSafeTensors(
  file: string,
  tensors: ReadonlyMap<string, SafeTensor>,
  metadata: Record<string, string> = {},
): Promise<void> {
  await writeChunks(file, chunksOf(tensors, metadata));
}

function* chunksOf(tensors: ReadonlyMap<string, SafeTensor>, metadata: Record<string, string>): Generator<Buffer> {
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, tensor]) => ({ name, ...tensor }));
  let offset = 0;
  for (const { name, shape, data, dtype } of sorted) {
    const isHalf = dtype === 'F16' || dtype === 'BF16';
    const end = offset + data.length * (isHalf ? 2 : 4);
    header[name] = { dtype: isHalf ? dtype : 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  yield length;
  yield padded;
  for (const tensor of sorted) yield storedBytes(tensor);
}

function storedBytes({ data, dtype }: Pick<SafeTensor, 'data' | 'dtype'>): Buffer {
  const bytesOfArray = ({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array) =>
    Buffer.from(buffer, byteOffset, byteLength);
  if (dtype === 'F16') return bytesOfArray(float32ToFloat16(data));
  // What was bfloat16 has nothing in its lower half.
  if (dtype === 'BF16')
    return bytesOfArray(Uint16Array.from(new Uint32Array(data.slice().buffer), (bits) => bits >>> 16));
  return bytesOfArray(data);
}
