/**
 * @file `visavis analyze` on a million votes written by this benchmark: seconds and peak memory, beside the time that
 * csv-parse alone takes for the file, which is the limit. Run after a build: npx tsx test/bench/analyze.ts
 */
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse';
import { Random } from '../../evaluator/statistics/random.ts';
import { projectRoot } from '../support/folders.ts';

const folder = mkdtempSync(join(tmpdir(), 'visavis-bench-'));
const file = join(folder, 'votes.csv');
const random = new Random(1);
const rows = Array.from({ length: 1_000_000 }, (_, i) => {
  const item = Math.floor(i / 9);
  // Any three of 300 people judge an item: nothing repeats that could be counted together.
  const person = (item * 7 + (i % 3) * 101 + random.below(97)) % 300;
  return `${item},p${person}-${i % 3},${'ab'[random.below(2)]},${['general', 'appeal', 'alignment'][Math.floor(i / 3) % 3]},c${item % 12},d${item % 11},${'ab'[random.below(2)]}`;
});
writeFileSync(file, `item,annotator,choice,criterion,category,challenge,left\n${rows.join('\n')}\n`);
rows.length = 0;

let started = performance.now();
for await (const row of createReadStream(file).pipe(parse())) void row;
const alone = (performance.now() - started) / 1000;
console.log(`csv-parse alone: ${alone.toFixed(2)} s`);
started = performance.now();
const script = `process.on('exit', () => console.error('peak ' + Math.round(process.resourceUsage().maxRSS / 1024) + ' MB'));`;
const { stderr } = spawnSync(
  process.execPath,
  [
    '--import',
    `data:text/javascript,${encodeURIComponent(script)}`,
    join(projectRoot, 'bin', 'visavis.js'),
    'analyze',
    file,
    '--json',
  ],
  { maxBuffer: 1e9 },
);
const seconds = (performance.now() - started) / 1000;
console.log(`analyze: ${seconds.toFixed(2)} s, ${(seconds / alone).toFixed(2)} × that, ${String(stderr).trim()}`);
rmSync(folder, { recursive: true });
