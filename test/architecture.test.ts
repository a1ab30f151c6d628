/** @file The import rules of docs/architecture.md, checked on every source file; and the documents against the tree. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './support/folders.ts';

const roots = ['contract', 'db', 'evaluator', 'server', 'client', 'cli', 'sdk'];

/** Folder → the folders of ours that it may import. The longest matching row holds. */
const allowed: Record<string, string[]> = {
  contract: ['contract'],
  db: ['db'],
  'evaluator/statistics': ['evaluator/statistics'],
  'evaluator/votes': ['evaluator/votes', 'evaluator/statistics', 'evaluator/engine/files/bad-input.ts', 'contract'],
  evaluator: ['evaluator', 'contract', 'db'],
  server: [
    'server',
    'sdk',
    'contract',
    'evaluator/votes',
    'evaluator/screens',
    'evaluator/statistics',
    'evaluator/engine/images',
    'evaluator/engine/files',
    'evaluator/engine/store',
    'evaluator/engine/threads',
    'evaluator/prompts/import.ts',
    'evaluator/renders/import.ts',
    'db',
  ],
  client: ['client', 'contract', 'evaluator/statistics', 'evaluator/votes'],
  sdk: ['sdk', 'contract'],
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
    return /\.(ts|svelte)$/.test(name) && !path.includes('/node_modules/') ? [path] : [];
  });
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(projectRoot, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
}

const targetOf = (file: string, name: string) =>
  relative(projectRoot, normalize(join(projectRoot, dirname(file), name)));

let everything: string[] | undefined;
const filesUnderAll = () => (everything ??= ['scripts', 'test', ...roots].flatMap(filesUnder));

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

  const architecture = readFileSync(join(projectRoot, 'docs/architecture.md'), 'utf8');
  const folders = readdirSync(projectRoot, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => relative(projectRoot, join(entry.parentPath, entry.name)))
    .filter((folder) => roots.includes(folder.split('/')[0]!) && !folder.includes('assets'));

  it('every direct dependency is in docs/dependencies.md, with its licence and reason', () => {
    execFileSync(process.execPath, [join(projectRoot, 'scripts', 'dependencies.mjs'), '--check']);
  });

  it('every folder of the tree is on the map, and has a README that names its files', () => {
    expect(folders.length).toBeGreaterThan(30);
    for (const folder of folders) {
      const name = folder.split('/').at(-1)!;
      // Rows of one kind, as rules and samplers, are said with the folder that they are in.
      const onMap = architecture.includes(`${name}/`) || ['rules', 'samplers', 'scorers', 'migrations'].includes(name);
      expect(onMap, `docs/architecture.md does not show ${folder}`).toBe(true);
      expect(existsSync(join(projectRoot, folder, 'README.md')), `${folder} has no README.md`).toBe(true);
    }
  });

  const fromTheRoot = new RegExp(
    `\\b(${[...roots, 'scripts', 'test'].join('|')})/[\\w./-]+\\.(ts|mjs|svelte|sql)\\b`,
    'g',
  );

  it('every file that a document names is there, and every arrow’s function is in its file', () => {
    const documents = ['docs/architecture.md', 'CONTRIBUTING.md', ...folders.map((folder) => `${folder}/README.md`)];
    for (const document of documents) {
      const text = readFileSync(join(projectRoot, document), 'utf8');
      for (const [, path] of text.matchAll(/`([\w-]+(?:\/[\w.-]+)*\.(?:ts|mjs|json|sql|svelte))`/g)) {
        const places = [path!, join(dirname(document), path!)];
        const elsewhere = filesUnderAll().some((file) => file.endsWith(`/${path!}`));
        const there = places.some((place) => existsSync(join(projectRoot, place))) || elsewhere;
        expect(there || path!.startsWith('name'), `${document} names ${path!}, which is not there`).toBe(true);
      }
    }
    const guides = readdirSync(join(projectRoot, 'docs')).filter((name) => name.endsWith('.md'));
    for (const guide of ['README.md', 'CHANGELOG.md', ...guides.map((name) => `docs/${name}`)])
      for (const [path] of readFileSync(join(projectRoot, guide), 'utf8').matchAll(fromTheRoot))
        expect(existsSync(join(projectRoot, path)), `${guide} names ${path}, which is not there`).toBe(true);
    const rows = [...architecture.matchAll(/^\| [^|]+ \| ([^|]+) \| (`[^|]+`) \|$/gm)];
    expect(rows.length).toBeGreaterThan(12);
    for (const [, functions, files] of rows) {
      const names = [...functions!.matchAll(/`(\w+)`/g)].map((match) => match[1]!);
      const paths = [...files!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
      const full = paths.map((path) => (path.includes('/') ? path : `${dirname(paths[0]!)}/${path}`));
      const sources = full.map((path) => readFileSync(join(projectRoot, path), 'utf8')).join('\n');
      for (const name of names)
        expect(sources, `${name} is not in ${full.join(', ')}`).toMatch(
          new RegExp(`export (async )?function ${name}\\b`),
        );
    }
  });

  it('every source file begins with what it is', () => {
    const without = roots
      .flatMap(filesUnder)
      .filter((file) => file.endsWith('.ts'))
      .filter(
        (file) =>
          !/^(\/\/\/ <reference[^\n]*\n)?\/\*\*[\s*]*@file [A-Z0-9`]/.test(
            readFileSync(join(projectRoot, file), 'utf8'),
          ),
      );
    expect(without).toEqual([]);
  });
});
