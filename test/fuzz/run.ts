/**
 * @file Fuzzing. Run: npm run fuzz [-- --seconds 60] [-- NAME …]. Each target runs in a process of its own, so that one that hangs or
 * ends is a finding and not the end.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { targets } from './targets.ts';

/** A case that takes longer hangs. */
const hangMs = 10_000;

if (process.send !== undefined) await fuzz(process.argv[2]!, Number(process.argv[3]), process.argv[4]!);
else {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: 'string', default: '60' } },
  });
  const unknown = positionals.filter((name) => !(name in targets));
  if (unknown.length > 0)
    throw new Error(`There is no target ${unknown.join(', ')}; there are ${Object.keys(targets).join(', ')}.`);
  let findings = 0;
  for (const name of positionals.length > 0 ? positionals : Object.keys(targets)) {
    const { cases, found } = await watch(name, Number(values.seconds));
    console.log(`${name}: ${cases} cases, ${found.length === 0 ? 'nothing found' : `${found.length} findings`}`);
    for (const finding of found) console.log(`  ${finding}`);
    findings += found.length;
  }
  process.exitCode = findings === 0 ? 0 : 1;
}

interface Word {
  cases: number;
  finding?: string;
}

function watch(name: string, seconds: number): Promise<{ cases: number; found: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), `visavis-fuzz-${name}-`));
  return new Promise((resolve) => {
    const found: string[] = [];
    let cases = 0;
    const child = fork(process.argv[1]!, [name, String(seconds), folder], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let stderr = '';
    child.stderr!.on('data', (chunk) => (stderr += String(chunk)));
    const hangs = () => {
      found.push(`a case hangs (in ${folder})`);
      child.kill('SIGKILL');
    };
    // Starting takes a while.
    let timer = setTimeout(hangs, 60_000);
    child.on('message', (word: Word) => {
      clearTimeout(timer);
      timer = setTimeout(hangs, hangMs);
      cases = word.cases;
      if (word.finding !== undefined) found.push(word.finding);
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      if (code !== 0 && signal !== 'SIGKILL')
        found.push(`the process ended with ${code ?? signal} (in ${folder}): ${stderr.slice(-500)}`);
      resolve({ cases, found });
    });
  });
}

async function fuzz(name: string, seconds: number, folder: string): Promise<void> {
  const { end, seeds, read } = await targets[name]!(folder);
  const seen = new Set<string>();
  const until = performance.now() + seconds * 1000;
  let told = 0;
  for (let cases = 0; performance.now() < until; cases++) {
    const bytes = damage(seeds[cases % seeds.length]!, cases);
    const file = join(folder, `case.${end}`);
    writeFileSync(file, bytes);
    if (performance.now() - told > 500) {
      told = performance.now();
      process.send!({ cases } satisfies Word);
    }
    try {
      await read(bytes, file);
    } catch (error) {
      const { name: kind, message, stack } = error as Error;
      if (kind === 'BadInput' || kind === 'ArgumentError' || kind === 'ServiceError') continue;
      const place = stack
        ?.split('\n')
        .find((line) => line.includes('/visavis') || /\/(evaluator|server|db)\//.test(line));
      const what = `${kind}: ${message.replace(/\d+/g, '#').slice(0, 120)}${place ?? ''}`;
      if (seen.has(what)) continue;
      seen.add(what);
      const kept = join(folder, `finding-${seen.size}.${end}`);
      writeFileSync(kept, readFileSync(file));
      process.send!({ cases, finding: `${kind}: ${message.slice(0, 200)} (${kept})${place ?? ''}` } satisfies Word);
    }
  }
  process.exit(0);
}

/** The seed's copy with a few bytes changed, cut, doubled or moved; the same for the same number. */
function damage(seed: Buffer, number: number): Buffer {
  let state = Math.imul(number + 1, 2654435761);
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.floor(((state >>> 0) / 2 ** 32) * below);
  };
  let bytes = Buffer.from(seed);
  // What decides how the rest is read is mostly at an end.
  const place = () =>
    random(3) === 0
      ? random(bytes.length)
      : random(2) === 0
        ? random(Math.min(200, bytes.length))
        : bytes.length - 1 - random(Math.min(200, bytes.length));
  for (let times = 1 + random(4); times > 0 && bytes.length > 1; times--) {
    const at = place();
    const kind = random(6);
    if (kind <= 1) bytes[at] = random(256);
    else if (kind === 2) bytes[at] = bytes[at]! ^ (1 << random(8));
    else if (kind === 3) bytes = bytes.subarray(0, at);
    else if (kind === 4) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(place())]);
    else bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([random(256), 0xff, 0x00]), bytes.subarray(at)]);
  }
  return bytes;
}
