/** @file safetensors: what is written is read; a damaged file is one sentence, whichever byte is wrong. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadInput } from '../../../../evaluator/engine/files/bad-input.ts';
import { encodeSafeTensors, readSafeTensors } from '../../../../evaluator/engine/onnx/safetensors.ts';
import { temporaryFolder } from '../../../support/folders.ts';

const tensors = new Map([
  ['down.weight', { shape: [2, 2], data: Float32Array.of(1, -2, 0.5, 3) }],
  ['up.weight', { shape: [2], data: Float32Array.of(7, 8) }],
]);
const path = join(temporaryFolder(), 'a.safetensors');

async function readBytes(bytes: Uint8Array) {
  await writeFile(path, bytes);
  return readSafeTensors(path);
}
function withHeader(header: string): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([length, Buffer.from(header), Buffer.alloc(16)]);
}

describe('safetensors', () => {
  it('are read as they were written, with their metadata', async () => {
    expect(await readBytes(encodeSafeTensors(tensors, { rank: '4' }))).toEqual({ tensors, metadata: { rank: '4' } });
  });

  it('F16, BF16 and F64 become float32', async () => {
    // 1.5 is 3E00 as F16, 3FC0 as BF16, 3FF8000000000000 as F64; little-endian.
    const entry = (dtype: string, start: number, end: number) => ({ dtype, shape: [1], data_offsets: [start, end] });
    const header = JSON.stringify({ h: entry('F16', 0, 2), b: entry('BF16', 2, 4), d: entry('F64', 4, 12) });
    const bytes = withHeader(header);
    bytes.set([0x00, 0x3e, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f], bytes.length - 16);
    const { tensors: read } = await readBytes(bytes);
    expect([...read.values()].map(({ data }) => [...data])).toEqual([[1.5], [1.5], [1.5]]);
  });

  it('both float8 types become float32, and a single whole number', async () => {
    // torch.tensor([…], dtype=torch.uint8).view(torch.float8_e4m3fn) and e5m2 of PyTorch 2.13.
    const bytes = [0x38, 0x7e, 0x08, 0x01, 0xc4, 0x7f, 0x3c, 0x7b, 0x01, 0xc5, 0xfc, 16, 0, 0, 0, 0];
    const header = JSON.stringify({
      e4m3: { dtype: 'F8_E4M3', shape: [6], data_offsets: [0, 6] },
      e5m2: { dtype: 'F8_E5M2', shape: [5], data_offsets: [6, 11] },
      alpha: { dtype: 'I32', shape: [], data_offsets: [11, 15] },
    });
    const file = withHeader(header);
    file.set(bytes, file.length - 16);
    const { tensors: read } = await readBytes(file);
    expect([...read.get('e4m3')!.data]).toEqual([1, 448, 2 ** -6, 2 ** -9, -3, NaN]);
    expect([...read.get('e5m2')!.data]).toEqual([1, 57344, 2 ** -16, -5, -Infinity]);
    expect([...read.get('alpha')!.data]).toEqual([16]);
    const long = withHeader(JSON.stringify({ alpha: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }));
    long.set([4, 0, 0, 0, 0, 0, 0, 0], long.length - 16);
    expect([...(await readBytes(long)).tensors.get('alpha')!.data]).toEqual([4]);
    await expect(
      readBytes(withHeader(JSON.stringify({ w: { dtype: 'I8', shape: [16], data_offsets: [0, 16] } }))),
    ).rejects.toThrow('"w" is I8; weights must be F64, F32, F16, BF16, F8_E4M3, F8_E5M2.');
  });

  it.each([
    ['no complete safetensors file (3 bytes)', Buffer.from('abc')],
    ['its header is no JSON object', withHeader('{')],
    ['its header is no JSON object', withHeader('null')],
    ['its header is no JSON object', withHeader('[]')],
    ['its metadata is not text by name', withHeader('{"__metadata__":{"rank":4}}')],
    ['the header does not say type, shape and place of "w"', withHeader('{"w":null}')],
    ['the header does not say type, shape and place of "w"', withHeader('{"w":{"dtype":"F32","shape":[1]}}')],
    ['place of "w"', withHeader('{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}')],
    ['place of "w"', withHeader('{"w":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}')],
    [
      '"w" is constructor; weights must be',
      withHeader('{"w":{"dtype":"constructor","shape":[1],"data_offsets":[0,4]}}'),
    ],
    ['damaged at "w"', withHeader('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}')],
    ['damaged at "w"', withHeader('{"w":{"dtype":"F32","shape":[5],"data_offsets":[0,20]}}')],
  ])('%s', async (sentence, bytes) => {
    await expect(readBytes(bytes)).rejects.toThrow(sentence);
    await expect(readBytes(bytes)).rejects.toBeInstanceOf(BadInput);
  });

  it('with any byte changed are read or refused in a sentence', async () => {
    const whole = encodeSafeTensors(tensors, { rank: '4' });
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), fc.nat(whole.length), async (changes, end) => {
        const bytes = Buffer.from(whole);
        for (const [place, value] of changes) bytes[place] = value;
        const read = readBytes(end % 4 === 0 ? bytes.subarray(0, end) : bytes);
        await read.catch((error: unknown) => expect(error).toBeInstanceOf(BadInput));
      }),
      { numRuns: 1000, seed: 5 },
    );
  });
});
