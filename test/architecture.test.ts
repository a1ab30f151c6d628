/** @file The import rules of docs/architecture.md, held against every source file. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './support/folders.ts';

/** Folder → the folders of ours that it may import. The longest matching row holds. */
const allowed: Record<string, string[]> = {
  db: ['db'],
  'evaluator/statistics': ['evaluator/statistics'],
  evaluator: ['evaluator', 'db'],
  'server/contract': ['server/contract'],
  server: ['server', 'evaluator/statistics', 'evaluator/images', 'db'],
  client: ['client', 'server/contract'],
  cli: ['cli', 'server', 'evaluator', 'db'],
};
/** Folder → the only packages that it may import. */
const allowedPackages: Record<string, RegExp> = {
  db: /^(kysely|pg|better-sqlite3|node:)/,
  'evaluator/statistics': /^$/,
  'server/contract': /^zod$/,
};

function filesUnder(folder: string): string[] {
  return readdirSync(join(projectRoot, folder)).flatMap((name) => {
    const path = `${folder}/${name}`;
    if (statSync(join(projectRoot, path)).isDirectory()) return filesUnder(path);
    return /\.(ts|svelte)$/.test(name) ? [path] : [];
  });
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(projectRoot, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
}

const inside = (file: string, folder: string) => file.startsWith(`${folder}/`);
const longest = (file: string, rows: object) =>
  Object.keys(rows)
    .filter((folder) => inside(file, folder))
    .sort((a, b) => b.length - a.length)[0];

describe('architecture', () => {
  for (const file of ['db', 'evaluator', 'server', 'client', 'cli'].flatMap(filesUnder)) {
    it(`${file} imports what its folder may`, () => {
      const row = longest(file, allowed)!;
      for (const name of importsOf(file)) {
        if (name.startsWith('.')) {
          const target = relative(projectRoot, normalize(join(projectRoot, dirname(file), name)));
          expect(
            allowed[row]!.some((folder) => inside(target, folder)),
            `${file} imports ${target}`,
          ).toBe(true);
          expect(existsSync(join(projectRoot, target)), `${file} imports ${target}, which is not there`).toBe(true);
        } else {
          const packages = longest(file, allowedPackages);
          if (packages !== undefined) expect(name, `${file} imports ${name}`).toMatch(allowedPackages[packages]!);
        }
      }
    });
  }

  it('one file alone imports onnxruntime-node', () => {
    const importers = ['db', 'evaluator', 'server', 'client', 'cli']
      .flatMap(filesUnder)
      .filter((file) => importsOf(file).includes('onnxruntime-node'));
    expect(importers).toEqual(['evaluator/onnx/session.ts']);
  });
});
