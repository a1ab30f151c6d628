/**
 * @file Reading and writing safetensors: an 8-byte little-endian header length, a JSON header, the tensors' bytes.
 * Source: huggingface/safetensors README, Format.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { BadInput, cannotRead } from '../files/bad-input.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from './float16.ts';

export interface SafeTensor {
  shape: number[];
  /** Converted to float32 from F16, BF16 or F64. */
  data: Float32Array;
}
export interface SafeTensors {
  tensors: Map<string, SafeTensor>;
  metadata: Record<string, string>;
}

const whole = z.number().int().nonnegative();
const entrySchema = z.object({ dtype: z.string(), shape: z.array(whole), data_offsets: z.tuple([whole, whole]) });
const metadataSchema = z.record(z.string(), z.string()).optional();

const bytesOf: Record<string, number> = { F64: 8, F32: 4, F16: 2, BF16: 2 };

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
    const size = Object.hasOwn(bytesOf, dtype) ? bytesOf[dtype] : undefined;
    if (size === undefined)
      throw new BadInput(`${file}: "${name}" is ${dtype}; weights must be F32, F16, BF16 or F64.`);
    if (end > bytes.length || end - start !== length * size) {
      throw new BadInput(`${file} is cut short or damaged at "${name}"; copy it again.`);
    }
    tensors.set(name, { shape, data: toFloat32(bytes, start, length, dtype) });
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

function toFloat32(bytes: Buffer, start: number, length: number, dtype: string): Float32Array {
  const copy = bytes.buffer.slice(
    bytes.byteOffset + start,
    bytes.byteOffset + start + length * bytesOf[dtype]!,
  ) as ArrayBuffer;
  if (dtype === 'F32') return new Float32Array(copy);
  if (dtype === 'F16') return float16ToFloat32(new Uint16Array(copy));
  if (dtype === 'BF16') return bfloat16ToFloat32(new Uint16Array(copy));
  return Float32Array.from(new Float64Array(copy));
}

/** The file's bytes: float32, names sorted, header padded to 8 bytes, so that equal tensors give equal files. */
export function encodeSafeTensors(
  tensors: ReadonlyMap<string, SafeTensor>,
  metadata: Record<string, string> = {},
): Buffer {
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  let offset = 0;
  for (const [name, { shape, data }] of sorted) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const data = sorted.map(([, t]) => Buffer.from(t.data.buffer, t.data.byteOffset, t.data.byteLength));
  return Buffer.concat([length, padded, ...data]);
}
