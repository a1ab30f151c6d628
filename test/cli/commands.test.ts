/** @file Exit codes, sentences and JSON of the command line, as a script sees them. Slow: every case starts the program. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../db/open.ts';
import { starter } from '../../evaluator/starter/starter.ts';
import { analysisSchema, reportSchema } from '../../contract/report.ts';
import { visavis } from '../support/command.ts';
import { golden, projectRoot, temporaryFolder } from '../support/folders.ts';
import { openStudyOf } from '../support/studies.ts';

describe('command line', () => {
  it('bad usage and bad input end with 2 and one sentence', async () => {
    const folder = temporaryFolder();
    for (const [argv, message] of [
      [['render'], "required option '--prompts <name>' not specified"],
      [['nonsense'], "unknown command 'nonsense'"],
      [['render', '--prompts', 'none', '--model', 'none', '--device', 'cpu'], 'There is no prompt set named "none".'],
      [['render', '--prompts', 'x', '--model', 'y', '--seed', '-1'], 'whole number of at least 0'],
      [['render', '--prompts', 'x', '--model', 'y', '--shard', '9/2', '--device', 'cpu'], '--shard is "9/2"'],
      [['models', 'add', 'm', '--pipeline', folder], 'has no model_index.json'],
      [['prompts', 'import', join(folder, 'none.tsv'), '--name', 'x'], 'ENOENT'],
      [['prompts', 'fetch', 'none'], 'There is no published set "none"'],
      [['study', 'open', 'none'], 'There is no study named "none".'],
      [['serve', '--port', '99999'], 'must be a port from 0 to 65535'],
      [['study', 'create', '', '--prompts', 'x', '--a', 'x', '--b', 'y'], 'A name has 1 to 200 characters'],
      [['plan', '--win-rate', '0.6', '--prompts', '3'], 'not both'],
      [['study', 'create', 's', '--prompts', 'x', '--a', 'x', '--a', 'y', '--b', 'z'], "'--a <model>' is given twice"],
      [['analyze', 'x.csv', '--map', 'thing=x'], '"thing=x" must be FIELD=COLUMN'],
      [
        ['train', '--objective', 'mapo', '--pipeline', 'x', '--preferences', 'y', '--out', join(folder, 'out')],
        '--objective mapo has no usual --beta',
      ],
      [
        ['train', '--objective', 'sft', '--safeguard', '0', '--pipeline', 'x', '--preferences', 'y', '--out', 'z'],
        '--safeguard is for objectives that compare pairs; sft does not.',
      ],
      [['train', '--adapter', 'none', '--rank', '8', '--pipeline', 'x'], 'Leave --rank out: it is for adapters'],
      [
        ['train', '--adapter', 'none', '--save-as', 'peft', '--pipeline', 'x'],
        'Leave --save-as out: it is for adapters',
      ],
      [
        ['train', '--verify', 'x', '--target-modules', 'to_q', '--pipeline', 'x'],
        'Leave --target-modules out: the cases',
      ],
      [['train', '--target-modules', 'to_q,,to_k', '--pipeline', 'x'], 'A name between two commas is missing.'],
      [['report', 'none'], 'There is no study named "none".'],
    ] as [string[], string][]) {
      const { code, stderr } = await visavis(folder, ...argv);
      expect(stderr).toContain(message);
      expect(code, argv.join(' ')).toBe(2);
    }
  }, 60_000);

  it('a reader that goes away early, as head does, is no failure', async () => {
    const child = spawn(process.execPath, [join(projectRoot, 'bin', 'visavis.js'), '--help']);
    child.stdout.destroy();
    let said = '';
    child.stderr.on('data', (part: Buffer) => (said += part.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    expect([said, code]).toEqual(['', 0]);
  });

  it('generate: several images by a list of seeds or one stream, and what a long prompt loses is said', async () => {
    const folder = temporaryFolder();
    const draw = (name: string, ...more: string[]) =>
      visavis(
        folder,
        ...['generate', '--pipeline', starter.pipeline, '--prompt', 'a red circle '.repeat(40), '--seed', '3'],
        ...['--out', join(folder, `${name}.png`), '--latents', join(folder, `${name}.f32`), '--steps', '1'],
        ...['--negative-prompt', 'a blue star '.repeat(40), '--device', 'cpu', '--json', ...more],
      );
    const list = await draw('list', '--count', '2');
    expect(list.code, list.stderr).toBe(0);
    expect(list.stderr).toContain('the prompt is cut at 24 tokens; "');
    expect(list.stderr).toContain('the negative prompt is cut at 24 tokens; "');
    expect((JSON.parse(list.stdout) as { images: object[] }).images).toEqual(
      [0, 1].map((i) => ({
        out: join(folder, `list-${i}.png`),
        latents: join(folder, `list-${i}.f32`),
        seed: 3 + i,
      })),
    );
    const stream = await draw('stream', '--count', '2', '--seeds', 'stream', '--long-prompts');
    expect(stream.stderr).not.toContain('is cut');
    expect((JSON.parse(stream.stdout) as { images: { seed: number }[] }).images.map(({ seed }) => seed)).toEqual([
      3, 3,
    ]);
    const bytes = await Promise.all(
      ['list-0', 'list-1', 'stream-1'].map((name) => readFile(join(folder, `${name}.png`))),
    );
    expect(new Set(bytes.map((one) => one.toString('base64'))).size).toBe(3);
    const refused = await draw('x', '--seeds', 'stream');
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--seeds is for several images')]);
  }, 60_000);

  it('adapters: inspect in words, convert, and the same image either way', async () => {
    const folder = temporaryFolder();
    const adapter = starter.models[0].adapter;
    const words = await visavis(folder, 'adapters', 'inspect', adapter);
    expect(words.stdout).toContain('LoRA, rank 16, F32.\nChanges 32 layers of the U-Net: to_k (8)');
    const flux = join(golden, 'flow-tiny', 'golden', 'flux_kohya_alpha1.5.safetensors');
    expect((await visavis(folder, 'adapters', 'inspect', flux)).stdout).toContain(
      'Changes 32 layers of the transformer: ',
    );
    const out = join(folder, 'kohya.safetensors');
    expect((await visavis(folder, 'adapters', 'convert', adapter, out, '--to', 'kohya')).code).toBe(0);
    const draw = async (file: string, name: string) => {
      const png = join(folder, name);
      const flags = ['--pipeline', starter.pipeline, '--prompt', 'x', '--seed', '1', '--steps', '1', '--device', 'cpu'];
      const { code, stderr } = await visavis(
        folder,
        'generate',
        ...flags,
        '--adapter',
        file,
        '--latents',
        png,
        '--out',
        `${png}.png`,
      );
      expect(code, stderr).toBe(0);
      return readFile(png);
    };
    expect((await draw(out, 'a')).equals(await draw(adapter, 'b'))).toBe(true);
    const refused = await visavis(folder, 'adapters', 'convert', adapter, out, '--to', 'sgm');
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('diffusers, kohya, peft')]);
  }, 60_000);

  it('a simulation whose images are missing ends with a sentence instead of waiting for ever', async () => {
    const folder = temporaryFolder();
    const db = await openDatabase(join(folder, 'visavis.db'));
    await openStudyOf(db, { pairs: 2 });
    await db.destroy();
    const { code, stderr } = await visavis(folder, 'simulate', 'study', '--annotators', '5', '--win-rate', '0.6');
    expect(code).toBe(2);
    expect(stderr).toContain('An image of the next pair is missing');
  }, 30_000);

  it('a simulated study reports the rate that was asked, and its export gives the same numbers', async () => {
    const folder = temporaryFolder();
    const db = await openDatabase(join(folder, 'visavis.db'));
    await openStudyOf(db, { pairs: 200, dataFolder: folder });
    await db.destroy();
    const simulated = await visavis(folder, 'simulate', 'study', '--annotators', '5', '--win-rate', '0.646', '--json');
    expect(JSON.parse(simulated.stdout)).toEqual({ study: 'study', votes: 200 * 3 * 3 });
    const { stdout, code } = await visavis(folder, 'report', 'study', '--json');
    expect(code).toBe(0);
    const report = reportSchema.parse(JSON.parse(stdout));
    expect(report).toMatchObject({ simulated: true, modelA: 'aardvark', modelB: 'buffalo', votesPerPair: 3 });
    for (const row of report.criteria) {
      expect(row).toMatchObject({ pairs: 200, decided: 200, incomplete: 0 });
      expect(row.winRate.low!).toBeLessThan(0.646);
      expect(row.winRate.high!).toBeGreaterThan(0.646);
    }
    const csv = join(folder, 'votes.csv');
    await visavis(folder, 'export', 'study', '--format', 'votes-csv', '--out', csv);
    const votes = parse(await readFile(csv), { columns: true }) as unknown as Record<string, string>[];
    const general = votes.filter((vote) => vote['criterion'] === 'general');
    let wins = 0;
    for (let item = 0; item < 200; item++) {
      wins += Number(general.filter((vote) => Number(vote['item']) === item && vote['choice'] === 'a').length >= 2);
    }
    expect(report.criteria.find((row) => row.criterion === 'general')!.wins).toBe(wins);
    // Imported votes take the same path: our own export gives our own numbers.
    const analysis = analysisSchema.parse(JSON.parse((await visavis(folder, 'analyze', csv, '--json')).stdout));
    expect(analysis.rows).toMatchObject({ read: 1800, used: 1800, skipped: [] });
    for (const row of report.criteria) {
      const same = analysis.criteria.find((other) => other.criterion === row.criterion)!;
      expect([same.wins, same.losses, same.winRate, same.evidence]).toEqual([
        row.wins,
        row.losses,
        row.winRate,
        row.evidence,
      ]);
    }
    expect(analysis).toMatchObject({ modelA: 'aardvark', modelB: 'buffalo', votesPerPair: 3 });
  }, 90_000);

  it('models, renders and studies come out as JSON', async () => {
    const folder = temporaryFolder();
    await visavis(folder, 'prompts', 'import', starter.prompts, '--name', 'starter');
    for (const name of ['one', 'two']) {
      const added = await visavis(
        folder,
        'models',
        'add',
        name,
        '--pipeline',
        starter.pipeline,
        '--steps',
        name === 'one' ? '2' : '3',
        '--json',
      );
      expect(JSON.parse(added.stdout)).toMatchObject({ name, sampler: 'ddim', guidance: 7.5, width: 128, height: 128 });
      const rendered = await visavis(
        folder,
        'render',
        '--prompts',
        'starter',
        '--model',
        name,
        '--limit',
        '3',
        '--device',
        'cpu',
        '--json',
      );
      expect(JSON.parse(rendered.stdout)).toEqual({ rendered: 3, failed: [], skipped: 0, stopped: false });
    }
    const again = await visavis(
      folder,
      'render',
      '--prompts',
      'starter',
      '--model',
      'one',
      '--limit',
      '3',
      '--device',
      'cpu',
      '--json',
    );
    expect(JSON.parse(again.stdout)).toMatchObject({ rendered: 0, skipped: 3 });
    const created = await visavis(
      folder,
      'study',
      'create',
      's',
      '--prompts',
      'starter',
      '--a',
      'one',
      '--b',
      'two',
      '--json',
    );
    const study = JSON.parse(created.stdout) as { pairs: number; missing: unknown[] };
    expect(study.pairs).toBe(3);
    expect(study.missing).toHaveLength(117);
    expect(
      (await visavis(folder, 'study', 'create', 's', '--prompts', 'starter', '--a', 'one', '--b', 'two')).code,
    ).toBe(2);
    const list = JSON.parse((await visavis(folder, 'study', 'list', '--json')).stdout) as {
      name: string;
      state: string;
    }[];
    expect(list).toMatchObject([{ name: 's', state: 'draft' }]);
    expect((await visavis(folder, 'backup', join(folder, 'copy.db'))).code).toBe(0);
    expect((await visavis(folder, 'backup', join(folder, 'copy.db'))).code).toBe(2);
  }, 90_000);
});
