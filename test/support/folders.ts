import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const made: string[] = [];

/** A folder that is gone when the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'visavis-'));
  made.push(folder);
  return folder;
}

process.once('exit', () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** Reference values from PyTorch, diffusers, transformers and published papers; see the README there. */
export const golden = join(projectRoot, 'test', 'fixtures', 'golden');

/** Data of others that the project does not redistribute, where a checkout has it beside it. */
export const thirdParty = join(projectRoot, '..', 'shared', 'data');
