/** @file Commands in the examples and on the page about several machines: each names a command and flags that there are. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { visavis } from '../support/command.ts';
import { projectRoot, temporaryFolder } from '../support/folders.ts';

const read = (name: string) => readFileSync(join(projectRoot, 'docs', name), 'utf8');
const help = new Map<string, string>();

/** Each a command line without the program's name. */
function commands(): string[][] {
  const page = read('scale-out.md');
  const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]!);
  const script = read('examples/workers.sbatch');
  const lines = [...blocks, script].join('\n').replaceAll("'", '').split('\n');
  const split: string[][] = [];
  for (const line of lines) {
    const words = /(?:^|\s)visavis (.*?)\s*(?:[#&].*)?$/.exec(line)?.[1];
    if (words !== undefined) split.push(words.split(/\s+/));
  }
  const found = (node: unknown): string[][] => {
    if (Array.isArray(node)) return node.flatMap(found);
    if (typeof node !== 'object' || node === null) return [];
    return Object.entries(node).flatMap(([key, value]) =>
      (key === 'args' || key === 'command') && Array.isArray(value) ? [value as string[]] : found(value),
    );
  };
  const documents = ['workers.compose.yaml', 'workers.kubernetes.yaml'].flatMap((name) =>
    parseAllDocuments(read(`examples/${name}`), { merge: true }).map((document) => {
      expect(document.errors, name).toEqual([]);
      return document.toJS() as unknown;
    }),
  );
  const ray = /argv = \[([^\]]*)\]/.exec(read('examples/workers_ray.py'))![1]!;
  const python = [...ray.matchAll(/"([^"]*)"/g)].map((match) => match[1]!).slice(1);
  return [...split, ...found(documents), python];
}

beforeAll(async () => {
  for (const name of ['render', 'score', 'prescreen', 'train', 'worker', 'serve', 'store copy'])
    help.set(name, (await visavis(temporaryFolder(), ...name.split(' '), '--help')).stdout);
});

it('name commands and flags that there are', () => {
  const all = commands();
  expect(all.length).toBeGreaterThanOrEqual(12);
  for (const argv of all) {
    const name = argv[0] === 'store' ? 'store copy' : argv[0]!;
    const text = help.get(name);
    expect(text, argv.join(' ')).toBeDefined();
    for (const flag of argv.filter((word) => word.startsWith('--')))
      expect(text, `visavis ${argv.join(' ')}`).toMatch(new RegExp(`(^|\\s)${flag}[\\s,]`, 'm'));
  }
});
