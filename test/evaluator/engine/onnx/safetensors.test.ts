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
