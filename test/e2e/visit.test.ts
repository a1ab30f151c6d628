/// <reference lib="dom" />
/**
 * @file A whole visit in a real Chromium, from the welcome to the code, at two sizes and in three languages; and what one can do to
 * look closer. With VISAVIS_SCREENSHOTS=FOLDER every screen is kept as an image.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { visitSchema } from '../../contract/visit.ts';
import type { RunningServer } from '../../server/start.ts';
import { changeState } from '../../server/study/lifecycle.ts';
import { chromiumPath, launchBrowser, openPage, violations } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { freshSqlite } from '../support/databases.ts';
import { openStudyOf } from '../support/studies.ts';

// Without the question's fade, in whose middle axe would find too little contrast.
const still = { reducedMotion: 'reduce' } as const;
const desktop: BrowserContextOptions = { viewport: { width: 1440, height: 900 }, ...still };
const phone: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  hasTouch: true,
  isMobile: true,
  ...still,
};
const screenshots = process.env['VISAVIS_SCREENSHOTS'];
/** Longer than an answer that was meant for the question before. */
const pauseMs = 350;

describe.skipIf(chromiumPath === undefined)('a visit', () => {
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  const open: { server: RunningServer; pages: Page[] }[] = [];
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterEach(async () => {
    for (const { server, pages } of open.splice(0)) {
      for (const page of pages) await page.context().close();
      await server.close();
    }
  });
  afterAll(() => browser?.close());

  async function setUp(visit: object, design: Partial<Parameters<typeof openStudyOf>[1]> = {}) {
    const { db } = await freshSqlite();
    const fixture = await openStudyOf(db, {
      pairs: 12,
      criteria: ['general'],
      visit: visitSchema.parse(visit),
      sizes: [
        { width: 256, height: 256 },
        { width: 256, height: 256 },
      ],
      ...design,
    });
    const server = await testServer(db, fixture.dataFolder, { leaseMs: 600_000, graceMs: 60_000 });
    const pages: Page[] = [];
    open.push({ server, pages });
    return {
      db,
      server,
      fixture,
      async visit(participant: string, options: BrowserContextOptions = desktop, more = '') {
        const url = `${server.url}/annotate/${fixture.token}?participant=${participant}${more}`;
        const { page, problems } = await openPage(browser, url, options);
        pages.push(page);
        return { page, problems };
      },
    };
  }
  const heading = (page: Page, text: string) => page.waitForSelector(`h1:has-text("${text}")`, { timeout: 20_000 });
  const press = (page: Page, name: string) => page.locator(`button:has-text("${name}")`).first().click();
  async function answer(page: Page, key = 'ArrowLeft'): Promise<void> {
    await page.waitForSelector('.image[aria-disabled="false"]', { timeout: 20_000 });
    await page.waitForTimeout(pauseMs);
    await page.keyboard.press(key);
  }
  const count = async (page: Page) => (await page.locator('.count').textContent())!.replace(/\s+/g, ' ').trim();

  const whole = {
    languages: ['en', 'de', 'es'],
    about: { researcher: 'A laboratory', minutes: 12, pay: '£3.00', contact: 'lab@example.org' },
    welcome: {
      en: 'We compare **two image models**. You look at pairs of images and say which one you prefer.',
      de: 'Wir vergleichen **zwei Bildmodelle**. Sie sehen Bildpaare und sagen, welches Bild Sie vorziehen.',
      es: 'Comparamos **dos modelos de imagen**. Verá pares de imágenes y dirá cuál prefiere.',
    },
    consent:
      '## What is stored\n\n- your answers and how long they took\n- the size of your screen\n\nYou may stop at any time.',
    device: { minWidth: 380, minHeight: 600 },
    instructions: 'Go with your **first impression**.',
    example: { prompt: 'prompt 3', criterion: 'general', answer: 'b', why: 'It shows what the text says.' },
    practice: [{ prompt: 'prompt 1', criterion: 'general', answer: 'a', why: 'The other one is blurred.' }],
    gold: { every: 3, pairs: [{ prompt: 'prompt 0', answers: { general: 'a' } }] },
    repeat: { every: 2 },
    pairsPerAnnotator: 4,
    breakAfter: 5,
    undo: 2,
    survey: [{ question: 'How clear was the task?', choices: ['clear', 'unclear'] }, { question: 'Anything else?' }],
    thanks: 'The results will be at *example.org*.',
    ends: { finished: { code: 'C7XQ2', redirect: 'https://example.org/done' }, 'no-consent': { code: 'NOPE' } },
  };

  it.each([
    ['desktop', desktop],
    ['phone', phone],
  ])(
    'goes from the welcome to the code on a %s, and no screen has anything for axe to find',
    async (name, options) => {
      const { db, visit } = await setUp(whole);
      const { page, problems } = await visit('ann', options);
      let screens = 0;
      async function look(screen: string): Promise<void> {
        expect(await violations(page), screen).toEqual([]);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(wide, screen).toBeLessThanOrEqual(0);
        if (screenshots === undefined) return;
        mkdirSync(screenshots, { recursive: true });
        await page.screenshot({
          path: join(screenshots, `${name}-${String(++screens).padStart(2, '0')}-${screen}.png`),
        });
      }
      await heading(page, 'Welcome');
      expect(await page.locator('main').innerText()).toContain('about 12 minutes');
      await look('welcome');
      await press(page, 'Start');
      await heading(page, 'Your consent');
      // Who comes back is where they were.
      await page.reload();
      await heading(page, 'Your consent');
      await look('consent');
      await press(page, 'I agree');
      // The screen is large enough: nobody is asked.
      await heading(page, 'What you do');
      await page.waitForSelector('figure.chosen img');
      await look('instructions');
      await press(page, 'Go on to practice');
      await page.waitForSelector('.practice:has-text("Practice 1 of 1")');
      await page.waitForSelector('.image[aria-disabled="false"]');
      await look('practice');
      expect(await page.locator('button:has-text("Undo")').count()).toBe(0);
      await answer(page);
      await page.waitForSelector('h1:has-text("xpected")');
      expect(await page.locator('main').innerText()).toContain('The other one is blurred.');
      await look('feedback');
      await press(page, 'Go on');
      // Four pairs, one gold, two repeats.
      await expect.poll(() => count(page)).toContain('0 / 7');
      await look('judging');
      for (let i = 0; i < 5; i++) {
        await answer(page);
        if (i < 4) await expect.poll(() => count(page)).toContain(`${i + 1} / 7`);
      }
      await heading(page, 'A short break?');
      expect(await page.locator('main').innerText()).toContain('You have judged 5 pairs.');
      await look('break');
      await press(page, 'Go on');
      await expect.poll(() => count(page)).toBe('5 / 7');
      expect(await page.locator('.time').textContent()).toBe('about 1 min');
      await answer(page);
      await expect.poll(() => count(page)).toContain('6 / 7');
      // Two steps back, each naming what it opens again.
      await page.keyboard.press('z');
      await page.waitForSelector('.notice:has-text("Pair 6 is open again")');
      await page.keyboard.press('z');
      await page.waitForSelector('.notice:has-text("Pair 5 is open again")');
      await look('undone');
      for (let i = 4; i < 6; i++) {
        await answer(page);
        if (i === 4) {
          await heading(page, 'A short break?');
          await press(page, 'Go on');
        }
        await expect.poll(() => count(page)).toContain(`${i + 1} / 7`);
      }
      await answer(page);
      // The last pair can be taken back as any other; then comes what follows.
      await heading(page, 'Every pair is judged');
      await look('all-judged');
      await press(page, 'Take back');
      await page.waitForSelector('.notice:has-text("Pair 7 is open again")');
      await answer(page);
      await heading(page, 'Every pair is judged');
      await press(page, 'Finish');
      await heading(page, 'A last question or two');
      expect(await page.locator('main').innerText()).not.toContain('C7XQ2');
      await page.locator('label:has-text("unclear") input').check();
      await page.locator('textarea').fill('zz fine ←');
      await look('survey');
      await press(page, 'Send');
      await heading(page, 'Thank you!');
      expect(await page.locator('code').textContent()).toBe('C7XQ2');
      expect(await page.locator('a:has-text("Return")').getAttribute('href')).toBe('https://example.org/done');
      await look('end');
      await page.reload();
      await heading(page, 'Thank you!');
      const { answer: survey } = await db
        .selectFrom('visit_step')
        .select('answer')
        .where('step', '=', 'survey')
        .executeTakeFirstOrThrow();
      expect(JSON.parse(survey)).toEqual({ language: 'en', answers: ['unclear', 'zz fine ←'] });
      const votes = await db.selectFrom('slot').select('vote_id').execute();
      expect(votes).toHaveLength(7);
      expect(problems).toEqual([]);
    },
    90_000,
  );

  it('speaks the browser’s language where the study has it, and says in each vote which one', async () => {
    const { db, visit } = await setUp({ ...whole, languages: ['en', 'de'], practice: undefined, device: undefined });
    const { page } = await visit('ann', { ...desktop, locale: 'de-AT' });
    await heading(page, 'Willkommen');
    expect(await page.locator('main').innerText()).toContain('zwei Bildmodelle');
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('de');
    await press(page, 'Beginnen');
    await press(page, 'Ich stimme zu');
    await press(page, 'Beginnen');
    await page.waitForSelector('h1:has-text("Welches Bild ziehen Sie")');
    await answer(page);
    await expect
      .poll(async () => (await db.selectFrom('vote').select('seen').execute()).map(({ seen }) => seen!))
      .toHaveLength(1);
    const [vote] = await db.selectFrom('vote').select('seen').execute();
    expect(JSON.parse(vote!.seen!)).toMatchObject({ language: 'de' });
    // Spanish is not the study's; the address asks for it in vain.
    const other = await visit('bob', { ...desktop, locale: 'es-ES' }, '&lang=es');
    await heading(other.page, 'Welcome');
    const third = await visit('cay', desktop, '&lang=de');
    await heading(third.page, 'Willkommen');
  }, 60_000);

  it('ends with its code where somebody does not agree; a small screen says what it lacks and goes on when it grows', async () => {
    const { db, visit } = await setUp({
      consent: 'May we?',
      device: { minWidth: 1000 },
      ends: { 'no-consent': { code: 'NOPE' } },
    });
    const { page } = await visit('ann');
    await heading(page, 'Your consent');
    await press(page, 'I do not agree');
    await heading(page, 'You have not agreed');
    expect(await page.locator('code').textContent()).toBe('NOPE');
    const { page: small } = await visit('bob', phone);
    await press(small, 'I agree');
    await heading(small, 'A larger screen is needed');
    expect(await violations(small)).toEqual([]);
    expect(await small.locator('dl').innerText()).toMatch(/1000 pixels wide[\s\S]*390 pixels wide/);
    await small.setViewportSize({ width: 1200, height: 800 });
    await small.waitForSelector('.image[aria-disabled="false"]');
    expect(await db.selectFrom('vote').select('id').execute()).toEqual([]);
  }, 60_000);

  it('looks closer: pixel by pixel, kept over pairs on demand, and each image in the other’s place', async () => {
    const { db, visit } = await setUp(
      {},
      {
        criteria: ['general', 'alignment'],
        sizes: [
          { width: 2048, height: 2048 },
          { width: 2048, height: 2048 },
        ],
        pairs: 3,
      },
    );
    const { page } = await visit('ann');
    await page.waitForSelector('.image[aria-disabled="false"]');
    /** Device pixels an image pixel takes, and which images stand left and right. */
    const shown = () =>
      page.evaluate(() => {
        const images = [...document.querySelectorAll<HTMLImageElement>('.image img')];
        return {
          scale:
            (images[0]!.getBoundingClientRect().width * devicePixelRatio) / Number(images[0]!.getAttribute('width')),
          loaded: images.map((image) => image.naturalWidth),
          same: images[0]!.getBoundingClientRect().width === images[1]!.getBoundingClientRect().width,
          sides: images.map((image) => new URL(image.src).pathname.split('/').at(-1)),
        };
      });
    // The surround is one grey, whatever the pointer does: what stands beside an image shifts how it looks.
    await page.locator('.image.left').hover();
    const surrounds = await page
      .locator('.image')
      .evaluateAll((boxes) => boxes.map((box) => getComputedStyle(box).backgroundColor));
    expect(surrounds).toEqual(['rgb(119, 119, 119)', 'rgb(119, 119, 119)']);
    const { scale } = await shown();
    expect(scale).toBeLessThan(0.5);
    // No more than the screen can show is sent; whoever looks closer gets the rest, of both at once.
    expect((await shown()).loaded).toEqual([768, 768]);
    await page.keyboard.press('1');
    await expect.poll(async () => (await shown()).scale).toBeCloseTo(1, 3);
    expect((await shown()).same).toBe(true);
    await expect.poll(async () => (await shown()).loaded).toEqual([2048, 2048]);
    await page.keyboard.press('1');
    await expect.poll(async () => (await shown()).scale).toBeCloseTo(scale, 3);
    await page.keyboard.press(' ');
    await expect.poll(async () => (await shown()).scale).toBeCloseTo(2 * scale, 3);

    // While it is held nothing is answered: left is not left.
    await page.waitForTimeout(pauseMs);
    await page.keyboard.down('f');
    expect((await shown()).sides).toEqual(['right', 'left']);
    await page.keyboard.press('ArrowLeft');
    await page.waitForSelector('.notice:has-text("Swapped")');
    await page.keyboard.up('f');
    expect((await shown()).sides).toEqual(['left', 'right']);
    expect(await db.selectFrom('vote').select('id').execute()).toEqual([]);

    // The zoom stays over the questions of a pair; over pairs when that was asked for.
    await answer(page);
    await page.waitForSelector('h1:has-text("fits the text")');
    expect((await shown()).scale).toBeCloseTo(2 * scale, 3);
    await page.keyboard.press('l');
    await answer(page);
    await expect.poll(() => count(page)).toContain('1 / 3');
    expect((await shown()).scale).toBeCloseTo(2 * scale, 3);
    await page.keyboard.press('l');
    await answer(page);
    await answer(page);
    await expect.poll(() => count(page)).toContain('2 / 3');
    await expect.poll(async () => (await shown()).scale).toBeCloseTo(scale, 3);
    const [first, second] = await db.selectFrom('vote').select('seen').orderBy('created_at').execute();
    // The largest while each question was asked.
    expect((JSON.parse(first!.seen!) as { zoom: number }).zoom).toBeCloseTo(1 / scale, 2);
    expect(JSON.parse(second!.seen!)).toMatchObject({ zoom: 2 });
  }, 60_000);

  it('asks for the place that decided, exact under zoom, and shows what differs while that is held', async () => {
    const { db, visit } = await setUp(
      { pointAt: true, difference: true },
      {
        // Their colours shift by 7 a prompt; with eight none wraps around.
        pairs: 8,
        criteria: ['general'],
        sizes: [
          { width: 1000, height: 500 },
          { width: 1000, height: 500 },
        ],
      },
    );
    const { page } = await visit('ann');
    const points = async () =>
      (await db.selectFrom('vote').select('point').orderBy('created_at').execute()).map(
        ({ point }) => JSON.parse(point ?? 'null') as { side: string; x: number; y: number } | null,
      );
    const clickAt = async (side: 'left' | 'right', x: number, y: number) => {
      const box = (await page.locator(`.image.${side} img`).boundingBox())!;
      await page.mouse.click(box.x + (x / 1000) * box.width, box.y + (y / 500) * box.height);
    };
    await answer(page, 'ArrowRight');
    await page.waitForSelector('h1:has-text("Where in the image")');
    expect(await violations(page)).toEqual([]);
    // Beside the image there is no place on it.
    const box = (await page.locator('.image.left').boundingBox())!;
    await page.mouse.click(box.x + 5, box.y + 5);
    await page.keyboard.press('ArrowLeft');
    expect(await points()).toEqual([]);
    await clickAt('left', 250, 100);
    await expect.poll(points).toHaveLength(1);
    const [first] = await points();
    expect(first!.side).toBe('left');
    expect(Math.abs(first!.x - 250)).toBeLessThanOrEqual(1);
    expect(Math.abs(first!.y - 100)).toBeLessThanOrEqual(1);

    await expect.poll(() => count(page)).toContain('1 /');
    await page.waitForTimeout(pauseMs);
    // Four times as large around a place off the middle.
    const image = (await page.locator('.image.right').boundingBox())!;
    await page.mouse.move(image.x + image.width * 0.6, image.y + image.height * 0.45);
    await page.mouse.wheel(0, -1000);
    await expect.poll(async () => (await page.locator('.image.right img').boundingBox())!.width).toBeGreaterThan(2000);
    // The images with all of their pixels have come.
    await expect
      .poll(() => page.locator('.image.right img').evaluate((each) => (each as HTMLImageElement).naturalWidth))
      .toBe(1000);
    await page.keyboard.press('ArrowLeft');
    await page.waitForSelector('h1:has-text("Where in the image")');
    await clickAt('right', 600, 225);
    await expect.poll(points).toHaveLength(2);
    const second = (await points())[1]!;
    expect(Math.abs(second.x - 600)).toBeLessThanOrEqual(1);
    expect(Math.abs(second.y - 225)).toBeLessThanOrEqual(1);

    // Skipped, it is told of nobody; taken back before it was told, it is asked anew.
    await expect.poll(() => count(page)).toContain('2 /');
    await answer(page);
    await page.waitForSelector('h1:has-text("Where in the image")');
    await page.keyboard.press('z');
    await page.waitForSelector('h1:has-text("Which image")');
    await answer(page);
    await press(page, 'Skip this');
    await expect.poll(points).toHaveLength(3);
    expect((await points())[2]).toBeNull();

    await expect.poll(() => count(page)).toContain('3 /');
    await page.waitForTimeout(pauseMs);
    await page.keyboard.down('d');
    await page.waitForSelector('.notice:has-text("difference")');
    // (200, 30, 30) and (30, 30, 200) of one prompt, shifted alike: they differ in red and blue, not in green.
    const middle = async () => {
      const shot = sharp(await page.locator('.image.left').screenshot());
      const pixels = await shot.extract({ left: 300, top: 300, width: 4, height: 4 }).removeAlpha().raw().toBuffer();
      return [...pixels.subarray(0, 3)].map((value) => Math.round(value / 10));
    };
    await expect.poll(middle).toEqual([17, 0, 17]);
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.up('d');
    expect(await points()).toHaveLength(3);

    // An answer whose place is still asked for is an answer: a reload loses the place alone.
    await answer(page);
    await page.waitForSelector('h1:has-text("Where in the image")');
    await page.waitForTimeout(200);
    await page.reload();
    await expect.poll(points).toHaveLength(4);
    expect((await points())[3]).toBeNull();
    await expect.poll(() => count(page)).toContain('4 /');
  }, 60_000);

  it('runs in MTurk’s frame and sends its end there; in nobody else’s', async () => {
    const { server, fixture } = await setUp({ ends: { finished: { code: 'T1' } }, pairsPerAnnotator: 1 });
    const link = (submitTo: string) =>
      `${server.url}/annotate/${fixture.token}?assignmentId=A1&hitId=H1&workerId=W1&turkSubmitTo=${encodeURIComponent(submitTo)}`;
    const context = await browser.newContext(desktop);
    const page = await context.newPage();
    open.at(-1)!.pages.push(page);
    const sent: string[] = [];
    const framed = async (host: string, submitTo: string) => {
      await page.route(`https://${host}/**`, (route) => {
        if (route.request().method() === 'POST') sent.push(`${route.request().url()} ${route.request().postData()}`);
        return route.fulfill({
          contentType: 'text/html',
          body:
            route.request().method() === 'POST'
              ? 'taken'
              : `<iframe src="${link(submitTo)}" width="1200" height="800">`,
        });
      });
      await page.goto(`https://${host}/`);
      return page.frameLocator('iframe');
    };
    const elsewhere = await framed('evil.example', 'https://evil.example');
    await page.waitForTimeout(1500);
    expect(await elsewhere.locator('main').count()).toBe(0);

    const frame = await framed('workersandbox.mturk.com', 'https://workersandbox.mturk.com');
    await frame.locator('.image[aria-disabled="false"]').first().waitFor();
    await page.waitForTimeout(pauseMs);
    await frame.locator('.image.left').click();
    await frame.locator('button:has-text("Finish")').click();
    await frame.locator('button:has-text("Return")').click();
    await expect
      .poll(() => sent)
      .toEqual(['https://workersandbox.mturk.com/mturk/externalSubmit assignmentId=A1&ended=finished&code=T1']);
    // Whatever a link says, work is sent to MTurk alone.
    const misled = await framed('workersandbox.mturk.com', 'https://evil.example');
    await misled.locator('h1:has-text("Thank you!")').waitFor();
    expect(await misled.locator('form').count()).toBe(0);
    expect((await fetch(`${server.url}/annotate/${fixture.token}`)).headers.get('x-frame-options')).not.toBeNull();
  }, 60_000);

  it('gives the code also when the study closes while somebody works, and after a reload', async () => {
    const { db, visit } = await setUp({ ends: { finished: { code: 'DONE' } } });
    const { page } = await visit('ann');
    await answer(page);
    await expect.poll(async () => (await db.selectFrom('vote').select('id').execute()).length).toBe(1);
    await changeState(db, 'study', 'closed');
    await page.reload();
    await heading(page, 'Thank you!');
    expect(await page.locator('code').textContent()).toBe('DONE');
    // Who had not begun is told that it has ended.
    const { page: late } = await visit('bob');
    await heading(late, 'This study has ended');
  }, 60_000);

  it('a practice pair that cannot be shown is skipped, and a double click agrees to nothing', async () => {
    const { db, visit } = await setUp({
      welcome: 'Hello',
      consent: 'May we?',
      practice: [{ prompt: 'prompt 1', criterion: 'general', answer: 'a' }],
    });
    const { page } = await visit('ann');
    await page.route('**/annotate/images/**', (route) => route.fulfill({ status: 404 }));
    await heading(page, 'Welcome');
    await page.waitForTimeout(500);
    const start = (await page.locator('button:has-text("Start")').boundingBox())!;
    await page.mouse.click(start.x + 20, start.y + 10);
    await heading(page, 'Your consent');
    // Where Start was there is another button now; the second click of a double click meets it.
    const agree = (await page.locator('button:has-text("I agree")').boundingBox())!;
    const client = await page.context().newCDPSession(page);
    const second = { x: agree.x + 20, y: agree.y + 10, button: 'left', clickCount: 2 } as const;
    await client.send('Input.dispatchMouseEvent', { type: 'mousePressed', ...second });
    await client.send('Input.dispatchMouseEvent', { type: 'mouseReleased', ...second });
    await heading(page, 'Your consent');
    await page.waitForTimeout(500);
    await press(page, 'I agree');
    await page.waitForSelector('h2:has-text("cannot be shown")', { timeout: 20_000 });
    expect(await page.locator('.answer').count()).toBe(0);
    await page.unroute('**/annotate/images/**');
    await press(page, 'Skip this pair');
    await page.waitForSelector('.image[aria-disabled="false"]');
    expect(await count(page)).toBe('0 / 11');
    const steps = await db.selectFrom('visit_step').select(['step', 'answer']).orderBy('position').execute();
    expect(steps.map(({ step }) => step)).toEqual(['welcome', 'consent', 'practice']);
    expect(JSON.parse(steps[2]!.answer)).toEqual({ index: 0, choice: 'skipped' });
  }, 60_000);

  it('a resting finger flips and answers nothing; a tap answers', async () => {
    const { db, visit } = await setUp({});
    const { page } = await visit('ann', phone);
    await page.waitForSelector('.image[aria-disabled="false"]');
    await page.waitForTimeout(pauseMs);
    const sides = () =>
      page.evaluate(() =>
        [...document.querySelectorAll<HTMLImageElement>('.image img')].map((image) =>
          new URL(image.src).pathname.split('/').at(-1),
        ),
      );
    const box = (await page.locator('.image.left').boundingBox())!;
    const touch = [{ x: box.x + box.width / 2, y: box.y + box.height / 2 }];
    const client = await page.context().newCDPSession(page);
    await client.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: touch });
    await expect.poll(sides).toEqual(['right', 'left']);
    await client.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    await expect.poll(sides).toEqual(['left', 'right']);
    await page.waitForTimeout(300);
    expect(await db.selectFrom('vote').select('id').execute()).toEqual([]);
    // A finger that moves drags; two are a pinch: neither flips, and the button after it answers at once.
    await client.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: touch });
    const moved = [{ x: touch[0]!.x + 30, y: touch[0]!.y }];
    await client.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: moved });
    await page.waitForTimeout(600);
    expect(await sides()).toEqual(['left', 'right']);
    await client.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    await client.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: touch });
    await expect.poll(sides).toEqual(['right', 'left']);
    await client.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    await expect.poll(sides).toEqual(['left', 'right']);
    const button = (await page.locator('.answer.left').boundingBox())!;
    await page.touchscreen.tap(button.x + button.width / 2, button.y + button.height / 2);
    await expect
      .poll(async () => (await db.selectFrom('vote').select('choice').execute()).map(({ choice }) => choice))
      .toEqual(['left']);
  }, 60_000);
});
