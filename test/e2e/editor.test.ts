/** @file From two folders of images to a running study, on the page alone. Slow: it drives a browser. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../db/open.ts';
import { listAuditEntries } from '../../db/queries/audit.ts';
import { countRenders } from '../../db/queries/models.ts';
import { findStudy } from '../../db/queries/studies.ts';
import { createStudy } from '../../server/study/design.ts';
import { designOf, parseStudyFile, studyFile, yamlOf } from '../../server/study/study-file.ts';
import type { RunningServer } from '../../server/start.ts';
import { chromiumPath, launchBrowser } from '../support/browser.ts';
import { TestClient, testServer } from '../support/clients.ts';
import { readQr } from '../support/qr.ts';
import { temporaryFolder } from '../support/folders.ts';
import { looksRight, openResearch, sizes } from '../support/research-page.ts';

const prompts = [
  'a red cube on a table',
  'two green spheres',
  'a fox in the snow',
  'a boat at night',
  'an old clock',
  'a kite',
];

async function imagesOf(name: string, fileOf: (position: number) => string, colour: string): Promise<string> {
  const folder = join(temporaryFolder(), name);
  mkdirSync(folder);
  for (const position of prompts.keys())
    await sharp({ create: { width: 96, height: 96, channels: 3, background: colour } })
      .composite([
        {
          input: Buffer.from(
            `<svg width="96" height="96"><circle cx="${16 + 12 * position}" cy="48" r="14" fill="white"/></svg>`,
          ),
        },
      ])
      .png()
      .toFile(join(folder, fileOf(position)));
  writeFileSync(join(folder, 'notes.txt'), 'not an image');
  return folder;
}

/** The folder as a zip beside it. */
function zipOf(folder: string): string {
  const files = readdirSync(folder).map((name) => [`${basename(folder)}/${name}`, readFileSync(join(folder, name))]);
  const path = `${folder}.zip`;
  writeFileSync(path, zipSync(Object.fromEntries(files) as Record<string, Uint8Array>));
  return path;
}

