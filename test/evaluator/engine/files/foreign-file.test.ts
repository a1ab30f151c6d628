/** @file Files that somebody else names: links, pipes, devices, `..`, sizes; and formulas in CSV cells. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { foreignFile, readForeign } from '../../../../evaluator/engine/files/foreign-file.ts';
import { escapeCell, unescapeCell } from '../../../../evaluator/engine/files/spreadsheet.ts';
import { ImageStore } from '../../../../evaluator/engine/images/store.ts';
import { importRenders } from '../../../../evaluator/renders/import.ts';
import { freshSqlite } from '../../../support/databases.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { importNumberedPrompts } from '../../../support/studies.ts';

function setUp() {
  const base = temporaryFolder();
  const inbox = join(base, 'inbox');
  mkdirSync(inbox);
  writeFileSync(join(base, 'secret'), 'secret');
  writeFileSync(join(inbox, 'a.txt'), 'inside');
  writeFileSync(join(inbox, '..b'), 'inside too');
  symlinkSync(join(base, 'secret'), join(inbox, 'link'));
  symlinkSync(join(inbox, 'a.txt'), join(inbox, 'inner'));
  symlinkSync(base, join(inbox, 'folder'));
  return { base, inbox };
}

describe('foreign files', () => {
  it('are read inside their root, also through a link that stays inside', async () => {
    const { inbox } = setUp();
    for (const name of ['a.txt', 'inner'])
      expect((await readForeign(join(inbox, name), { root: inbox })).toString()).toBe('inside');
    expect((await readForeign(join(inbox, '..b'), { root: inbox })).toString()).toBe('inside too');
    expect((await readForeign(join(inbox, 'link'))).toString()).toBe('secret');
  });
  it.each(['link', '../secret', 'folder/secret', '/etc/hostname', '../nothing', '..'])(
    '%s leaves the root and is refused',
    async (name) => {
      const { inbox } = setUp();
      const file = name.startsWith('/') ? name : join(inbox, name);
      await expect(foreignFile(file, { root: inbox, place: 'manifest.csv, line 2' })).rejects.toThrow(
        `manifest.csv, line 2: ${file} is not in the folder that it was given with.`,
      );
    },
  );
  it('a pipe, a device and a folder are refused at once', async () => {
    const { inbox } = setUp();
    execFileSync('mkfifo', [join(inbox, 'pipe')]);
    for (const file of [join(inbox, 'pipe'), inbox, ...(existsSync('/dev/zero') ? ['/dev/zero'] : [])])
      await expect(foreignFile(file)).rejects.toThrow(`${file} is no regular file.`);
  });
  it('what is missing, too large, or holds a NUL is refused in one sentence', async () => {
    const { inbox } = setUp();
    await expect(foreignFile(join(inbox, 'none'))).rejects.toThrow(`cannot read ${join(inbox, 'none')}: ENOENT.`);
    writeFileSync(join(inbox, 'large'), Buffer.alloc(3 * 2 ** 20 + 1));
    await expect(foreignFile(join(inbox, 'large'), { mostBytes: 3 * 2 ** 20 })).rejects.toThrow(
      'has 4 MiB; 3 MiB are allowed.',
    );
    await expect(foreignFile(join(inbox, 'large'), { mostBytes: 3 * 2 ** 20 + 1 })).resolves.toBeDefined();
    await expect(foreignFile('a\0b')).rejects.toThrow('NUL');
  });
});

describe('imports that a request named', () => {
  it('do not follow links or manifests out of their folder; nothing is imported', async () => {
    const { db } = await freshSqlite();
    await importNumberedPrompts(db, 1);
    const { base, inbox } = setUp();
    const png = await sharp({ create: { width: 4, height: 4, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    writeFileSync(join(base, 'outside.png'), png);
    const folder = join(inbox, 'images');
    mkdirSync(folder);
    symlinkSync(join(base, 'outside.png'), join(folder, '00000.png'));
    const images = new ImageStore(temporaryFolder());
    const request = { prompts: 'prompts', model: 'm', confined: true };
    await expect(importRenders(db, images, { ...request, source: folder })).rejects.toThrow(
      'is not in the folder that it was given with',
    );
    for (const path of ['../../outside.png', join(base, 'outside.png')]) {
      writeFileSync(join(folder, 'manifest.csv'), `prompt,path\nprompt 0,${path}\n`);
      await expect(importRenders(db, images, { ...request, source: join(folder, 'manifest.csv') })).rejects.toThrow(
        'line 2: ',
      );
    }
    expect(await db.selectFrom('model').selectAll().execute()).toEqual([]);
    // On the command line they are the user's own.
    expect(await importRenders(db, images, { ...request, confined: false, source: folder })).toMatchObject({
      imported: 1,
      prompts: 1,
    });
  });

  it('an image that unfolds to more than 64 Mi pixels is refused before it is decoded', async () => {
    const { db } = await freshSqlite();
    await importNumberedPrompts(db, 1);
    const folder = temporaryFolder();
    const bomb = await sharp({ create: { width: 9000, height: 8000, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    writeFileSync(join(folder, '00000.png'), bomb);
    await expect(
      importRenders(db, new ImageStore(temporaryFolder()), { source: folder, prompts: 'prompts', model: 'm' }),
    ).rejects.toThrow('is 9000 × 8000; an image may have 64 Mi pixels.');
  });
});

describe('cells', () => {
  it.each([
    ['=HYPERLINK("x")', '\'=HYPERLINK("x")'],
    ['+1+2', "'+1+2"],
    ['-1-2', "'-1-2"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\tx', "'\tx"],
    ['\rx', "'\rx"],
    ["'=x", "''=x"],
    ['-3', '-3'],
    ['+4.5e-3', '+4.5e-3'],
    ["'quoted'", "'quoted'"],
    ["it's = fine", "it's = fine"],
    ['', ''],
  ])('%j is written %j', (cell, written) => {
    expect(escapeCell(cell)).toBe(written);
    expect(unescapeCell(written)).toBe(cell);
  });
  it('whatever is written comes back, and is no formula', () => {
    const pieces = fc
      .array(fc.constantFrom("'", '=', '+', '-', '@', '\t', '\r', 'a', '1', '.', ' '))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(pieces, (cell) => {
        const written = escapeCell(cell);
        expect(unescapeCell(written)).toBe(cell);
        if (written === cell) expect(/^[=@\t\r]/.test(written)).toBe(false);
      }),
    );
  });
});
