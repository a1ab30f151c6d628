/**
 * @file Reading and writing safetensors: an 8-byte little-endian header length, a JSON header, the tensors' bytes.
 * Source: huggingface/safetensors README, Format.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { BadInput, cannotRead } from '../files/bad-input.ts';
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
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw cannotRead(file, error);
  }
  const headerLength = bytes.length < 8 ? Infinity : Number(bytes.readBigUInt64LE(0));
  if (8 + headerLength > bytes.length) {
    throw new BadInput(`${file} is no complete safetensors file (${bytes.length} bytes).`);
  }
  const { __metadata__: named, ...entries } = readHeader(file, bytes.toString('utf8', 8, 8 + headerLength));
  const metadata = metadataSchema.safeParse(named);
  if (!metadata.success) throw new BadInput(`${file} is no safetensors file: its metadata is not text by name.`);
  const tensors = new Map<string, SafeTensor>();
  for (const [name, value] of Object.entries(entries)) {
    const entry = entrySchema.safeParse(value);
    if (!entry.success)
      throw new BadInput(`${file} is damaged: the header does not say type, shape and place of "${name}".`);
    const { dtype, shape, data_offsets: offsets } = entry.data;
    const [start, end] = offsets.map((offset) => offset + 8 + headerLength) as [number, number];
    const length = shape.reduce((product, size) => product * size, 1);
    const sizes = length === 1 ? { ...bytesOf, ...bytesOfNumber } : bytesOf;
    const size = Object.hasOwn(sizes, dtype) ? sizes[dtype] : undefined;
    if (size === undefined)
      throw new BadInput(`${file}: "${name}" is ${dtype}; weights must be ${Object.keys(bytesOf).join(', ')}.`);
    if (end > bytes.length || end - start !== length * size) {
      throw new BadInput(`${file} is cut short or damaged at "${name}"; copy it again.`);
    }
    tensors.set(name, {
      shape,
      data: toFloat32(bytes, start, length * size, dtype),
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

function toFloat32(bytes: Buffer, start: number, size: number, dtype: string): Float32Array {
  const copy = bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + start + size) as ArrayBuffer;
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
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  const stored = sorted.map(([, tensor]) => storedAs(tensor));
  let offset = 0;
  sorted.forEach(([name, { shape }], i) => {
    const { dtype, bytes } = stored[i]!;
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
  });
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, ...stored.map(({ bytes }) => bytes)]);
}

function storedAs({ data, dtype }: SafeTensor): { dtype: string; bytes: Buffer } {
  const bytesOfArray = ({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array) =>
    Buffer.from(buffer, byteOffset, byteLength);
  if (dtype === 'F16') return { dtype, bytes: bytesOfArray(float32ToFloat16(data)) };
  // What was bfloat16 has nothing in its lower half.
  if (dtype === 'BF16')
    return {
      dtype,
      bytes: bytesOfArray(Uint16Array.from(new Uint32Array(data.slice().buffer), (bits) => bits >>> 16)),
    };
  return { dtype: 'F32', bytes: bytesOfArray(data) };
}
