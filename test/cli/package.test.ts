/**
 * @file The package as somebody installs it: packed, unpacked into an empty folder, used by its types and its
 * functions. Slow: it packs the package and compiles against it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { starter } from '../../evaluator/starter/starter.ts';
import { golden, projectRoot, temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();
const modules = join(folder, 'node_modules');
const run = (...argv: string[]) => execFileSync(process.execPath, argv, { cwd: folder, encoding: 'utf8' });
let packed: { size: number; files: { path: string }[] };

describe('the package', () => {
  beforeAll(() => {
    const options = { cwd: projectRoot, encoding: 'utf8' } as const;
    const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], options);
    const [info] = JSON.parse(output) as [{ filename: string } & typeof packed];
    packed = info;
    // Its dependencies are those of the checkout, linked; the package itself is what npm would unpack.
    mkdirSync(join(modules, 'visavis'), { recursive: true });
    execFileSync('tar', ['xzf', join(folder, info.filename), '--strip-components=1', '-C', join(modules, 'visavis')]);
    for (const name of readdirSync(join(projectRoot, 'node_modules')))
      if (!name.startsWith('.')) symlinkSync(join(projectRoot, 'node_modules', name), join(modules, name));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  }, 120_000);

  it('holds what runs, and neither sources, tests nor source maps', () => {
    const paths = packed.files.map(({ path }) => path);
    for (const path of [
      'bin/visavis.js',
      'dist/evaluator/library.js',
      'dist/evaluator/library.d.ts',
      'scripts/native.mjs',
    ])
      expect(paths).toContain(path);
    expect(paths.filter((path) => /^(test|server|client|cli)\/|\.map$/.test(path))).toEqual([]);
  });

  it('gives statistics and the report on a file of votes', () => {
    // 18 of 20: the published Wilson interval; the report's win rate is of two items, one won, one lost.
    writeFileSync(join(folder, 'votes.csv'), 'item,annotator,choice\n1,ann,a\n2,ann,b\n');
    writeFileSync(
      join(folder, 'use.js'),
      `import { wilson, signTest, analyze, ArgumentError } from 'visavis';
       const report = await analyze('votes.csv');
       let refused;
       try { wilson(3, 2); } catch (error) { refused = error instanceof ArgumentError; }
       console.log(JSON.stringify({ interval: wilson(18, 20), p: signTest(9, 1), rate: report.criteria[0].winRate.value, refused }));`,
    );
    expect(JSON.parse(run('use.js'))).toEqual({
      interval: { low: expect.closeTo(0.6989663547715, 10), high: expect.closeTo(0.9721335187862, 10) },
      p: expect.closeTo(22 / 1024, 10),
      rate: 0.5,
      refused: true,
    });
  });

  it('renders an image and scores it', () => {
    writeFileSync(
      join(folder, 'render.js'),
      `import { writeFileSync } from 'node:fs';
       import { renderImage, scoreImages } from 'visavis';
       const [pipeline, network] = process.argv.slice(2);
       const { png, latents, settings } = await renderImage({ pipeline, prompt: 'a red circle', seed: 1, steps: 2, device: 'cpu' });
       writeFileSync('a.png', png);
       const scores = await scoreImages({ kind: 'clip-score', network, images: ['a.png'], prompts: ['a cat', 'a dog'] });
       console.log(JSON.stringify({ magic: png.toString('latin1', 1, 4), latents: latents.length, steps: settings.steps, scores }));`,
    );
    const result = JSON.parse(run('render.js', starter.pipeline, join(golden, 'clip-tiny'))) as { scores: number[][] };
    expect(result).toMatchObject({ magic: 'PNG', latents: 8 * 16 * 16, steps: 2 });
    expect(result.scores.flat().every((score) => Math.abs(score) <= 1)).toBe(true);
    expect(result.scores[0]).toHaveLength(2);
  });

  it('has types that a strict project compiles with, and that refuse a wrong use', () => {
    const check = (source: string) => {
      writeFileSync(join(folder, 'use.mts'), source);
      const compiler = join(projectRoot, 'node_modules', 'typescript', 'bin', 'tsc');
      const argv = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--skipLibCheck', 'use.mts'];
      try {
        return run(compiler, ...argv);
      } catch (error) {
        return (error as { stdout: string }).stdout;
      }
    };
    const right = `import { wilson, analyze, type Report } from 'visavis';
      const low: number = wilson(18, 20).low;
      const report: Promise<Report> = analyze('votes.csv', { votesPerPair: 3 });
      console.log(low, report);`;
    expect(check(right)).toBe('');
    expect(check(right.replace('low: number', 'low: string'))).toContain(
      "Type 'number' is not assignable to type 'string'",
    );
    expect(check(right.replace('votesPerPair: 3', "votesPerPair: 'three'"))).toContain('is not assignable');
    const asks = `import { connect } from 'visavis/client';
      const api = connect({ url: 'http://127.0.0.1:8080', token: 'x' });
      const name: Promise<string> = api('GET /api/studies').then(({ studies }) => studies[0]!.name);
      const pairs: Promise<number> = api('POST /api/studies/check', { body: { yaml: '' } }).then(({ pairs }) => pairs);
      void api('PATCH /api/studies/{name}', { params: { name: 'x' }, body: { state: 'open' } });
      console.log(name, pairs);`;
    expect(check(asks)).toBe('');
    for (const [was, is] of [
      ['/api/studies/check', '/api/studies/none'],
      ["state: 'open'", "state: 'opened'"],
      ["params: { name: 'x' }, ", ''],
      ['Promise<number>', 'Promise<string>'],
    ] as const)
      expect(check(asks.replace(was, is)), is).toContain('error TS');
  });

  it('has its command', () => {
    expect(run(join(modules, 'visavis', 'bin', 'visavis.js'), '--version').trim()).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
