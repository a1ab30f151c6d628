/// <reference lib="dom" />
/** @file The annotator's page in a real Chromium when something goes wrong: networks, translations, images, keys, links, sizes. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { Database } from '../../db/open.ts';
import type { RunningServer } from '../../server/start.ts';
import { changeState } from '../../server/study/lifecycle.ts';
import { chromiumPath, launchBrowser, openPage, violations } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { freshSqlite } from '../support/databases.ts';
import { troubledProxy, type Proxy, type Trouble } from '../support/proxy.ts';
import { openStudyOf } from '../support/studies.ts';

const questions: Record<string, string> = {
  appeal: 'Which image is more visually appealing?',
  general: 'Which image do you prefer given the prompt?',
  alignment: 'Which image better fits the text description?',
};
const desktop: BrowserContextOptions = { viewport: { width: 1440, height: 900 } };
/** Longer than an answer that was meant for the question before. */
const pauseMs = 350;

describe.skipIf(chromiumPath === undefined)("the annotator's page", () => {
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  const open: { server: RunningServer; proxy: Proxy; pages: Page[] }[] = [];

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterEach(async () => {
    for (const { server, proxy, pages } of open.splice(0)) {
      for (const page of pages) await page.context().close();
      await proxy.close();
      await server.close();
    }
  });
  afterAll(() => browser?.close());

  async function setUp(design: Partial<Parameters<typeof openStudyOf>[1]> = {}, trouble: Trouble = {}) {
    const { db } = await freshSqlite();
    const fixture = await openStudyOf(db, { pairs: 6, votesPerPair: 3, ...design });
    const server = await testServer(db, fixture.dataFolder, { leaseMs: 600_000, graceMs: 60_000 });
    const proxy = await troubledProxy(server.url, trouble);
    const pages: Page[] = [];
    open.push({ server, proxy, pages });
    return {
      db,
      fixture,
      proxy,
      async visit(query = '?participant=ann', options: BrowserContextOptions = desktop) {
        const { page, problems } = await openPage(browser, `${proxy.url}/annotate/${fixture.token}${query}`, options);
        pages.push(page);
        return { page, problems };
      },
    };
  }

  const votes = (db: Database) =>
    db
      .selectFrom('vote')
      .select(['id', 'criterion', 'choice', 'counted', 'seen', 'assignment_id'])
      .orderBy('created_at')
      .execute();
  const question = async (page: Page) => (await page.locator('.question strong').textContent()) ?? '';
  const ready = (page: Page) => page.waitForSelector('.image[aria-disabled="false"]', { timeout: 20_000 });
  async function answer(page: Page, key = 'ArrowLeft'): Promise<void> {
    await ready(page);
    await page.waitForTimeout(pauseMs);
    await page.keyboard.press(key);
  }
  const text = (page: Page) => page.evaluate(() => document.body.innerText);
  /** Votes that the browser keeps because nobody has acknowledged them yet. */
  const kept = (page: Page) =>
    page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          const opening = indexedDB.open('keyval-store');
          opening.onsuccess = () => {
            const db = opening.result;
            const all = db.transaction('keyval').objectStore('keyval').getAll();
            all.onsuccess = () => resolve((all.result as unknown[][]).flat().length);
          };
        }),
    );

  it('shows the question and the prompt that are recorded, also when the browser has translated the page', async () => {
    const { db, visit } = await setUp();
    const { page } = await visit();
    await answer(page);
    await ready(page);
    for (let i = 0; i < 7; i++) {
      const shown = await question(page);
      const assignment = await page.locator('.question').getAttribute('data-assignment');
      // As Chrome's page translation does it.
      await page.evaluate(() => {
        const walker = document.createTreeWalker(document.getElementById('app')!, NodeFilter.SHOW_TEXT);
        const nodes: Text[] = [];
        while (walker.nextNode()) nodes.push(walker.currentNode as Text);
        for (const node of nodes) {
          if (node.data.trim() === '' || node.parentElement?.closest('font') !== null) continue;
          const outer = document.createElement('font');
          const inner = document.createElement('font');
          inner.textContent = node.data;
          outer.append(inner);
          node.replaceWith(outer);
        }
      });
      await answer(page);
      await expect.poll(async () => (await votes(db)).length, { timeout: 5000 }).toBe(i + 2);
      const cast = (await votes(db)).at(-1)!;
      expect(questions[cast.criterion]).toBe(shown);
      expect(cast.assignment_id).toBe(assignment);
      expect(JSON.parse(cast.seen!)).toMatchObject({ translated: true, viewport: [1440, 900] });
      await expect.poll(() => question(page)).not.toBe(shown);
      // The prompt is hidden exactly while appeal is asked.
      const isAppeal = (await question(page)) === questions['appeal'];
      expect((await page.locator('.prompt').textContent())!.includes('The prompt is hidden')).toBe(isAppeal);
    }
    expect(await page.locator('.count').textContent()).toContain('2 / 6');
  }, 60_000);

  it.each<[string, Trouble]>([
    ['upgrades to WebSocket are refused', { refusesUpgrades: true }],
    ['/socket.io is not there at all', { refusesUpgrades: true, hides: (path) => path.startsWith('/socket.io') }],
  ])(
    'works where %s',
    async (_, trouble) => {
      const { db, visit } = await setUp({}, trouble);
      const { page } = await visit();
      await page.waitForSelector('.image img', { timeout: 8000 });
      for (let i = 0; i < 4; i++) await answer(page);
      await expect.poll(async () => (await votes(db)).length, { timeout: 5000 }).toBe(4);
      expect(await text(page)).not.toContain('No connection');
    },
    40_000,
  );

  it('says within ten seconds that a network swallows everything, covers nothing, and loses nothing', async () => {
    const { db, proxy, visit } = await setUp();
    const { page } = await visit();
    await answer(page);
    await answer(page);
    await expect.poll(async () => (await votes(db)).length).toBe(2);
    await expect.poll(() => kept(page)).toBe(0);
    proxy.trouble = { swallows: true };
    await answer(page);
    await page.waitForSelector('.notice:has-text("Saving")', { timeout: 3000 });
    await page.waitForSelector('.notice:has-text("No connection")', { timeout: 8000 });
    // The page goes on with the pairs at hand: two of them, three questions each.
    for (let i = 0; i < 4; i++) await answer(page);
    expect(await page.locator('.notice').textContent()).toContain('5 answers are kept');
    for (const name of ['Undo', 'Report']) {
      const button = page.locator(`button:has-text("${name}")`);
      expect(
        await button.evaluate((element) => {
          const { left, top, width, height } = element.getBoundingClientRect();
          return element.contains(document.elementFromPoint(left + width / 2, top + height / 2));
        }),
      ).toBe(true);
    }
    proxy.trouble = {};
    await expect.poll(async () => (await votes(db)).length, { timeout: 20_000 }).toBe(7);
    expect((await votes(db)).every(({ counted }) => counted === 1)).toBe(true);
    await expect.poll(() => page.locator('.notice').textContent(), { timeout: 15_000 }).not.toContain('No connection');
  }, 90_000);

  it('keeps answers that were given offline over a closed tab, and delivers them once', async () => {
    const { db, proxy, visit } = await setUp();
    const { page } = await visit();
    await answer(page);
    await expect.poll(async () => (await votes(db)).length).toBe(1);
    // Now nothing but the page itself and its images gets through.
    const isLine = (path: string) => path.startsWith('/socket.io') || path.startsWith('/annotate/api');
    await expect.poll(() => kept(page)).toBe(0);
    proxy.trouble = { swallows: true };
    await answer(page);
    await answer(page);
    const context = page.context();
    const url = page.url();
    await expect.poll(() => kept(page)).toBe(2);
    await page.close();
    proxy.trouble = { hides: isLine, refusesUpgrades: true };
    const again = await context.newPage();
    await again.goto(url);
    await again.waitForTimeout(1000);
    expect(await votes(db)).toHaveLength(1);
    proxy.trouble = {};
    await expect.poll(async () => (await votes(db)).length, { timeout: 20_000 }).toBe(3);
    await ready(again);
    await again.reload();
    await ready(again);
    await again.waitForTimeout(1000);
    const cast = await votes(db);
    expect(cast.map(({ criterion }) => criterion).sort()).toEqual(['alignment', 'appeal', 'general']);
    expect(cast.every(({ counted }) => counted === 1)).toBe(true);
    expect(await again.locator('.count').textContent()).toContain('1 / 6');
  }, 60_000);

  it('shows a long prompt from its first word, in any script, with its lines, as text', async () => {
    const long = `A sprawling ${'cinematic wide shot of an ancient library, with dust in the light and a cat, '.repeat(18)}`;
    const texts = [
      long,
      'قطة حمراء تجلس على كرسي أزرق بجانب النافذة، 35mm f/1.4 (صورة)',
      '<b>bold</b> <img src=x onerror=alert(1)> **markdown** &amp; `code`',
      'line one\nline two',
      'A'.repeat(400),
      'x',
    ];
    const { visit } = await setUp({ texts, criteria: ['general'] });
    for (const viewport of [
      { width: 1440, height: 900 },
      { width: 390, height: 844 },
    ]) {
      const { page, problems } = await visit(`?participant=p${viewport.width}`, { viewport });
      const seen = new Set<string>();
      for (let i = 0; i < texts.length; i++) {
        await ready(page);
        const prompt = page.locator('.prompt');
        seen.add((await prompt.textContent())!.trim());
        const fits = await prompt.evaluate((element) => {
          const range = document.createRange();
          range.selectNodeContents(element);
          const first = range.getClientRects()[0]!;
          const box = element.getBoundingClientRect();
          const scrolls = element.scrollHeight > element.clientHeight + 1;
          return {
            isFirstLineSeen: first.top >= box.top - 1 && first.bottom <= box.bottom + 1,
            isReachable: !scrolls || element.tabIndex === 0,
            isWide: element.scrollWidth > element.clientWidth + 1,
          };
        });
        expect(fits).toEqual({ isFirstLineSeen: true, isReachable: true, isWide: false });
        await answer(page);
        if (i < texts.length - 1)
          await expect.poll(async () => (await prompt.textContent())!.trim()).not.toBe([...seen].at(-1)!);
      }
      expect([...seen].sort()).toEqual(texts.map((each) => each.trim()).sort());
      expect(problems).toEqual([]);
    }
  }, 90_000);

  it('by keyboard alone: Space presses what has the focus, the focus stays, a dialog gives it back', async () => {
    const { db, visit } = await setUp();
    const { page } = await visit();
    await ready(page);
    await page.waitForTimeout(pauseMs);
    const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
    const zoom = () =>
      page
        .locator('.layer')
        .first()
        .evaluate((element) => element.style.transform);
    const whole = await zoom();
    while (!(await focused()).startsWith('?')) await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await page.waitForSelector('dialog[open]');
    expect(await zoom()).toBe(whole);
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    expect(await focused()).toBe('?');
    // On to the answer on the left, which keeps the focus from answer to answer.
    while (!(await focused()).includes('Left')) await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await expect.poll(async () => (await votes(db)).length).toBe(1);
    await ready(page);
    await page.waitForTimeout(pauseMs);
    expect(await focused()).toContain('Left');
    await page.keyboard.press('Enter');
    await expect.poll(async () => (await votes(db)).length).toBe(2);
    expect((await votes(db)).every(({ choice }) => choice === 'left')).toBe(true);
    // With nothing in focus Space looks closer.
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.keyboard.press('Space');
    expect(await zoom()).toContain('scale(2)');
  }, 40_000);

  it('ignores a second press that comes before its question could be read, and a key that is held', async () => {
    const { db, visit } = await setUp({ pairs: 30 });
    // Both presses come from within the page: on a busy machine the way there takes longer than the gap.
    const pressTwice = (page: Page, gap: number) =>
      page.evaluate(async (ms) => {
        const press = () => {
          for (const type of ['keydown', 'keyup'])
            document.body.dispatchEvent(
              new KeyboardEvent(type, { key: 'ArrowLeft', code: 'ArrowLeft', bubbles: true, cancelable: true }),
            );
        };
        press();
        const pressed = performance.now();
        await new Promise((resolve) => setTimeout(resolve, ms));
        press();
        return performance.now() - pressed;
      }, gap);
    let judged = 0;
    for (const gap of [5, 40, 120, 200]) {
      // Where the page itself was held up the second press may have been meant.
      for (let attempt = 0, real = Infinity; real >= 240 && attempt < 5; attempt++) {
        const { page } = await visit(`?participant=p${gap}-${attempt}`);
        await ready(page);
        await page.waitForTimeout(pauseMs);
        real = await pressTwice(page, gap);
        await page.waitForTimeout(800);
        if (real >= 240) continue;
        judged += 1;
        expect(await question(page)).toBe(questions['general']);
        const own = await db
          .selectFrom('vote as v')
          .innerJoin('annotator as n', 'n.id', 'v.annotator_id')
          .select('v.id')
          .where('n.participant', '=', `p${gap}-${attempt}`)
          .execute();
        expect(own).toHaveLength(1);
      }
    }
    expect(judged).toBe(4);
    const { page } = await visit('?participant=held');
    await ready(page);
    await page.waitForTimeout(pauseMs);
    await page.keyboard.down('ArrowLeft');
    for (let i = 0; i < 8; i++) {
      await page.waitForTimeout(100);
      await page.keyboard.down('ArrowLeft');
    }
    await page.keyboard.up('ArrowLeft');
    await page.waitForTimeout(500);
    expect(await question(page)).toBe(questions['general']);
    // Two taps on one image.
    const phone = await visit('?participant=taps', { viewport: { width: 390, height: 844 }, hasTouch: true });
    await ready(phone.page);
    await phone.page.waitForTimeout(pauseMs);
    await phone.page.tap('.image.left');
    await phone.page.waitForTimeout(120);
    await phone.page.tap('.image.left');
    await phone.page.waitForTimeout(500);
    expect(await question(phone.page)).toBe(questions['general']);
  }, 60_000);

  it('says that an image cannot be shown, skips the pair or reports it, and the researcher sees that', async () => {
    const { db, fixture, proxy, visit } = await setUp({ pairs: 3 });
    // The images of the first pair are there, all others are gone.
    let first: string | undefined;
    proxy.trouble = {
      breaks(path) {
        if (!path.startsWith('/annotate/images/')) return false;
        first ??= path.split('/')[3]!;
        return path.split('/')[3] !== first;
      },
    };
    const { page } = await visit();
    for (let i = 0; i < 3; i++) await answer(page);
    await page.waitForSelector('h2:has-text("cannot be shown")', { timeout: 15_000 });
    expect(await text(page)).not.toMatch(/4 of 3/);
    expect(await violations(page)).toEqual([]);
    const broken = (await page.locator('.question').getAttribute('data-assignment'))!;
    // Nobody votes on what cannot be seen.
    await page.keyboard.press('ArrowLeft');
    await page.waitForTimeout(400);
    expect(await votes(db)).toHaveLength(3);
    await page.click('button:has-text("Skip this pair")');
    await expect
      .poll(() => page.locator('.question').getAttribute('data-assignment'), { timeout: 15_000 })
      .not.toBe(broken);
    await page.waitForSelector('h2:has-text("cannot be shown")', { timeout: 15_000 });
    await page.click('section button:has-text("Report a problem")');
    await page.waitForSelector('h1:has-text("Thank you")', { timeout: 15_000 });
    const problems = await db.selectFrom('problem').select('reason').orderBy('reason').execute();
    expect(problems.map(({ reason }) => reason)).toEqual(['broken', 'skipped']);
    const free = await db.selectFrom('seat').select('id').where('state', '=', 'free').execute();
    expect(free).toHaveLength(8);
    const { server } = open[0]!;
    const research = await openPage(browser, await server.researcherLink(), desktop);
    open[0]!.pages.push(research.page);
    await research.page.click('button:has-text("Sign in")');
    await research.page.click(`table a:has-text("${fixture.name}")`);
    await research.page.waitForSelector('h2:has-text("Problems")');
    expect(await text(research.page)).toMatch(/broken[\s\S]*skipped|skipped[\s\S]*broken/);
  }, 90_000);

  const asked = (page: Page) => page.locator('.question').getAttribute('data-assignment');

  it('images that come late do not bring a pair back that was skipped meanwhile', async () => {
    const trouble: Trouble = { breaks: (path) => path.startsWith('/annotate/images/') };
    const { db, proxy, visit } = await setUp({ pairs: 2 }, trouble);
    const { page } = await visit();
    await page.waitForSelector('h2:has-text("cannot be shown")', { timeout: 15_000 });
    const first = await asked(page);
    await page.click('button:has-text("Try again")');
    // They can be fetched again while the retry is under way.
    proxy.trouble = {};
    await page.click('button:has-text("Skip this pair")').catch(() => undefined);
    await ready(page);
    // Either it is shown, or it was skipped: what is on screen can be answered and counts.
    for (let i = 0; i < 3; i++) await answer(page);
    await expect.poll(async () => (await votes(db)).length, { timeout: 10_000 }).toBe(3);
    expect((await votes(db)).every(({ counted }) => counted === 1)).toBe(true);
    const skipped = await db.selectFrom('assignment').select('id').where('skipped_at', 'is not', null).execute();
    if (skipped.length > 0) expect((await votes(db)).map((vote) => vote.assignment_id)).not.toContain(first);
    await expect.poll(() => asked(page)).not.toBe((await votes(db))[0]!.assignment_id);
  }, 60_000);

  it('a report is about the pair that stood on screen when it was begun', async () => {
    const { db, proxy, visit } = await setUp({ pairs: 4, criteria: ['general'] });
    const { page } = await visit();
    await ready(page);
    const first = await asked(page);
    await page.waitForTimeout(1000);
    proxy.trouble = { delays: (path) => (path.startsWith('/annotate/images/') ? 1500 : 0) };
    // Its question is answered, and the next pair comes while the dialog is open.
    await answer(page);
    await answer(page);
    await answer(page);
    const shown = await asked(page);
    await page.click('button:has-text("Report")');
    await page.waitForSelector('dialog[open]');
    await expect.poll(() => asked(page), { timeout: 15_000 }).not.toBe(shown);
    await page.click('dialog button:has-text("offensive")');
    await page.waitForTimeout(500);
    expect(await db.selectFrom('problem').select('reason').execute()).toEqual([]);
    expect(await page.locator('.notice').textContent()).toContain('nothing was reported');
    expect(first).not.toBe(shown);
  }, 60_000);

  it('while answers are taken back nothing can be answered', async () => {
    const { db, proxy, visit } = await setUp();
    const { page } = await visit();
    await answer(page);
    await expect.poll(async () => (await votes(db)).length).toBe(1);
    // Plain requests alone, each with half a second: what is pressed meanwhile is pressed on a page that waits.
    proxy.trouble = {
      refusesUpgrades: true,
      hides: (path) => path.startsWith('/socket.io'),
      delays: (path) => (path.startsWith('/annotate/api') ? 700 : 0),
    };
    await page.reload();
    await answer(page);
    await page.keyboard.press('z');
    // Once the question is open again an answer is one; until then none is.
    while (!((await page.locator('.notice').textContent()) ?? '').includes('is open again')) {
      await page.keyboard.press('ArrowRight');
      await page.waitForTimeout(60);
    }
    await page.waitForSelector('.notice:has-text("is open again")', { timeout: 10_000 });
    await page.waitForTimeout(1500);
    expect((await votes(db)).filter(({ choice }) => choice === 'right')).toEqual([]);
    expect(await db.selectFrom('slot').select('vote_id').execute()).toEqual([]);
  }, 60_000);

  it('never asks question 4 of 3: what was answered stays, dimmed, until the next pair is painted', async () => {
    const { proxy, visit } = await setUp({ pairs: 4 });
    const { page } = await visit();
    await ready(page);
    await page.evaluate(() => {
      const seen: string[] = [];
      Object.assign(window, { seen });
      const look = () => {
        const element = document.querySelector('.question');
        if (element !== null) seen.push((element as HTMLElement).innerText);
        requestAnimationFrame(look);
      };
      look();
    });
    proxy.trouble = { delays: (path) => (path.startsWith('/annotate/images/') ? 700 : 0) };
    for (let i = 0; i < 12; i++) await answer(page);
    await page.waitForSelector('h1:has-text("Thank you")');
    const seen = await page.evaluate(() => [...new Set((window as unknown as { seen: string[] }).seen)]);
    expect(seen.sort()).toEqual(
      [
        '1 of 3\nWhich image is more visually appealing?',
        '2 of 3\nWhich image do you prefer given the prompt?',
        '3 of 3\nWhich image better fits the text description?',
      ]
        .map((each) => each.replace('\n', seen[0]!.includes('\n') ? '\n' : ' '))
        .sort(),
    );
  }, 60_000);

  it('tells a latecomer that the study is full, and thanks who has worked', async () => {
    const { visit } = await setUp({ pairs: 1, votesPerPair: 1 });
    const first = await visit('?PROLIFIC_PID=first');
    for (let i = 0; i < 3; i++) await answer(first.page);
    await first.page.waitForSelector('h1:has-text("Thank you")');
    const late = await visit('?PROLIFIC_PID=late');
    await late.page.waitForSelector('h1:has-text("This study is full")');
    expect(await text(late.page)).not.toMatch(/Thank you|votes are saved|Take back/);
    // Who has worked is thanked after a reload too.
    await first.page.reload();
    await first.page.waitForSelector('h1:has-text("Thank you")');
  }, 40_000);

  it('goes on by itself when a paused study is opened again', async () => {
    const { db, fixture, visit } = await setUp();
    await changeState(db, fixture.name, 'paused');
    const { page } = await visit();
    await page.waitForSelector('h1:has-text("Paused")');
    await changeState(db, fixture.name, 'open');
    await page.waitForSelector('.image img', { timeout: 25_000 });
  }, 40_000);

  it.each([
    ['?PROLIFIC_PID={{%PROLIFIC_PID%}}', 'PROLIFIC_PID'],
    ['?PROLIFIC_PID=', 'PROLIFIC_PID'],
    [`?workerid=${'x'.repeat(201)}`, 'workerId'],
    ['?Participant=${id}', 'participant'],
  ])('refuses the link %s, naming %s', async (query, name) => {
    const { db, visit } = await setUp({ pairs: 1 });
    const { page } = await visit(query);
    await page.waitForSelector('h1:has-text("does not say who you are")');
    expect(await text(page)).toContain(name);
    expect(await db.selectFrom('annotator').select('id').execute()).toEqual([]);
  });

  it('takes the platform’s parameters in any case, and lets a preview look without a seat', async () => {
    const { db, visit } = await setUp();
    const { page } = await visit('?prolific_pid=abc');
    await ready(page);
    expect(await db.selectFrom('annotator').select('participant').execute()).toEqual([{ participant: 'abc' }]);
    const preview = await visit('?assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&hitId=h');
    await preview.page.waitForSelector('p:has-text("preview")');
    expect(await db.selectFrom('annotator').select('id').execute()).toHaveLength(1);
  });

  it.each([
    [1440, 900],
    [390, 844],
    [844, 390],
    [360, 640],
    [720, 450],
    [195, 422],
    [320, 256],
  ])('at %i × %i gives the images at least 60 percent of the height, and hides no control', async (width, height) => {
    const { visit } = await setUp({
      sizes: [
        { width: 512, height: 512 },
        { width: 512, height: 512 },
      ],
      ties: true,
    });
    const { page } = await visit('?participant=ann', { viewport: { width, height } });
    await answer(page);
    await ready(page);
    const shares = await page.evaluate(() => {
      const boxes = [...document.querySelectorAll('.image')].map((element) => element.getBoundingClientRect());
      const top = Math.min(...boxes.map((box) => box.top));
      const bottom = Math.max(...boxes.map((box) => box.bottom));
      return { share: (bottom - top) / innerHeight, wide: document.documentElement.scrollWidth - innerWidth };
    });
    expect(shares.share).toBeGreaterThanOrEqual(0.6);
    expect(shares.wide).toBeLessThanOrEqual(0);
    for (const button of await page.locator('main button').all()) {
      await button.scrollIntoViewIfNeeded();
      expect(
        await button.evaluate((element) => {
          const { left, top, width, height } = element.getBoundingClientRect();
          return element.contains(document.elementFromPoint(left + width / 2, top + height / 2));
        }),
      ).toBe(true);
    }
    expect(await violations(page)).toEqual([]);
  });

  it('shows small images in whole device pixels, at most three a pixel, alike on both sides', async () => {
    const { visit } = await setUp({
      sizes: [
        { width: 64, height: 64 },
        { width: 64, height: 64 },
      ],
    });
    const { page } = await visit('?participant=ann', { viewport: { width: 1440, height: 900 }, deviceScaleFactor: 2 });
    await ready(page);
    const widths = await page
      .locator('.image img')
      .evaluateAll((all) => all.map((each) => each.getBoundingClientRect().width));
    expect(widths).toEqual([96, 96]);
  });
});
