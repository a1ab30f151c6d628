/// <reference lib="dom" />
/**
 * @file Three people vote in a real Chromium on pairs of real renders; the report is what they clicked. Slow: it renders 80
 * images and drives three browsers.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BrowserContextOptions, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../db/open.ts';
import { findStudy } from '../../db/queries/studies.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import { starter } from '../../evaluator/starter/starter.ts';
import type { Report } from '../../contract/report.ts';
import type { RunningServer } from '../../server/start.ts';
import { testServer } from '../support/clients.ts';
import { chromiumPath, launchBrowser, openPage as openPageIn, violations } from '../support/browser.ts';
import { projectRoot, temporaryFolder } from '../support/folders.ts';

const run = promisify(execFile);

interface Shown {
  prompt: string;
  model: string;
}

async function pixelHash(bytes: Uint8Array): Promise<string> {
  return createHash('sha256')
    .update(await sharp(bytes).removeAlpha().raw().toBuffer())
    .digest('hex');
}

/** Every render on record by the hash of its pixels. */
async function rendersByPixels(db: Database, dataFolder: string): Promise<Map<string, Shown>> {
  const store = new ImageStore(dataFolder);
  const rows = await db
    .selectFrom('render as r')
    .innerJoin('prompt as p', 'p.id', 'r.prompt_id')
    .innerJoin('model as m', 'm.id', 'r.model_id')
    .select(['p.text as prompt', 'm.name as model', 'r.image_sha256 as sha256'])
    .execute();
  const found = new Map<string, Shown>();
  for (const { prompt, model, sha256 } of rows) found.set(await pixelHash(await store.read(sha256)), { prompt, model });
  return found;
}

