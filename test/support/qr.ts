/** @file What a QR code says, read by another program than the one that made it. */
import jsQR from 'jsqr';
import { decodeRgb } from '../../evaluator/engine/images/decode.ts';

/** @param image PNG, or another format that is decoded @returns undefined where there is no code that can be read */
export async function readQr(image: Uint8Array): Promise<string | undefined> {
  const { pixels, width, height } = await decodeRgb(image, 'a QR code');
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) rgba.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i);
  return (jsQR as unknown as typeof jsQR.default)(rgba, width, height)?.data;
}
