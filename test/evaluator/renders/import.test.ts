import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { ImageStore } from '../../../evaluator/engine/images/store.ts';
import { importPrompts } from '../../../evaluator/prompts/import.ts';
import { importRenders } from '../../../evaluator/renders/import.ts';
import { freshSqlite } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';

const image = (colour: string) => sharp({ create: { width: 24, height: 16, channels: 3, background: colour } });

async function setUp() {
  const { db } = await freshSqlite();
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'prompts.txt'), 'a cat\na dog\na fox\n');
  await importPrompts(db, { file: join(folder, 'prompts.txt'), name: 'prompts' });
  const images = new ImageStore(join(folder, 'data'));
  const source = join(folder, 'images');
  mkdirSync(source);
  const run = (from = source, model = 'other') =>
    importRenders(db, images, { source: from, prompts: 'prompts', model });
  return { db, folder, source, images, run };
}

describe('importing renders', () => {
  it('PNG, JPEG and WebP in a folder become renders without metadata', async () => {
    const { db, source, images, run } = await setUp();
    writeFileSync(
      join(source, '00000.png'),
      await image('red')
        .withExif({ IFD0: { ImageDescription: 'secret-model' } })
        .png()
        .toBuffer(),
    );
    writeFileSync(join(source, '00001.jpg'), await image('green').jpeg().toBuffer());
    writeFileSync(join(source, '00002.webp'), await image('blue').webp({ lossless: true }).toBuffer());
    expect(await run()).toEqual({ imported: 3, prompts: 3 });
    const rows = await db.selectFrom('render').selectAll().execute();
    expect(rows.map((row) => [row.width, row.height])).toEqual([
      [24, 16],
      [24, 16],
      [24, 16],
    ]);
    for (const row of rows) {
      const bytes = await images.read(row.image_sha256);
      expect(bytes.includes('secret-model')).toBe(false);
      expect((await sharp(bytes).metadata()).format).toBe('png');
    }
    const first = await sharp(await images.read(rows[0]!.image_sha256))
      .raw()
      .toBuffer();
    expect([...first.subarray(0, 3)]).toEqual([255, 0, 0]);
  });

  it('a manifest names prompts, paths and seeds; CMYK and alpha come out as RGB', async () => {
    const { db, folder, source, run } = await setUp();
    writeFileSync(join(source, 'cmyk.jpg'), await image('red').toColourspace('cmyk').jpeg().toBuffer());
    writeFileSync(join(source, 'alpha.png'), await image('blue').ensureAlpha(0.5).png().toBuffer());
    const manifest = join(folder, 'manifest.csv');
    writeFileSync(manifest, 'prompt,path,seed\na dog,images/cmyk.jpg,7\na fox,images/alpha.png,7\n');
    expect(await run(manifest)).toEqual({ imported: 2, prompts: 2 });
    expect((await db.selectFrom('render').select('seed').execute()).map((row) => row.seed)).toEqual([7, 7]);
  });

  it.each([
    ['no image', (folder: string) => writeFileSync(join(folder, '00000.png'), 'not an image'), 'does not decode'],
    [
      'a number beyond the set',
      async (folder: string) => writeFileSync(join(folder, '00003.png'), await image('red').png().toBuffer()),
      'is for prompt 3; the set has 3',
    ],
    [
      'a name without a number',
      async (folder: string) => writeFileSync(join(folder, 'cat.png'), await image('red').png().toBuffer()),
      'is not named by its prompt',
    ],
    [
      'a GIF under another name',
      async (folder: string) => writeFileSync(join(folder, '00000.png'), await image('red').gif().toBuffer()),
      'is gif; it must be PNG, JPEG or WebP',
    ],
    ['nothing', () => undefined, 'holds no images'],
  ] as [string, (folder: string) => void | Promise<void>, string][])(
    '%s is refused and nothing is imported',
    async (_name, write, message) => {
      const { db, source, run } = await setUp();
      if (message !== 'holds no images')
        writeFileSync(join(source, '00001.png'), await image('green').png().toBuffer());
      await write(source);
      await expect(run()).rejects.toThrow(message);
      expect(await db.selectFrom('render').selectAll().execute()).toEqual([]);
      expect(await db.selectFrom('model').selectAll().execute()).toEqual([]);
    },
  );

  it('an image that is there twice, an unknown prompt and a missing file are refused with their line', async () => {
    const { folder, source, run } = await setUp();
    writeFileSync(join(source, 'x.png'), await image('red').png().toBuffer());
    const manifest = (rows: string) => {
      const file = join(folder, 'm.jsonl');
      writeFileSync(file, rows);
      return file;
    };
    const row = (prompt: string, path: string) => `${JSON.stringify({ prompt, path })}\n`;
    await expect(run(manifest(row('a cat', 'images/x.png') + row('a cat', 'images/x.png')))).rejects.toThrow(
      'm.jsonl, line 2: prompt "a cat" with seed 0 has an image already',
    );
    await expect(run(manifest('null\n'))).rejects.toThrow('line 1: each line must be a JSON object');
    await expect(run(manifest(row('a bat', 'images/x.png')))).rejects.toThrow(
      'line 1: the prompt "a bat" is not in the set',
    );
    await expect(run(manifest(row('a cat', 'images/y.png')))).rejects.toThrow('ENOENT');
    await run(manifest(row('a cat', 'images/x.png')));
    await expect(run(manifest(row('a cat', 'images/x.png')))).rejects.toThrow('has an image already (the database)');
  });
});
