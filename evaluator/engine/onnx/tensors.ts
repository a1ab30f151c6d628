/** @file Between the numbers we compute with (float32) and the types that an export happens to take. */
import { float16ToFloat32, float32ToFloat16 } from './float16.ts';
import type { PortInfo, Value } from './session.ts';

/** The same numbers in the port's type: float32 or float16. */
export function floatTensor(port: PortInfo, data: Float32Array, dims: readonly number[]): Value {
  return port.type === 'float16'
    ? { type: 'float16', data: float32ToFloat16(data), dims }
    : { type: 'float32', data, dims };
}

/** Numbers in the type that the port takes; whole ones where that is an integer. */
export function numbersTensor(port: PortInfo, data: Float32Array, dims: readonly number[]): Value {
  if (port.type === 'int64')
    return { type: 'int64', data: BigInt64Array.from(data, (value) => BigInt(Math.round(value))), dims };
  if (port.type === 'int32') return { type: 'int32', data: Int32Array.from(data, Math.round), dims };
  return floatTensor(port, data, dims);
}

/** Token ids as int64, or int32 as older exports take them. */
export function idsTensor(port: PortInfo, rows: readonly number[][]): Value {
  const dims = [rows.length, rows[0]!.length];
  const ids = rows.flat();
  return port.type === 'int32'
    ? { type: 'int32', data: Int32Array.from(ids), dims }
    : { type: 'int64', data: BigInt64Array.from(ids, BigInt), dims };
}

/** The timestep as this export takes it: a scalar, or a vector of one a sample; float or integer. */
export function timestepTensor(port: PortInfo, timestep: number, batch: number): Value {
  const dims = port.shape.length === 0 ? [] : [port.shape[0] === 1 ? 1 : batch];
  const count = dims.length === 0 ? 1 : dims[0]!;
  return numbersTensor(port, new Float32Array(count).fill(timestep), dims);
}

export function toFloat32(value: Value): Float32Array {
  return value.type === 'float16' ? float16ToFloat32(value.data as Uint16Array) : (value.data as Float32Array);
}

/** Rows of one width behind one another. */
export function stack(rows: readonly Float32Array[]): Float32Array {
  const width = rows[0]!.length;
  const out = new Float32Array(rows.length * width);
  rows.forEach((row, i) => out.set(row, i * width));
  return out;
}