describe.skipIf(chromiumPath === undefined)('the study editor', () => {
  let folder: string;
  let db: Database;
  let server: RunningServer;
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  beforeAll(async () => {
    folder = temporaryFolder();
    db = await openDatabase(join(folder, 'visavis.db'));
    server = await testServer(db, folder);
    browser = await launchBrowser();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await db?.destroy();
  });

  it.each(sizes)(
    'a pasted list and two folders become a study that people vote in, $size',
    async (shape) => {
      const { size, width, height } = shape;
      const { page, problems } = await openResearch(browser, server, { viewport: { width, height } });
      const [set, one, two, name] = [`scenes ${size}`, `one ${size}`, `two ${size}`, `taste ${size}`];
      await page.getByRole('link', { name: 'New study' }).click();
      await page.getByText('It still needs a name and a prompt set and two models.').waitFor();
      await looksRight(page, 'editor-empty', size);

      await page.getByText('Add a prompt set').click();
      await page.getByLabel('Name of the new set').fill(set);
      await page.getByLabel('Or a list, one prompt a line').fill(prompts.join('\n'));
      await page.getByRole('button', { name: 'Add 6 prompts' }).click();
      await page.getByLabel('Name of the study').fill(name);
      await page.getByText('Import a model’s images').click();
      // By number, and by the prompts' words; the folder's name is the model's.
      const folders = [
        await imagesOf(one, (position) => `${String(position).padStart(5, '0')}.png`, '#a03020'),
        await imagesOf(two, (position) => `${prompts[position]!.replaceAll(' ', '_')}.png`, '#2040a0'),
      ];
      for (const [i, source] of folders.entries()) {
        // The first as a folder, the second as a zip.
        if (i === 0) await page.getByLabel('A folder').setInputFiles(source);
        else await page.getByLabel('Or files, or a zip').setInputFiles(zipOf(source));
        await page.getByText(`6 images, matched by their ${i === 0 ? 'number' : 'name'}.`).waitFor();
        await page.getByText('1 other file is left out: notes.txt.').waitFor();
        await page.getByRole('button', { name: 'Import', exact: true }).click();
        await page.getByText(`6 images of “${i === 0 ? one : two}” were imported.`).waitFor();
      }
      expect(await countRenders(db)).toEqual(
        expect.arrayContaining([one, two].map((model) => ({ model, promptSet: set, prompts: 6 }))),
      );
      expect(await page.getByLabel(one).isChecked()).toBe(true);
      await page.getByLabel('Pairs a person, at most').fill('4');
      await page.getByLabel('Consent, in Markdown').fill('You *agree*.');
      await page.getByRole('button', { name: 'Preview consent' }).click();
      await page.locator('.preview em').waitFor();
      await page.getByLabel('Who finishes: code').fill('C1D2');
      await page.getByRole('button', { name: 'Choose gold pairs' }).click();
      await page.getByLabel('Search').fill('kite');
      await page.getByRole('button', { name: `The right answer is ${two}` }).click();
      await page.getByText('1 gold pair:').waitFor();
      await page.getByRole('button', { name: 'Done' }).click();
      await page.getByLabel('Decide before the first vote').check();
      await page.getByLabel('And in numbers').check();
      // Five pairs are left beside the gold one; three votes on three questions.
      await page.locator('dd').first().getByText('5', { exact: true }).waitFor();
      expect(await page.locator('dd').nth(1).textContent()).toBe('45');
      await looksRight(page, 'editor', size);

      // A question of one's own beside the paper's.
      await page.getByRole('button', { name: 'Add a question of your own' }).click();
      await page.getByLabel('Name in the results').fill('Fewer artefacts!');
      await page.getByLabel('Question', { exact: true }).fill('Which image has fewer artefacts?');
      await page.getByLabel('What it means').fill('Seams and smears.');
      await page.locator('dd').nth(1).getByText('60', { exact: true }).waitFor();
      expect(await page.getByLabel('Name in the results').inputValue()).toBe('Fewer artefacts');
      await page.getByLabel('Beside it: both are bad').waitFor({ state: 'detached' });
      await page.getByLabel('A tie may be voted').check();
      await page.getByLabel('Beside it: both are bad').check();

      // As annotators will see it, without a seat.
      const counts = async () =>
        Promise.all(
          (['annotator', 'assignment', 'vote'] as const).map(
            async (table) => (await db.selectFrom(table).selectAll().execute()).length,
          ),
        );
      const before = await counts();
      await page.locator('aside button.main:not([disabled])').waitFor();
      await page.getByRole('button', { name: 'Preview as an annotator' }).click();
      const inside = page.frameLocator('iframe');
      await inside.getByRole('button', { name: 'I agree' }).click();
      await inside.locator('.image[aria-disabled="false"]').first().waitFor();
      await inside.getByText('Preview: nothing here counts').waitFor();
      await looksRight(page, 'editor-preview', size);
      await inside.locator('.answer.left').click();
      await page.getByRole('button', { name: 'Phone' }).click();
      await inside.locator('.image[aria-disabled="false"]').first().waitFor();
      await page.getByRole('button', { name: 'Close' }).click();
      expect(await counts()).toEqual(before);

      // A draft is kept: the page may be closed, and the list has it.
      await page.getByText('Saved.').waitFor();
      await page.goto(`${server.url}/research`);
      await looksRight(page, 'drafts', size);
      await page.getByRole('link', { name, exact: true }).click();
      await page.getByText('1 gold pair:').waitFor();
      await page.reload();
      await page.getByText('1 gold pair:').waitFor();
      expect(await page.getByLabel('Name of the study').inputValue()).toBe(name);
      await page.getByLabel('Who asks').fill('Image lab');
      await page.getByLabel('Minutes that it takes').fill('12');
      await page.getByLabel('Width of the page').fill('360');
      await page.getByLabel('Days after its end').fill('90');
      await page.getByRole('button', { name: 'Add a question at the end' }).click();
      await page.getByLabel('Question at the end').fill('Clear?');
      await page.getByLabel('Choices, with a comma').fill('yes, no');
      // What the form has no field for is written in the file.
      const yaml = page.getByLabel('YAML');
      await page.getByLabel('Days after its end').click();
      await expect.poll(() => yaml.inputValue()).toContain('choices:');
      await yaml.fill((await yaml.inputValue()).replace('  survey:\n', '  survey:\n    - question: How was it?\n'));
      await page.getByRole('button', { name: 'Use this YAML' }).click();
      await page.getByText('The form has what the YAML says.').waitFor();
      await page.getByRole('button', { name: 'Make and open it' }).click();
      await page.getByRole('button', { name: 'Copy annotator link' }).waitFor();
      expect(await db.selectFrom('draft').selectAll().execute()).toEqual([]);
      await page.getByRole('button', { name: 'QR code' }).click();
      const code = page.getByRole('img', { name: 'QR code of the annotator link' });
      await code.waitFor();
      const shown = await page.getByLabel('Annotator link').inputValue();
      expect(await readQr(await code.screenshot())).toBe(shown);
      expect(shown).toMatch(/\/annotate\/[\w-]+$/);
      await page.getByRole('button', { name: 'QR code' }).click();

      const file = await studyFile(db, name);
      expect(file).toMatchObject({
        ...{ name, promptSet: set, modelA: one, modelB: two, votesPerPair: 3, ties: true, bothBad: true },
        criteria: [
          ...['appeal', 'general', 'alignment'],
          { id: 'fewer-artefacts', question: 'Which image has fewer artefacts?', help: 'Seams and smears.' },
        ],
        plan: { primary: 'general', exclusionRule: { gold: 0.8, repeats: 0.6, fast: 0.33 } },
        visit: {
          consent: 'You *agree*.',
          pairsPerAnnotator: 4,
          gold: { every: 10, pairs: [{ prompt: 'a kite', answers: { appeal: 'b' } }] },
          about: { researcher: 'Image lab', minutes: 12 },
          device: { minWidth: 360 },
          retentionDays: 90,
          survey: [{ question: 'How was it?' }, { question: 'Clear?', choices: ['yes', 'no'] }],
          ends: { finished: { code: 'C1D2' } },
        },
      });
      // The file makes the same study again.
      const again = parseStudyFile(yamlOf({ ...file, name: `${name} from YAML` }), 'again.yaml');
      await createStudy(db, designOf(again));
      expect({ ...(await studyFile(db, `${name} from YAML`)), name }).toEqual(file);
      const study = (await findStudy(db, name))!;
      expect(study.state).toBe('open');
      const log = (await listAuditEntries(db, name)).map(({ actor, action }) => [actor.split(' ')[0], action]);
      expect(log).toEqual([
        ['session', 'study create'],
        ['session', `study plan ${study.planSha256!}`],
        ['session', 'study open'],
      ]);
      const person = await TestClient.connect(server.url, study.inviteToken, `somebody ${size}`);
      expect(await person.refused('assignment:next')).toBe('step-required');
      person.close();

      // Another one like it.
      await page.getByRole('link', { name: 'Make another like it' }).click();
      await page.locator('dd').first().getByText('5', { exact: true }).waitFor();
      expect(await page.getByLabel('Name of the study').inputValue()).toBe(`${name} again`);
      expect(problems).toEqual([]);
      await page.context().close();
    },
    90_000,
  );

  it('what is wrong is said in one sentence before anything is made', async () => {
    const { page, problems } = await openResearch(browser, server);
    await page.getByRole('link', { name: 'New study' }).click();
    const yaml = page.getByLabel('YAML');
    await yaml.fill('name: x\nvotes: 3\n');
    await page.getByRole('button', { name: 'Use this YAML' }).click();
    await page.getByText('The file: ').waitFor();
    await page.getByLabel('Name of the study').fill('taste desk');
    await page.getByLabel('Prompts').selectOption('scenes desk');
    for (const model of ['one desk', 'two desk']) await page.getByLabel(model).check();
    await page.getByText('A study named "taste desk" exists already; choose another name.').waitFor();
    expect(await page.getByRole('button', { name: 'Make a draft' }).isDisabled()).toBe(true);
    // The browser itself tells of the refusals, as it should.
    expect(problems.filter((text) => !/status of 4\d\d/.test(text))).toEqual([]);
    await page.context().close();
  }, 60_000);
});
