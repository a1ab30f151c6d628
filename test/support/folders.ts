import { existsSync, mkdtempSync, rmSync } from 'node:fs';
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

/** The folder of golden values beside a developer's checkout. */
export const shared = join(projectRoot, '..', 'shared');
export const hasShared = existsSync(join(shared, 'golden'));
if (!hasShared) console.warn('No ../shared beside this checkout: comparisons with its golden values are skipped.');
