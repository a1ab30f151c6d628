/** @file JSON as Python writes it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readJson } from '../../../../evaluator/engine/files/read-json.ts';
import { temporaryFolder } from '../../../support/folders.ts';

async function read(text: string): Promise<object> {
  const file = join(temporaryFolder(), 'config.json');
  writeFileSync(file, text);
  return readJson(file);
}

it('Infinity and NaN are read outside of strings, and left alone within', async () => {
  expect(
    await read(
      '{"lambda_min_clipped": -Infinity, "high": Infinity, "odd": NaN, "say": "-Infinity \\" NaN", "n": [-1, NaN]}',
    ),
  ).toEqual({ lambda_min_clipped: -Infinity, high: Infinity, odd: null, say: '-Infinity " NaN', n: [-1, null] });
});

it('what is no JSON is refused with the file', async () => {
  await expect(read('{"a": Infinit}')).rejects.toThrow('config.json is not valid JSON');
  await expect(read('{"a": -NaN}')).rejects.toThrow('config.json is not valid JSON');
  await expect(readJson('/nowhere/x.json')).rejects.toThrow('ENOENT');
});
