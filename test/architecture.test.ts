/** @file The import rules of docs/architecture.md, checked on every source file; and the documents against the tree. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './support/folders.ts';

const roots = ['contract', 'db', 'evaluator', 'server', 'client', 'cli'];

/** Folder → the folders of ours that it may import. The longest matching row holds. */
const allowed: Record<string, string[]> = {
  contract: ['contract'],
  db: ['db'],
  'evaluator/statistics': ['evaluator/statistics'],
  'evaluator/votes': ['evaluator/votes', 'evaluator/statistics', 'evaluator/engine/files/bad-input.ts', 'contract'],
  evaluator: ['evaluator', 'contract', 'db'],
  server: [
    'server',
    'contract',
    'evaluator/votes',
    'evaluator/screens',
    'evaluator/statistics',
    'evaluator/engine/images',
    'evaluator/engine/files',
    'db',
  ],
  client: ['client', 'contract', 'evaluator/statistics', 'evaluator/votes'],
  cli: roots.filter((root) => root !== 'client'),
};
/** Files whose row is their own, with the reason. */
const exceptions: Record<string, string[]> = {
  // The file of votes is read here; the rest of the folder is pure.
  'evaluator/votes/import.ts': ['evaluator/votes', 'evaluator/engine/files'],
};
/** Folder → the only packages that it may import. */
const allowedPackages: Record<string, RegExp> = {
  contract: /^zod$/,
  db: /^(kysely|pg|better-sqlite3|node:)/,
  'evaluator/statistics': /^$/,
  'evaluator/votes': /^$/,
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

const targetOf = (file: string, name: string) =>
  relative(projectRoot, normalize(join(projectRoot, dirname(file), name)));

const inside = (file: string, place: string) => file === place || file.startsWith(`${place}/`);
const longest = (file: string, rows: object) =>
  Object.keys(rows)
    .filter((folder) => inside(file, folder))
    .sort((a, b) => b.length - a.length)[0];

/** Every file of ours that loading this one loads, types not counted. */
function closureOf(start: string): Map<string, string> {
  const cameFrom = new Map([[start, '']]);
  for (const file of cameFrom.keys()) {
    const text = readFileSync(join(projectRoot, file), 'utf8').replace(/import type [^;]+;/g, '');
    for (const [, name] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
      const target = targetOf(file, name!);
      if (!cameFrom.has(target)) cameFrom.set(target, file);
    }
  }
  return cameFrom;
}

describe('architecture', () => {
  for (const file of roots.flatMap(filesUnder)) {
    it(`${file} imports what its folder may`, () => {
      const rows = exceptions[file] ?? allowed[longest(file, allowed)!]!;
      for (const name of importsOf(file)) {
        if (name.startsWith('.')) {
          const target = targetOf(file, name);
          expect(
            rows.some((folder) => inside(target, folder)),
            `${file} imports ${target}`,
          ).toBe(true);
          expect(existsSync(join(projectRoot, target)), `${file} imports ${target}, which is not there`).toBe(true);
        } else {
          const packages = exceptions[file] === undefined ? longest(file, allowedPackages) : undefined;
          if (packages !== undefined) expect(name, `${file} imports ${name}`).toMatch(allowedPackages[packages]!);
        }
      }
    });
  }

  it('one file alone imports onnxruntime-node', () => {
    const importers = roots.flatMap(filesUnder).filter((file) => importsOf(file).includes('onnxruntime-node'));
    expect(importers).toEqual(['evaluator/engine/onnx/session.ts']);
  });

  it('the server loads no file of the engine that computes, by whatever way', () => {
    const closure = closureOf('server/start.ts');
    expect(closure.size).toBeGreaterThan(40);
    for (const [file, from] of closure)
      expect(file, `${from} imports ${file}`).not.toMatch(/^evaluator\/engine\/(onnx|diffusion|autodiff)\//);
  });
});
