/** @file The files in a zip, as a folder would have them. */
import { strToU8, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { filesOfZip } from '../../client/research/zip-files.ts';

const zipOf = (files: Record<string, Uint8Array>, name = 'model.zip') =>
  new File([zipSync(files) as Uint8Array<ArrayBuffer>], name);

describe('a zip', () => {
  it('gives its files under their own names, without folders and what systems add', async () => {
    const files = await filesOfZip(
      zipOf({
        'run 3/00000.png': strToU8('a'),
        'run 3/00001.png': strToU8('bc'),
        '__MACOSX/run 3/._00000.png': strToU8('x'),
        'run 3/.DS_Store': strToU8('x'),
        'run 3/': new Uint8Array(),
      }),
    );
    expect(files.map(({ name, size }) => [name, size])).toEqual([
      ['00000.png', 1],
      ['00001.png', 2],
    ]);
    expect(await files[1]!.text()).toBe('bc');
  });
  it('that is none, or broken, is said in one sentence', async () => {
    await expect(filesOfZip(new File(['PNG'], 'x.zip'))).rejects.toThrow('x.zip is no zip file.');
    const whole = zipSync({ 'a.png': crypto.getRandomValues(new Uint8Array(5000)) });
    await expect(filesOfZip(new File([whole.slice(0, 1000) as Uint8Array<ArrayBuffer>], 'x.zip'))).rejects.toThrow(
      'x.zip cannot be unpacked; is it whole?',
    );
  });
  it('that says of a file that it is enormous is not unpacked', async () => {
    const zip = zipSync({ 'bomb.png': new Uint8Array(10) });
    // The central directory's word on the size, which is what is believed before unpacking.
    const at = zip.findIndex((_, i) => zip[i] === 0x50 && zip[i + 1] === 0x4b && zip[i + 2] === 1 && zip[i + 3] === 2);
    new DataView(zip.buffer, zip.byteOffset).setUint32(at + 24, 400_000_000, true);
    await expect(filesOfZip(new File([zip as Uint8Array<ArrayBuffer>], 'x.zip'))).rejects.toThrow(
      'x.zip holds bomb.png, which is too large for an image.',
    );
  });
});
