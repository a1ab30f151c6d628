/// <reference lib="dom" />
/** @file Questions of a study's own on the annotator's page: one by one, all on one screen, and "both bad". */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { OwnCriterion } from '../../contract/criteria.ts';
import { visitSchema } from '../../contract/visit.ts';
import type { RunningServer } from '../../server/start.ts';
import { chromiumPath, launchBrowser, openPage, violations } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { freshSqlite } from '../support/databases.ts';
import { sizes } from '../support/research-page.ts';
import { openStudyOf } from '../support/studies.ts';

const sharp: OwnCriterion = {
  id: 'fewer-artefacts',
  question: { en: 'Which image has fewer artefacts?', de: 'Welches Bild hat weniger Fehler?' },
  help: 'Extra fingers, seams and smears are artefacts.',
  hidesPrompt: false,
};
const pauseMs = 350;

describe.skipIf(chromiumPath === undefined)('questions on the page', () => {
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  const open: { server: RunningServer; page: Page }[] = [];
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterEach(async () => {
    for (const { server, page } of open.splice(0)) {
      await page.context().close();
      await server.close();
    }
  });
  afterAll(() => browser?.close());

  async function setUp(design: Partial<Parameters<typeof openStudyOf>[1]>, options: BrowserContextOptions = {}) {
    const { db } = await freshSqlite();
    const fixture = await openStudyOf(db, { pairs: 4, votesPerPair: 1, ties: true, bothBad: true, ...design });
    const server = await testServer(db, fixture.dataFolder, { leaseMs: 600_000, graceMs: 60_000 });
    const url = `${server.url}/annotate/${fixture.token}?participant=ann`;
    const { page, problems } = await openPage(browser, url, { viewport: { width: 1440, height: 900 }, ...options });
    open.push({ server, page });
    await page.waitForSelector('.image[aria-disabled="false"]');
    const votes = () =>
      db
        .selectFrom('vote')
        .select(['assignment_id as pair', 'criterion', 'choice', 'both_bad as bothBad'])
        .orderBy('created_at')
        .execute();
    return { page, problems, votes };
  }
  const picture = async (page: Page, name: string) => {
    const folder = process.env.VISAVIS_PICTURES;
    if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png` });
  };

  it('one by one: in the person’s language, with what is meant, and B says that both are bad', async () => {
    const { page, problems, votes } = await setUp(
      {
        criteria: ['fewer-artefacts', 'general'],
        ownCriteria: [sharp],
        visit: visitSchema.parse({ languages: ['en', 'de'] }),
      },
      { locale: 'de-DE' },
    );
    const question = page.locator('.question strong');
    await expect.poll(() => question.textContent()).toBe('Welches Bild ziehen Sie bei dieser Vorgabe vor?');
    await page.waitForTimeout(pauseMs);
    await page.keyboard.press('ArrowLeft');
    await expect.poll(() => question.textContent()).toBe('Welches Bild hat weniger Fehler?');
    expect(await page.locator('.meaning').textContent()).toBe(sharp.help);
    await picture(page, 'own-question');
    expect(await violations(page)).toEqual([]);
    await page.waitForTimeout(pauseMs);
    await page.keyboard.press('b');
    await expect.poll(async () => (await votes()).length).toBe(2);
    expect((await votes()).map(({ criterion, choice, bothBad }) => [criterion, choice, bothBad])).toEqual([
      ['general', 'left', 0],
      ['fewer-artefacts', 'tie', 1],
    ]);
    expect(problems).toEqual([]);
  });

  it('on one screen: in any order, by buttons or keys, and taken back together', async () => {
    const { page, problems, votes } = await setUp({
      criteria: ['general', 'alignment', 'fewer-artefacts'],
      ownCriteria: [sharp],
      visit: visitSchema.parse({ oneScreen: true }),
    });
    const row = (criterion: string) => page.locator(`fieldset[data-criterion="${criterion}"]`);
    for (const { size, ...viewport } of sizes) {
      await page.setViewportSize(viewport);
      await picture(page, `one-screen-${size}`);
      expect(await violations(page)).toEqual([]);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.waitForTimeout(pauseMs);
    await row('fewer-artefacts').getByRole('button', { name: 'Both bad' }).click();
    // The pair stays until all are answered; an arrow answers the first that is open.
    await row('general').getByRole('button', { name: 'Right' }).click();
    expect(await row('general').getByRole('button', { name: 'Right' }).getAttribute('aria-pressed')).toBe('true');
    // What is answered is not answered again.
    await row('general').getByRole('button', { name: 'Left' }).click({ force: true });
    await page.waitForTimeout(pauseMs);
    await page.keyboard.press('ArrowLeft');
    await expect.poll(() => page.locator('.count').textContent()).toBe('1 / 4');
    const all = async () => (await votes()).map(({ criterion, choice, bothBad }) => [criterion, choice, bothBad]);
    await expect.poll(all).toEqual([
      ['fewer-artefacts', 'tie', 1],
      ['general', 'right', 0],
      ['alignment', 'left', 0],
    ]);
    await page.waitForSelector('.image[aria-disabled="false"]');
    await page.keyboard.press('z');
    await expect.poll(() => page.locator('.count').textContent()).toBe('0 / 4');
    await expect.poll(() => page.locator('[aria-pressed="true"]').count()).toBe(0);
    expect(await page.locator('fieldset[data-criterion]').count()).toBe(3);
    expect(problems).toEqual([]);
  });
});
