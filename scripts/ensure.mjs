// Makes a checkout ready: installs packages when the lock file asks for others, builds when a source is newer than the
// build. Says nothing and takes a fraction of a second when there is nothing to do.
import { execSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const path = (...parts) => join(root, ...parts);
const modified = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0);
const run = (command) =>
  execSync(command, { cwd: root, stdio: ['ignore', 2, 2], env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' } });

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`visavis needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

// npm writes this file at the end of every complete install.
const installed = path('node_modules', '.package-lock.json');
const stamp = path('node_modules', '.visavis-installed');
if (modified(stamp) < modified(path('package-lock.json')) || !existsSync(installed)) {
  console.error('visavis: installing packages (once, a minute or two)');
  run('npm ci --no-audit --no-fund --loglevel=error');
  writeFileSync(stamp, '');
}

if (process.argv.includes('--build')) {
  const newest = (folder) =>
    readdirSync(folder, { withFileTypes: true }).reduce((latest, entry) => {
      if (entry.name === 'assets') return latest;
      const file = join(folder, entry.name);
      return Math.max(latest, entry.isDirectory() ? newest(file) : modified(file));
    }, 0);
  const sources = ['cli', 'contract', 'db', 'evaluator', 'server', 'client'].map((folder) => newest(path(folder)));
  const settings = [
    'tsconfig.json',
    'tsconfig.build.json',
    'vite.config.ts',
    'vite.report.config.ts',
    'package-lock.json',
  ].map((file) => modified(path(file)));
  const built = path('dist', '.built');
  if (modified(built) < Math.max(...sources, ...settings)) {
    console.error('visavis: building');
    run('npm run build --silent');
    writeFileSync(built, '');
  }
}
