/** @file Damaged tables of preferences: read, or refused in a sentence, whichever byte is wrong. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { parquetWriteFile } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { BadInput } from '../../../evaluator/engine/files/bad-input.ts';
import { openPreferences } from '../../../evaluator/preference/preference-rows.ts';
import { temporaryFolder } from '../../support/folders.ts';

const path = join(temporaryFolder(), 'pairs.parquet');
/** @param labels label_0 of each row */
function write(labels: bigint[] | number[]): void {
  const text = (name: string, data: string[]) => ({ name, data, type: 'STRING' as const });
  const names = labels.map((_, i) => `${i}`);
  parquetWriteFile({
    filename: path,
    columnData: [
      text('caption', names),
      text('image_0_uid', names),
      text(
        'image_1_uid',
        names.map((name) => `${name}b`),
      ),
      { name: 'label_0', data: labels, type: typeof labels[0] === 'bigint' ? 'INT64' : 'DOUBLE' },
    ],
  });
}

describe('parquet', () => {
  it('is read with its labels, whole numbers too', async () => {
    write([1, 0, 0.5]);
    expect((await openPreferences(path)).rows.map(({ label }) => label)).toEqual([1, 0, 0.5]);
    write([1n, 0n]);
    expect((await openPreferences(path)).rows.map(({ label }) => label)).toEqual([1, 0]);
  });

  it('a label that is none is said with its row', async () => {
    write([1n, 2n]);
    await expect(openPreferences(path, { strict: true })).rejects.toThrow(
      'row 1: label_0 is 2; it must be 1, 0 or 0.5',
    );
    // Left out and counted otherwise; the rows after it keep their places.
    write([1n, 2n, 0n]);
    const { rows, skipped } = await openPreferences(path);
    expect(rows.map(({ index, label }) => [index, label])).toEqual([
      [0, 1],
      [2, 0],
    ]);
    expect(skipped).toEqual([
      { reason: 'label_0 is 2; it must be 1, 0 or 0.5 (a tie)', count: 1, example: `${path}, row 1` },
    ]);
  });

  it('with any byte changed or the end cut off is read or refused in a sentence', async () => {
    write([1, 0, 0.5, 1]);
    const whole = readFileSync(path);
    const opened = async (bytes: Uint8Array) => {
      await writeFile(path, bytes);
      await openPreferences(path, { patience: 400 }).catch((error: unknown) => {
        expect(error).toBeInstanceOf(BadInput);
      });
    };
    // Every byte alone; then several of the footer together.
    for (let place = 0; place < whole.length; place++)
      for (const value of [0, whole[place]! ^ 0x40]) {
        const bytes = Buffer.from(whole);
        bytes[place] = value;
        await opened(bytes);
      }
    const footer = whole.length - 8 - whole.readUInt32LE(whole.length - 8);
    const change = fc.tuple(fc.integer({ min: footer, max: whole.length - 1 }), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const bytes = Buffer.from(whole);
        for (const [place, value] of changes) bytes[place] = value;
        await opened(bytes);
      }),
      { numRuns: 500, seed: 7 },
    );
    for (let end = 0; end < whole.length; end += 7) {
      await writeFile(path, whole.subarray(0, end));
      await expect(openPreferences(path)).rejects.toBeInstanceOf(BadInput);
    }
  }, 120_000);

  it('a file that keeps the library busy for ever ends with its thread, and the next one is read', async () => {
    write([1, 0, 0.5, 1]);
    const whole = readFileSync(path);
    // The header of the first page ends before it says how many rows it has.
    const endless = Buffer.from(whole);
    expect(endless[15]).toBe(0x15);
    endless[15] = 0;
    const bad = join(temporaryFolder(), 'endless.parquet');
    await writeFile(bad, endless);
    const [first, second] = [openPreferences(bad, { patience: 4000 }), openPreferences(path)];
    await expect(first).rejects.toThrow(
      'endless.parquet is a damaged parquet file: decoding a part of it takes more than 4 s',
    );
    expect((await second).rows).toHaveLength(4);
    expect((await openPreferences(path)).rows).toHaveLength(4);
  }, 60_000);
});
