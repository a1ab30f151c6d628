// Makes the SQLite driver usable on Node 20. better-sqlite3 13 needs Node-API 10 (Node 22 and newer) and brings its
// binaries in the tarball; Node 20 cannot load it, so the alias better-sqlite3-node20 (12.x) is compiled once here.
// Delete this file and the alias when Node 20 is no longer supported.
import { execSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../node_modules/better-sqlite3-node20', import.meta.url));
const needed = Number(process.versions.napi) < 10;
if (needed && existsSync(folder) && !existsSync(`${folder}/build/Release/better_sqlite3.node`)) {
  console.error('visavis: compiling the SQLite driver for Node 20 (once, about a minute)');
  try {
    execSync('npm run build-release', { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    console.error(String(error.stderr).split('\n').slice(-20).join('\n'));
    console.error(
      'visavis: the SQLite driver could not be compiled. Install python3, make and g++, or use Node 22 or newer, then run npm ci again.',
    );
    process.exit(1);
  }
}
