/** @file The built program as a script runs it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from './folders.ts';

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** @param dataFolder of its database, which is SQLite */
export function visavis(dataFolder: string, ...argv: string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [join(projectRoot, 'bin', 'visavis.js'), ...argv],
      { env: { ...process.env, VISAVIS_DATA: dataFolder, DATABASE_URL: undefined }, maxBuffer: 1e8 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? 1, stdout, stderr }),
    );
  });
}
