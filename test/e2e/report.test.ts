/// <reference lib="dom" />
/**
 * @file A simulated study of three models: the same numbers on the page, in the file that computes itself again, in LaTeX, the bundle
 * and JSON; and a changed vote or number that turns the file's seal. Slow: it drives a browser.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../db/open.ts';
import type { ManyModelsReport } from '../../contract/report.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import { bundleStudy } from '../../server/bundle/bundle.ts';
import { serverConfig } from '../../server/config.ts';
import { reportHtml } from '../../server/report/html.ts';
import { writeLatex } from '../../server/report/latex.ts';
import { simulate } from '../../server/simulation/simulate.ts';
import type { RunningServer } from '../../server/start.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { changeState } from '../../server/study/lifecycle.ts';
import { studyReport } from '../../server/study/study-report.ts';
import { castVote } from '../../server/study/votes.ts';
import { chromiumPath, launchBrowser, openPage, violations } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { freshSqlite } from '../support/databases.ts';
import { temporaryFolder } from '../support/folders.ts';
import { openStudyOf } from '../support/studies.ts';

const models = ['ape', 'bee', 'cat'];

describe.skipIf(chromiumPath === undefined)('a report', () => {
  let db: Database;
  let dataFolder: string;
  let server: RunningServer;
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  let report: ManyModelsReport;

  beforeAll(async () => {
    dataFolder = temporaryFolder();
    db = await openDatabase(join(dataFolder, 'visavis.db'));
    await openStudyOf(db, { pairs: 48, models, criteria: ['general', 'alignment'], dataFolder });
    const config = serverConfig({ data: dataFolder });
    await simulate(db, { study: 'study', annotators: 6, winRate: 0.646, seed: 4, config });
    report = (await studyReport(db, 'study')) as ManyModelsReport;
    server = await testServer(db, dataFolder);
    browser = await launchBrowser();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await db?.destroy();
  });

  async function page(content: string, options: object = {}) {
    const file = join(temporaryFolder(), 'report.html');
    await writeFile(file, content);
    return openPage(browser, `file://${file}`, options);
  }

  it('prints 64.6 % everywhere alike', async () => {
    const { winRate } = report.pairings[0]!.criteria.find(({ criterion }) => criterion === 'general')!;
    // 31 of 48.
    expect((100 * winRate.value!).toFixed(1)).toBe('64.6');
    const html = await reportHtml(db, 'study', { version: '9.9.9' });
    const { page: file, problems } = await page(html);
    await file.waitForSelector('#seal.whole');
    const cell =
      'section:has(h2:text-is("Majority win rate of ape against bee")) tr:has(td:text-is("General preference")) strong';
    expect(await file.textContent(cell)).toBe('64.6 %');
    expect(await file.title()).toBe('study · visavis');
    expect(problems).toEqual([]);
    expect(await violations(file)).toEqual([]);
    await file.context().close();

    const link = await server.researcherLink();
    const { page: live, problems: complaints } = await openPage(browser, link);
    await live.click('button:has-text("Sign in")');
    await live.click('a:text-is("study")');
    await live.waitForSelector(cell);
    expect(await live.textContent(cell)).toBe('64.6 %');
    expect(await live.title()).toBe('study · visavis');
    const svg = await live.evaluate(async () => {
      const address = document.querySelector<HTMLAnchorElement>('#win-rates-1 a[href$=".svg"]')!.href;
      return (await fetch(address)).text();
    });
    expect(svg).toContain('>64.6 (');
    expect(await violations(live)).toEqual([]);
    expect(complaints).toEqual([]);
    await live.context().close();

    const folder = temporaryFolder();
    await writeLatex(db, 'study', folder, { version: '9.9.9' });
    expect(await readFile(join(folder, 'table.tex'), 'utf8')).toContain('General preference & 64.6 & ');
    const out = join(folder, 'study.zip');
    await bundleStudy(db, new ImageStore(dataFolder), 'study', { out, version: '9.9.9' });
    const bundled = JSON.parse(strFromU8(unzipSync(await readFile(out))['report.json']!)) as ManyModelsReport;
    for (const [i, { criteria }] of report.pairings.entries())
      expect(bundled.pairings[i]!.criteria).toEqual(JSON.parse(JSON.stringify(criteria)));
    expect(bundled.ratings).toEqual(report.ratings);
  });

  it('prints on A4 and Letter in black on white with nothing cut, as a file and from the page', async () => {
    const html = await reportHtml(db, 'study', { version: '9.9.9' });
    const { page: file } = await page(html, { colorScheme: 'dark' });
    await file.waitForSelector('#seal.whole');
    const { page: live } = await openPage(browser, await server.researcherLink(), { colorScheme: 'dark' });
    await live.click('button:has-text("Sign in")');
    await live.click('a:text-is("study")');
    await live.waitForSelector('#outcomes-3');
    for (const each of [file, live]) {
      await each.emulateMedia({ media: 'print', colorScheme: 'dark' });
      // Paper's width at 96 dots an inch without the margins that a browser leaves.
      for (const width of [794 - 76, 816 - 76]) {
        await each.setViewportSize({ width, height: 1000 });
        const cut = await each.evaluate(() => {
          const parts = [document.documentElement, ...document.querySelectorAll('.scroll')];
          return parts.map((part) => part.scrollWidth - part.clientWidth).filter((more) => more > 0);
        });
        expect(cut).toEqual([]);
      }
      expect(await each.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(255, 255, 255)');
      expect(await each.evaluate(() => getComputedStyle(document.body).color)).toBe('rgb(27, 28, 29)');
      await each.context().close();
    }
  });

  it('is the same bytes twice, names nobody unless asked, and works on a phone in the dark', async () => {
    const html = await reportHtml(db, 'study', { version: '9.9.9' });
    expect(await reportHtml(db, 'study', { version: '9.9.9' })).toBe(html);
    expect(html).not.toContain('simulated-1');
    expect(await reportHtml(db, 'study', { version: '9.9.9', identified: true })).toContain('simulated-1');
    const { page: phone } = await page(html, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
    await phone.waitForSelector('#seal.whole');
    expect(await phone.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    expect(await violations(phone)).toEqual([]);
    await phone.context().close();
  });

  it('says which number was changed in it, and that a vote was', async () => {
    const html = await reportHtml(db, 'study', { version: '9.9.9', gallery: new ImageStore(dataFolder) });
    const seal = async (changed: string) => {
      expect(changed).not.toBe(html);
      const { page: file } = await page(changed);
      await file.waitForSelector('#seal.broken, #seal.whole');
      const text = await file.innerText('#seal');
      await file.context().close();
      return text;
    };
    expect(await seal(html.replace('<strong>64.6 %</strong>', '<strong>84.6 %</strong>'))).toMatch(
      /Majority win rate of ape against bee, General preference, Win rate: the file prints “84.6 %”, from its votes follows “64.6 %”/,
    );
    // One vote for A becomes one for B; in the second case somebody computes the hash anew.
    const changed = html.replace(/("outcome":\[(?:\d,)*?)0,/, '$11,');
    const lines = (await seal(changed)).split('\n');
    expect(lines.some((line) => line.includes('are not those that were written'))).toBe(true);
    expect(lines.length).toBeGreaterThan(2);
    const moved = html.replace(
      /(<circle cx=")(\d)/,
      (_, head: string, digit: string) => head + String((Number(digit) + 1) % 10),
    );
    expect(await seal(moved)).toMatch(
      /All models together, figure “Strength of the models”: a mark is drawn elsewhere/,
    );
    // The gallery's counts follow from the votes too.
    expect(await seal(html.replace(/(General preference: )\d( – \d)/, '$19$2'))).toContain('General preference: 9');
    expect(await seal(html.replace(/(<h3[^>]*>1\. )prompt \d+/, '$1another prompt'))).toContain('1. another prompt');
  });

  it('leads to every pair: filtered by its address, with both images and every vote', async () => {
    const { page: live, problems } = await openPage(browser, await server.researcherLink());
    await live.click('button:has-text("Sign in")');
    await live.waitForSelector('table');
    await live.goto(`${server.url}/research/study/pairs?criterion=general&outcome=b&pairing=1`);
    await live.waitForSelector('article');
    const lost = report.pairings[1]!.criteria.find(({ criterion }) => criterion === 'general')!.losses;
    expect(await live.textContent('[role=status]')).toContain(`${lost} of 144 pairs`);
    const first = live.locator('article').first();
    expect(await first.locator('figcaption').allTextContents()).toEqual(['ape', 'cat']);
    await expect
      .poll(() =>
        first
          .locator('img')
          .first()
          .evaluate((image) => (image as HTMLImageElement).naturalWidth),
      )
      .toBe(8);
    await first.locator('summary').click();
    // Three votes on two criteria.
    await expect.poll(() => first.locator('details > p.soft').count()).toBe(6);
    expect(await first.locator('details > p.soft').first().textContent()).toMatch(
      /simulated-\d, General preference:\s+(ape|cat|tie)\s+\((ape|cat) left/,
    );
    await live.selectOption('label:has-text("Outcome") select', '');
    await live.selectOption('label:has-text("Models") select', '');
    await expect.poll(() => live.textContent('[role=status]')).toContain('144 of 144 pairs');
    expect(live.url()).toBe(`${server.url}/research/study/pairs?criterion=general`);
    // Of all pairs only those near the window are there.
    expect(await live.locator('article').count()).toBeLessThan(30);
    expect(await violations(live)).toEqual([]);
    expect(problems).toEqual([]);
    await live.context().close();
  });

  it('of a running study shows nothing until somebody asks', async () => {
    const other = await freshSqlite();
    const fixture = await openStudyOf(other.db, { pairs: 2, votesPerPair: 1, criteria: ['general'] });
    await firstVote(other.db, fixture.token);
    const running = await testServer(other.db, fixture.dataFolder);
    const { page: live } = await openPage(browser, await running.researcherLink());
    await live.click('button:has-text("Sign in")');
    await live.click('a:text-is("study")');
    await live.waitForSelector('text=results are hidden');
    expect(await live.locator('text=Majority win rate').count()).toBe(0);
    // A link that is shown once stays while the study ends and its report comes.
    await live.click('button:has-text("Make a link")');
    const link = live.getByLabel('The link, shown this once');
    await link.waitFor();
    await live.getByRole('button', { name: 'Close', exact: true }).click();
    await live.waitForSelector('h2:has-text("Majority win rate of aardvark")');
    expect(await link.isVisible()).toBe(true);
    await live.getByRole('button', { name: 'Open', exact: true }).click();
    await live.click('button:has-text("Show them now")');
    await live.waitForSelector('h2:has-text("Majority win rate of aardvark")');
    await changeState(other.db, 'study', 'closed');
    await live.reload();
    await live.waitForSelector('h2:has-text("Majority win rate of aardvark")');
    await live.context().close();
    await running.close();
  });

  it('a gallery’s first pairs are there while the others are on their way, and are not filtered alone', async () => {
    const other = await freshSqlite();
    const fixture = await openStudyOf(other.db, { pairs: 24, votesPerPair: 1, criteria: ['general'] });
    await firstVote(other.db, fixture.token);
    const closed = await testServer(other.db, fixture.dataFolder);
    const { page, problems } = await openPage(browser, await closed.researcherLink());
    await page.click('button:has-text("Sign in")');
    await page.waitForSelector('table');
    // While people may vote: the pairs whose images differ most, without a model's name, on mixed sides.
    await page.goto(`${closed.url}/research/studies/study/pairs`);
    const contrasts = page.getByRole('region', { name: 'Where the images differ most' });
    await contrasts.waitFor();
    expect(await contrasts.locator('li').count()).toBe(6);
    await expect.poll(() => contrasts.locator('img[src]').count()).toBe(12);
    const sides = await contrasts
      .locator('li img:first-child')
      .evaluateAll((images) => images.map((image) => /(a|b)\?at=/.exec((image as HTMLImageElement).src)![1]));
    expect(new Set(sides)).toEqual(new Set(['a', 'b']));
    expect(await page.textContent('main')).not.toMatch(/aardvark|buffalo/);
    expect(await page.locator('article').count()).toBe(0);
    expect(await violations(page)).toEqual([]);
    expect(problems).toEqual([]);
    await changeState(other.db, fixture.name, 'closed');
    let letGo = () => {};
    const held = new Promise<void>((resolve) => (letGo = resolve));
    await page.route(/\/pairs\?$/, async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(`${closed.url}/research/studies/study/pairs`);
    await page.getByText('The first 20 pairs; the others are on their way.').waitFor();
    expect(await page.getByLabel('Outcome').isDisabled()).toBe(true);
    letGo();
    await page.getByText('24 of 24 pairs').waitFor();
    expect(await contrasts.locator('li').count()).toBe(6);
    await page.getByLabel('Outcome').selectOption('incomplete');
    await contrasts.waitFor({ state: 'detached' });
    await page.getByText('23 of 24 pairs').waitFor();
    await page.getByLabel('Outcome').selectOption('tie');
    await page.getByText('0 of 24 pairs').waitFor();
    await page.context().close();
    await closed.close();
  });
});

/** From then on results are hidden until the study ends. */
async function firstVote(db: Database, token: string): Promise<void> {
  const person = await joinStudy(db, { token, participant: 'ann' });
  const times = { leaseMs: 60_000, graceMs: 1000 };
  const { id } = (await nextAssignment(db, person, times))!;
  const vote = { voteId: crypto.randomUUID(), assignmentId: id, criterion: 'general' as const, responseTimeMs: 900 };
  await castVote(db, person, { ...vote, choice: 'left' }, times);
}
