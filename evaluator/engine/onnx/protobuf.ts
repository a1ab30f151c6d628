/**
 * @file The wire format of Protocol Buffers, driven by a field table: enough to read and write ONNX files. Bytes fields
 * are views into the file, never copies; fields that the table does not know are kept and written back.
 * Source: protobuf.dev, Encoding.
 */
import { ArgumentError } from '../../statistics/argument-error.ts';

type Scalar = 'int' | 'float' | 'double' | 'string' | 'bytes';
export interface Field {
  name: string;
  type: Scalar | MessageType;
  repeated?: boolean;
}
export interface MessageType {
  fields: Record<number, Field>;
}
type Message = Record<string, unknown> & { unknownFields?: Uint8Array[] };

const utf8 = new TextDecoder();
const toUtf8 = new TextEncoder();

/** @throws ArgumentError when the bytes end inside a field */
export function decodeMessage(bytes: Uint8Array, type: MessageType): Message {
  const message: Message = {};
  for (const field of Object.values(type.fields)) if (field.repeated === true) message[field.name] = [];
  const reader = new Reader(bytes);
  while (reader.offset < bytes.length) {
    const start = reader.offset;
    const tag = reader.varint();
    const field = type.fields[tag >>> 3];
    if (field === undefined) {
      reader.skip(tag & 7);
      (message.unknownFields ??= []).push(bytes.subarray(start, reader.offset));
    } else {
      readField(reader, message, field, tag & 7);
    }
  }
  return message;
}

function readField(reader: Reader, message: Message, field: Field, wire: number): void {
  const list = message[field.name] as unknown[];
  if (
    field.repeated === true &&
    wire === 2 &&
    (field.type === 'int' || field.type === 'float' || field.type === 'double')
  ) {
    const packed = new Reader(reader.bytes(reader.varint()));
    while (packed.offset < packed.length) list.push(readScalar(packed, field.type));
    return;
  }
  const value =
    typeof field.type === 'string'
      ? readScalar(reader, field.type)
      : decodeMessage(reader.bytes(reader.varint()), field.type);
  if (field.repeated === true) list.push(value);
  else message[field.name] = value;
}

function readScalar(reader: Reader, type: Scalar): unknown {
  if (type === 'int') return reader.int64();
  if (type === 'float') return reader.float();
  if (type === 'double') return reader.double();
  const bytes = reader.bytes(reader.varint());
  return type === 'string' ? utf8.decode(bytes) : bytes;
}

class Reader {
  offset = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  get length(): number {
    return this.#bytes.length;
  }
  /** Tags and lengths: below 2⁵³. */
  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#view.getUint8(this.offset++);
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }
  /** Exact up to 2⁵³; beyond it the nearest number (INT64_MAX, which means "to the end", survives a round trip). */
  int64(): number {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#view.getUint8(this.offset++);
      if (shift === 0n && byte < 128) return byte;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
  }
  float(): number {
    this.offset += 4;
    return this.#view.getFloat32(this.offset - 4, true);
  }
  double(): number {
    this.offset += 8;
    return this.#view.getFloat64(this.offset - 8, true);
  }
  bytes(length: number): Uint8Array {
    if (this.offset + length > this.#bytes.length) throw new ArgumentError('the file ends inside a field');
    this.offset += length;
    return this.#bytes.subarray(this.offset - length, this.offset);
  }
  skip(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 1) this.offset += 8;
    else if (wire === 2) this.bytes(this.varint());
    else if (wire === 5) this.offset += 4;
    else throw new ArgumentError(`wire type ${wire} does not exist`);
  }
}

/** The encoded message in pieces: large bytes fields are passed on as they are. */
export function encodeMessage(message: object, type: MessageType): { chunks: Uint8Array[]; length: number } {
  const writer = new Writer();
  for (const [number, field] of Object.entries(type.fields)) {
    const value = (message as Message)[field.name];
    if (value === undefined) continue;
    writeField(writer, Number(number), field, value);
  }
  for (const bytes of (message as Message).unknownFields ?? []) writer.push(bytes);
  return writer.finish();
}

function writeField(writer: Writer, number: number, field: Field, value: unknown): void {
  if (field.repeated === true && (field.type === 'int' || field.type === 'float' || field.type === 'double')) {
    const packed = new Writer();
    for (const item of value as number[]) packed.scalar(field.type, item);
    const { chunks, length } = packed.finish();
    if (length > 0) writer.lengthDelimited(number, chunks, length);
    return;
  }
  for (const item of field.repeated === true ? (value as unknown[]) : [value]) {
    if (typeof field.type !== 'string') {
      const { chunks, length } = encodeMessage(item as object, field.type);
      writer.lengthDelimited(number, chunks, length);
    } else if (field.type === 'string' || field.type === 'bytes') {
      const bytes = typeof item === 'string' ? toUtf8.encode(item) : (item as Uint8Array);
      writer.lengthDelimited(number, [bytes], bytes.length);
    } else {
      writer.varint(number * 8 + { int: 0, float: 5, double: 1 }[field.type]);
      writer.scalar(field.type, item as number);
    }
  }
}

const int64Max = 2n ** 63n - 1n;

class Writer {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  #small: number[] = [];

  push(bytes: Uint8Array): void {
    if (bytes.length < 64) {
      for (const byte of bytes) this.#small.push(byte);
      return;
    }
    this.#flush();
    this.#chunks.push(bytes);
    this.#length += bytes.length;
  }
  varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#small.push((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.#small.push(rest);
  }
  scalar(type: 'int' | 'float' | 'double', value: number): void {
    if (type === 'int') this.#int64(value);
    else if (type === 'float') this.push(new Uint8Array(Float32Array.of(value).buffer));
    else this.push(new Uint8Array(Float64Array.of(value).buffer));
  }
  lengthDelimited(number: number, chunks: Uint8Array[], length: number): void {
    this.varint(number * 8 + 2);
    this.varint(length);
    for (const chunk of chunks) this.push(chunk);
  }
  finish(): { chunks: Uint8Array[]; length: number } {
    this.#flush();
    return { chunks: this.#chunks, length: this.#length };
  }
  #int64(value: number): void {
    if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
      this.varint(value);
      return;
    }
    let rest = BigInt(value);
    if (rest > int64Max) rest = int64Max;
    rest = BigInt.asUintN(64, rest);
    for (; rest >= 128n; rest >>= 7n) this.#small.push(Number(rest & 127n) | 128);
    this.#small.push(Number(rest));
  }
  #flush(): void {
    if (this.#small.length === 0) return;
    this.#chunks.push(Uint8Array.from(this.#small));
    this.#length += this.#small.length;
    this.#small = [];
  }
}
