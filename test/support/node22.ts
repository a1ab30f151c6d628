/** @file A Node that pg-boss runs on: this one, or Node 22 from the npm registry, fetched once a checkout. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './folders.ts';

const version = '22.23.3';

/** @returns the path of its executable */
export function node22(): string {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  if (major > 22 || (major === 22 && minor >= 12)) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(projectRoot, 'node_modules', '.cache', `node-${version}`);
  const executable = join(folder, 'node_modules', name, 'bin', 'node');
  if (existsSync(executable)) return executable;
  // Beside its place first: an install that is cut off leaves nothing that looks whole.
  const part = `${folder}.${process.pid}`;
  mkdirSync(part, { recursive: true });
  writeFileSync(join(part, 'package.json'), '{}');
  try {
    const argv = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', `${name}@${version}`];
    execFileSync('npm', argv, { cwd: part, stdio: ['ignore', 'ignore', 'inherit'] });
    rmSync(folder, { recursive: true, force: true });
    renameSync(part, folder);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  return executable;
}
