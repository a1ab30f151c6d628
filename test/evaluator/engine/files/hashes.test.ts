/** @file Which files a folder's identity is made of. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { digestOf, hashFiles, sha256Of } from '../../../../evaluator/engine/files/hashes.ts';
import { temporaryFolder } from '../../../support/folders.ts';

it('files of folders in folders, sorted, by their paths; parts that are not there are none', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'run', 'step-2', 'unet'), { recursive: true });
  for (const path of ['run/b', 'run/a', 'run/step-2/unet/model', 'single']) writeFileSync(join(folder, path), path);
  const files = await hashFiles(folder, ['single', 'run', 'none']);
  expect(files.map(({ path }) => path)).toEqual(['single', 'run/a', 'run/b', 'run/step-2/unet/model']);
  expect(files[3]).toMatchObject({ sha256: sha256Of(Buffer.from('run/step-2/unet/model')), size: 21 });
  const before = digestOf(files);
  writeFileSync(join(folder, 'run/step-2/unet/model'), 'changed');
  expect(digestOf(await hashFiles(folder, ['single', 'run', 'none']))).not.toBe(before);
});
