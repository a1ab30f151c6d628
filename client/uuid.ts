/** @file A random UUID, also where a page came over plain HTTP: there browsers have no crypto.randomUUID. */

export function freshUuid(): string {
  const made = (crypto.randomUUID as (() => string) | undefined)?.call(crypto);
  if (made !== undefined) return made;
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 15) | 64;
  bytes[8] = (bytes[8]! & 63) | 128;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
