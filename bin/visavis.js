#!/usr/bin/env node
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const built = new URL('../dist/cli/main.js', import.meta.url);
const ensure = new URL('../scripts/ensure.mjs', import.meta.url);
// A reader may go away early, as `head` does: what is written from then on is nobody's, and the work goes on.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
// A fresh clone has sources and no build; an installed package has a build and no such script.
if (!existsSync(built) && existsSync(ensure)) {
  execFileSync(process.execPath, [fileURLToPath(ensure), '--build'], { stdio: ['ignore', 2, 2] });
}
const { main } = await import(built.href);
// Flushed before the end: a report of a megabyte may be on its way into a pipe.
process.exitCode = await main(process.argv);