describe.skipIf(chromiumPath === undefined)('a study in the browser', () => {
  const dataFolder = temporaryFolder();
  const visavis = (...argv: string[]) =>
    run(process.execPath, [join(projectRoot, 'bin', 'visavis.js'), ...argv, '--data', dataFolder], {
      env: { ...process.env, DATABASE_URL: undefined },
      maxBuffer: 1e8,
    });
  let db: Database;
  let server: RunningServer;
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  let invite: string;

  beforeAll(async () => {
    await visavis('prompts', 'import', starter.prompts, '--name', 'prompts');
    for (const { name, adapter } of starter.models) {
      await visavis(
        'models',
        'add',
        name,
        '--pipeline',
        starter.pipeline,
        '--adapter',
        adapter,
        '--steps',
        '6',
        '--guidance',
        '3.5',
      );
      await visavis('render', '--prompts', 'prompts', '--model', name, '--limit', '40', '--device', 'cpu');
    }
    const [a, b] = starter.models;
    await visavis('study', 'create', 'live', '--prompts', 'prompts', '--a', a.name, '--b', b.name);
    await visavis('study', 'open', 'live');
    db = await openDatabase(join(dataFolder, 'visavis.db'));
    server = await testServer(db, dataFolder, { leaseMs: 600_000, graceMs: 60_000 });
    invite = `${server.url}/annotate/${(await findStudy(db, 'live'))!.inviteToken}`;
    browser = await launchBrowser();
  }, 240_000);

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await db?.destroy();
  });

  const openPage = (url: string, options?: BrowserContextOptions) => openPageIn(browser, url, options);

  /** Answers the question on screen by key and waits until the page has moved on. */
  async function press(page: Page, key: string): Promise<void> {
    const state = () =>
      page.evaluate(
        () => `${document.querySelector('.count')?.textContent} ${document.querySelector('.question')?.textContent}`,
      );
    const before = await state();
    // A person needs longer; what comes sooner was meant for the question before.
    await page.waitForTimeout(300);
    await page.keyboard.press(key);
    await expect.poll(state, { timeout: 10_000 }).not.toBe(before);
    await page.waitForSelector('.image[aria-disabled="false"], h1:not(.question)');
  }

  /** Which prompt's render by which model an image on the page is, told by its pixels. */
  async function renderOf(pixels: Map<string, Shown>, page: Page, side: 'left' | 'right'): Promise<Shown> {
    const images = page.locator('.image img');
    const src = await (side === 'left' ? images.first() : images.last()).getAttribute('src');
    const bytes = Buffer.from(await (await fetch(new URL(src!, server.url))).arrayBuffer());
    return pixels.get(await pixelHash(bytes))!;
  }

  it('three people judge eight pairs each by key, touch and click, and the report is what they clicked', async () => {
    const pixels = await rendersByPixels(db, dataFolder);
    // Two renders a prompt, all told apart: else a click would not say whom it is for.
    expect(pixels.size).toBe(80);
    const people = await Promise.all([
      openPage(invite, { viewport: { width: 1440, height: 900 } }),
      openPage(invite, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }),
      openPage(`${invite}?PROLIFIC_PID=p3`, { viewport: { width: 1280, height: 720 } }),
    ]);
    /** criterion → prompt → models that were clicked */
    const clicked = new Map(['appeal', 'general', 'alignment'].map((name) => [name, new Map<string, string[]>()]));
    for (const [who, { page }] of people.entries()) {
      await page.waitForSelector('.image img');
      for (let pair = 0; pair < 8; pair++) {
        const shown = { left: await renderOf(pixels, page, 'left'), right: await renderOf(pixels, page, 'right') };
        expect(shown.left.prompt).toBe(shown.right.prompt);
        expect(shown.left.model).not.toBe(shown.right.model);
        for (const [i, question] of ['visually appealing', 'prefer given the prompt', 'fits the text'].entries()) {
          await page.waitForSelector(`.question:has-text("${question}")`);
          const prompt = await page.locator('.prompt').textContent();
          if (i === 0) expect(prompt).toMatch(/hidden/);
          else expect(prompt).toContain(shown.left.prompt);
          const left = (pair + i + who) % 2 === 0;
          const votes = clicked.get(['appeal', 'general', 'alignment'][i]!)!;
          const { model } = left ? shown.left : shown.right;
          votes.set(shown.left.prompt, [...(votes.get(shown.left.prompt) ?? []), model]);
          if (who === 0) await press(page, left ? 'ArrowLeft' : 'ArrowRight');
          else {
            const before = await page.locator('.count').textContent();
            const target = `${who === 1 ? '.answer' : '.image'}.${left ? 'left' : 'right'}`;
            await page.waitForTimeout(300);
            if (who === 1) await page.tap(target);
            else await page.click(target);
            if (i === 2)
              await page.waitForFunction((old) => document.querySelector('.count')?.textContent !== old, before);
          }
        }
      }
      expect(await page.locator('.count').textContent()).toBe('8 / 40');
    }
    const cast = async () => (await db.selectFrom('slot').select('vote_id').execute()).length;
    await expect.poll(cast).toBe(72);
    for (const { problems } of people) expect(problems).toEqual([]);

    const report = JSON.parse((await visavis('report', 'live', '--json')).stdout) as Report;
    const [a] = starter.models;
    expect(report.modelA).toBe(a.name);
    expect(report.criteria).toHaveLength(3);
    for (const row of report.criteria) {
      const votes = [...clicked.get(row.criterion)!.values()];
      expect(votes.flat()).toHaveLength(24);
      const complete = votes.filter((models) => models.length === 3);
      const wins = complete.filter((models) => models.filter((model) => model === a.name).length >= 2).length;
      const losses = complete.length - wins;
      const forA = votes.flat().filter((model) => model === a.name).length;
      const decided = { pairs: 40, wins, losses, ties: 0, split: 0, decided: wins + losses };
      expect(row).toMatchObject({
        ...decided,
        incomplete: 40 - wins - losses,
        votes: { a: forA, b: 24 - forA, tie: 0 },
      });
      expect(row.winRate.value).toBe(wins + losses === 0 ? null : wins / (wins + losses));
    }
  }, 180_000);

  it('a reload goes on where it was, undo opens the pair again, the keys zoom both images alike', async () => {
    const { page, problems } = await openPage(invite, { viewport: { width: 1440, height: 900 } });
    await page.waitForSelector('.image img');
    const before = await page.locator('.image img').first().getAttribute('src');
    await press(page, 'ArrowLeft');
    await page.reload();
    await page.waitForSelector('.question:has-text("prefer given the prompt")');
    expect(await page.locator('.image img').first().getAttribute('src')).toBe(before);
    await page.keyboard.press('z');
    await page.waitForSelector('.question:has-text("visually appealing")');
    await page.keyboard.press(' ');
    const transforms = await page
      .locator('.layer')
      .evaluateAll((images) => images.map((image) => (image as HTMLElement).style.transform));
    expect(transforms[0]).toContain('scale(2)');
    expect(transforms[1]).toBe(transforms[0]);
    await page.keyboard.press('?');
    await page.waitForSelector('dialog[open]');
    await page.keyboard.press('Escape');
    expect(problems).toEqual([]);
  });

  it('a vote cast while the network is away arrives once it is back, once', async () => {
    const { page } = await openPage(`${invite}?participant=offline`, { viewport: { width: 1440, height: 900 } });
    await page.waitForSelector('.image img');
    await page.waitForTimeout(300);
    await page.context().setOffline(true);
    await page.keyboard.press('ArrowLeft');
    await page.waitForTimeout(1500);
    expect(await page.locator('.question').textContent()).toContain('visually appealing');
    await page.context().setOffline(false);
    await page.waitForSelector('.question:has-text("prefer given the prompt")', { timeout: 30_000 });
    const votes = await db
      .selectFrom('vote as v')
      .innerJoin('annotator as a', 'a.id', 'v.annotator_id')
      .select('v.id')
      .where('a.participant', '=', 'offline')
      .execute();
    expect(votes).toHaveLength(1);
  });

  it('a bad link and a closed study say so', async () => {
    const { page } = await openPage(`${server.url}/annotate/nonsense`);
    await page.waitForSelector('h1:has-text("This link does not work")');
    await visavis('study', 'pause', 'live');
    const paused = await openPage(`${invite}?participant=late`);
    await paused.page.waitForSelector('h1:has-text("Paused")');
    await visavis('study', 'open', 'live');
  });

  it('the research page signs in, shows live numbers, and both pages pass axe', async () => {
    const { page, problems } = await openPage(await server.researcherLink(), {
      viewport: { width: 1440, height: 900 },
    });
    await page.click('button:has-text("Sign in")');
    await page.click('table a');
    // People are voting: the results wait until somebody asks.
    await page.waitForSelector('text=results are hidden');
    expect(await violations(page)).toEqual([]);
    await page.click('button:has-text("Show them now")');
    await page.waitForSelector('h2:has-text("Majority win rate")');
    const votes = async () => Number((await page.locator('.card .big').first().textContent())!.replace(',', ''));
    await expect.poll(votes).toBeGreaterThan(0);
    const before = await votes();
    const annotator = await openPage(`${invite}?participant=watched`, { viewport: { width: 390, height: 844 } });
    await annotator.page.waitForSelector('.image img');
    await annotator.page.waitForTimeout(300);
    await annotator.page.click('.answer.left');
    await expect.poll(votes, { timeout: 10_000 }).toBe(before + 1);
    for (const each of [page, annotator.page]) {
      expect(await violations(each)).toEqual([]);
    }
    expect(problems).toEqual([]);
  });

  it('the serving process has not loaded ONNX Runtime', async () => {
    if (!existsSync('/proc/self/maps')) return;
    expect(await readFile('/proc/self/maps', 'utf8')).not.toContain('libonnxruntime');
  });
});
