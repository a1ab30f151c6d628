/** @file Between the numbers we compute with (float32) and the types that an export happens to take. */
import { float16ToFloat32, float32ToFloat16 } from './float16.ts';
import type { PortInfo, Value } from './session.ts';

/** The same numbers in the port's type: float32 or float16. */
export function floatTensor(port: PortInfo, data: Float32Array, dims: readonly number[]): Value {
  return port.type === 'float16'
    ? { type: 'float16', data: float32ToFloat16(data), dims }
    : { type: 'float32', data, dims };
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
  if (port.type === 'int64')
    return { type: 'int64', data: new BigInt64Array(count).fill(BigInt(Math.round(timestep))), dims };
  if (port.type === 'int32') return { type: 'int32', data: new Int32Array(count).fill(Math.round(timestep)), dims };
  return floatTensor(port, new Float32Array(count).fill(timestep), dims);
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
