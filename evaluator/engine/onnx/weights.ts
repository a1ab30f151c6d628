/** @file The numbers of an initializer, wherever its bytes are. */
import { open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BadInput } from '../files/bad-input.ts';
import { foreignFile } from '../files/foreign-file.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from './float16.ts';
import { dataType, type OnnxTensor } from './model-file.ts';

/**
 * The weight as float32, always a copy.
 * @param file the .onnx file that the tensor is of; external data is found beside it
 * @throws BadInput when the external data is missing or cut short
 */
export async function readWeight(tensor: OnnxTensor, file: string): Promise<Float32Array> {
  if (tensor.floatData !== undefined && tensor.floatData.length > 0) return Float32Array.from(tensor.floatData);
  const bytes = tensor.dataLocation === 1 ? await readExternal(tensor, file) : tensor.rawData!;
  const copy = new Uint8Array(bytes).buffer;
  if (tensor.dataType === dataType.float32) return new Float32Array(copy);
  if (tensor.dataType === dataType.float16) return float16ToFloat32(new Uint16Array(copy));
  if (tensor.dataType === dataType.bfloat16) return bfloat16ToFloat32(new Uint16Array(copy));
  throw new BadInput(
    `${file}: the weight "${tensor.name ?? ''}" is of ONNX type ${tensor.dataType}; it must be a float.`,
  );
}

/** Its bytes, as they are beside the file. @throws BadInput when they are missing or cut short */
export async function readExternal(tensor: OnnxTensor, file: string): Promise<Uint8Array> {
  const entry = (key: string) => tensor.externalData?.find((other) => other.key === key)?.value;
  const named = join(dirname(file), entry('location') ?? '');
  const offset = Number(entry('offset') ?? 0);
  const length = Number(entry('length'));
  if ((await stat(named).catch(() => undefined)) === undefined)
    throw new BadInput(`${file} keeps its weights in ${named}, which is missing; copy both files.`);
  const path = await foreignFile(named, { root: dirname(file), mostBytes: Infinity, place: file });
  const handle = await open(path);
  try {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await handle.read(bytes, 0, length, offset);
    if (bytesRead < length)
      throw new BadInput(`${path} is cut short: it ends before byte ${offset + length}; copy it again.`);
    return bytes;
  } finally {
    await handle.close();
  }
}
