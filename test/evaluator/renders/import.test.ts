import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { ImageStore } from '../../../evaluator/engine/images/store.ts';
import { importPrompts, storePrompts } from '../../../evaluator/prompts/import.ts';
import { importRenders } from '../../../evaluator/renders/import.ts';
import { freshSqlite } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';

const image = (colour: string) => sharp({ create: { width: 24, height: 16, channels: 3, background: colour } });

/** As a JPEG whose profile was lost. */
async function cmyk(): Promise<Buffer> {
  const jpeg = await image('red').toColourspace('cmyk').jpeg().toBuffer();
  const kept: Buffer[] = [jpeg.subarray(0, 2)];
  let at = 2;
  // Segments until the scan: FF, a marker, a length; APP2 (E2) holds the profile.
  for (; jpeg[at + 1] !== 0xda; at += 2 + jpeg.readUInt16BE(at + 2))
    if (jpeg[at + 1] !== 0xe2) kept.push(jpeg.subarray(at, at + 2 + jpeg.readUInt16BE(at + 2)));
  return Buffer.concat([...kept, jpeg.subarray(at)]);
}

/** A PNG with one chunk more, behind its header. */
async function withChunk(png: Buffer, type: string, data: Buffer): Promise<Buffer> {
  const { crc32 } = await import('node:zlib');
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([png.subarray(0, 33), length, body, sum, png.subarray(33)]);
}

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
    expect(await run()).toEqual({ imported: 3, prompts: 3, converted: [] });
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

  it('a manifest names prompts, paths and seeds', async () => {
    const { db, folder, source, run } = await setUp();
    for (const name of ['x', 'y']) writeFileSync(join(source, `${name}.png`), await image('red').png().toBuffer());
    const manifest = join(folder, 'manifest.csv');
    writeFileSync(manifest, 'prompt,path,seed\na dog,images/x.png,7\na fox,images/y.png,7\n');
    expect(await run(manifest)).toMatchObject({ imported: 2, prompts: 2 });
    expect((await db.selectFrom('render').select('seed').execute()).map((row) => row.seed)).toEqual([7, 7]);
  });

  it('a prompt that a set has twice takes two rows of a manifest, in order, and no third', async () => {
    const { db, folder, images } = await setUp();
    const prompts = ['a', 'b', 'a'].map((text, i) => ({
      text,
      category: null,
      challenge: null,
      note: null,
      line: i + 1,
    }));
    await storePrompts(db, { name: 'twice', prompts, sha256: '0'.repeat(64) });
    for (const colour of ['red', 'green', 'blue'])
      writeFileSync(join(folder, `${colour}.png`), await image(colour).png().toBuffer());
    const manifest = join(folder, 'manifest.csv');
    const run = () => importRenders(db, images, { source: manifest, prompts: 'twice', model: 'm' });
    writeFileSync(manifest, 'prompt,path,seed\na,red.png,0\na,blue.png,0\nb,green.png,0\na,red.png,0\n');
    await expect(run()).rejects.toThrow('line 5: prompt "a" with seed 0 has an image already');
    writeFileSync(manifest, 'prompt,path,seed\na,red.png,0\na,blue.png,0\nb,green.png,0\n');
    expect(await run()).toMatchObject({ imported: 3, prompts: 3 });
    const rows = await db
      .selectFrom('render as r')
      .innerJoin('prompt as p', 'p.id', 'r.prompt_id')
      .select(['p.position', 'r.image_sha256'])
      .orderBy('p.position')
      .execute();
    const colours = await Promise.all(
      rows.map(async (row) => [
        ...(
          await sharp(await images.read(row.image_sha256))
            .raw()
            .toBuffer()
        ).subarray(0, 3),
      ]),
    );
    expect(colours).toEqual([
      [255, 0, 0],
      [0, 128, 0],
      [0, 0, 255],
    ]);
  });

  it('says what it did to pixels that were not 8-bit sRGB, and does it', async () => {
    const { db, source, images, run } = await setUp();
    // (40, 180, 60) of sRGB is (88.4, 177.4, 77.2) of Display P3, by the matrices of CSS Color 4.
    const p3 = await image('#28b43c').withIccProfile('p3').png().toBuffer();
    const raw = await sharp(p3, { ignoreIcc: true }).raw().toBuffer();
    [88, 177, 77].forEach((value, i) => expect(Math.abs(raw[i]! - value)).toBeLessThanOrEqual(1));
    writeFileSync(join(source, '00000.png'), p3);
    // Half of 16 bits, turned by its EXIF: what is 24 × 16 stands 16 × 24.
    const deep = sharp(new Uint16Array(24 * 16 * 3).fill(0x8080), { raw: { width: 24, height: 16, channels: 3 } });
    writeFileSync(join(source, '00001.png'), await deep.toColourspace('rgb16').ensureAlpha().png().toBuffer());
    writeFileSync(join(source, '00002.jpg'), await image('blue').withMetadata({ orientation: 6 }).jpeg().toBuffer());
    expect(await run()).toEqual({
      imported: 3,
      prompts: 3,
      converted: [
        { change: expect.stringMatching(/^from ".*P3.*" to sRGB$/) as string, images: 1 },
        { change: 'from 16 to 8 bits', images: 1 },
        { change: 'its opaque alpha left out', images: 1 },
        { change: 'turned as its EXIF says', images: 1 },
      ],
    });
    const rows = await db.selectFrom('render').selectAll().execute();
    expect(rows.map(({ width, height }) => [width, height])).toEqual([
      [24, 16],
      [24, 16],
      [16, 24],
    ]);
    const first = async (i: number) =>
      [
        ...(await sharp(await images.read(rows[i]!.image_sha256))
          .raw()
          .toBuffer()),
      ].slice(0, 3);
    const green = await first(0);
    [40, 180, 60].forEach((value, i) => expect(Math.abs(green[i]! - value)).toBeLessThanOrEqual(1));
    expect(await first(1)).toEqual([0x80, 0x80, 0x80]);
    expect(rows.every(({ provenance }) => provenance.includes('"changes"'))).toBe(true);
  });

  it.each([
    ['half transparent', () => image('blue').ensureAlpha(0.5).png().toBuffer(), 'has transparent pixels'],
    ['CMYK of unknown inks', () => cmyk(), 'is in CMYK without a profile'],
    [
      'an animated PNG',
      async () => withChunk(await image('red').png().toBuffer(), 'acTL', Buffer.alloc(8)),
      'animated',
    ],
    [
      'a linear PNG',
      async () => withChunk(await image('red').png().toBuffer(), 'gAMA', Buffer.from([0, 1, 0x86, 0xa0])),
      'has a gamma of its own (1)',
    ],
  ])('%s is refused by name', async (_name, make, said) => {
    const { source, run } = await setUp();
    writeFileSync(join(source, '00000.png'), await make());
    await expect(run()).rejects.toThrow(said);
  });

  it('sRGB’s own gamma, and a profile beside another, change nothing', async () => {
    const { source, run } = await setUp();
    // 45455 = 0xb18f
    const gamma = Buffer.from([0, 0, 0xb1, 0x8f]);
    writeFileSync(join(source, '00000.png'), await withChunk(await image('red').png().toBuffer(), 'gAMA', gamma));
    writeFileSync(join(source, '00001.png'), await image('red').withIccProfile('srgb').png().toBuffer());
    expect((await run()).converted).toEqual([]);
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
