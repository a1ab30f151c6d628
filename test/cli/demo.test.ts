/** @file The first command that a newcomer runs. Slow: it renders the whole demo. */
import { starter } from '../../evaluator/starter/starter.ts';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { existsSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../db/open.ts';
import { projectRoot, temporaryFolder } from '../support/folders.ts';

interface Started {
  stdout: string;
  stderr: string;
  loadedOnnxRuntime: boolean | undefined;
}

async function demo(dataFolder: string): Promise<Started> {
  const child = spawn(
    process.execPath,
    [join(projectRoot, 'bin', 'visavis.js'), 'demo', '--port', '0', '--data', dataFolder],
    { env: { ...process.env, DATABASE_URL: undefined } },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk);
      if (stdout.includes('Research:')) resolve();
    });
    child.once('exit', () => reject(new Error(stderr)));
  });
  const maps = `/proc/${child.pid}/maps`;
  const loadedOnnxRuntime = existsSync(maps) ? (await readFile(maps, 'utf8')).includes('libonnxruntime') : undefined;
  const annotate = /Annotate: {2}(\S+)/.exec(stdout)![1]!;
  expect((await fetch(annotate)).status).toBe(200);
  child.kill('SIGTERM');
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
  return { stdout, stderr, loadedOnnxRuntime };
}

it('demo › renders, opens a study and serves; a second start finds nothing to do', async () => {
  const dataFolder = temporaryFolder();
  const first = await demo(dataFolder);
  expect(first.stderr).toContain('starter-ncp-dpo: 40 rendered');
  expect(first.stderr).toContain('Opened the study "demo" with 40 pairs');
  expect(first.stdout).toMatch(/Research: {2}http:\/\/127\.0\.0\.1:\d+\/research\/login\?key=/);
  const db = await openDatabase(join(dataFolder, 'visavis.db'));
  const seeds = await db.selectFrom('render').select('seed').distinct().execute();
  await db.destroy();
  expect(seeds).toEqual([{ seed: starter.seed }]);
  expect(first.stderr).toContain('drawn with seed 2,');
  // The rendering ran in processes of its own.
  expect(first.loadedOnnxRuntime).not.toBe(true);
  const second = await demo(dataFolder);
  expect(second.stderr).not.toContain('rendered');
  expect(/annotate\/\S+/.exec(second.stdout)![0]).toBe(/annotate\/\S+/.exec(first.stdout)![0]);
}, 180_000);
