/** @file IEEE half precision, bfloat16 and the two float8 types (Micikevicius et al. 2022, arXiv:2209.05433), which Node 20 has no arrays for. Bits in integer arrays. */

const halfToFloat = new Float32Array(65536);
for (let bits = 0; bits < 65536; bits++) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits >> 15 ? -1 : 1;
  if (exponent === 0) halfToFloat[bits] = sign * fraction * 2 ** -24;
  else if (exponent === 31) halfToFloat[bits] = fraction === 0 ? sign * Infinity : NaN;
  else halfToFloat[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function float16ToFloat32(bits: Uint16Array, out = new Float32Array(bits.length)): Float32Array {
  for (let i = 0; i < bits.length; i++) out[i] = halfToFloat[bits[i]!]!;
  return out;
}

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** Rounds to nearest, halves to even; what is too large becomes infinite. */
export function float32ToFloat16(values: Float32Array, out = new Uint16Array(values.length)): Uint16Array {
  for (let i = 0; i < values.length; i++) out[i] = half(values[i]!);
  return out;
}

function half(value: number): number {
  f32[0] = value;
  const bits = u32[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: the value in units of 2⁻²⁴; adding 2⁵² lets the processor round half to even.
    return sign | (Math.abs(value) * 2 ** 24 + 2 ** 52 - 2 ** 52);
  }
  // Rebias the exponent and round the 13 bits that go; a carry runs into the exponent as it should.
  const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1);
  return sign | (rounded >>> 13);
}

export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const out = new Float32Array(bits.length);
  const view = new Uint32Array(out.buffer);
  for (let i = 0; i < bits.length; i++) view[i] = bits[i]! << 16;
  return out;
}

/** E4M3 has no infinity: all ones but the sign are its one NaN. E5M2 is half precision's first byte. */
export function float8ToFloat32(bits: Uint8Array, type: 'F8_E4M3' | 'F8_E5M2'): Float32Array {
  return Float32Array.from(bits, (byte) => {
    if (type === 'F8_E5M2') return halfToFloat[byte << 8]!;
    const sign = byte >> 7 ? -1 : 1;
    const exponent = (byte >> 3) & 15;
    const fraction = byte & 7;
    if (exponent === 15 && fraction === 7) return NaN;
    return sign * (exponent === 0 ? fraction * 2 ** -9 : (1 + fraction / 8) * 2 ** (exponent - 7));
  });
}
