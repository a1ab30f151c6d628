/// <reference lib="dom" />
/** @file Three people vote in a real Chromium on pairs of real renders; the report equals the votes counted by hand. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'csv-parse/sync';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../db/open.ts';
import { findStudy } from '../../db/queries/studies.ts';
import { starter } from '../../evaluator/starter/starter.ts';
import type { Report } from '../../contract/report.ts';
import type { RunningServer } from '../../server/start.ts';
import { testServer } from '../support/clients.ts';
import { chromiumPath, launchBrowser, openPage as openPageIn, violations } from '../support/browser.ts';
import { projectRoot, temporaryFolder } from '../support/folders.ts';

const run = promisify(execFile);

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
    await page.keyboard.press(key);
    await expect.poll(state, { timeout: 10_000 }).not.toBe(before);
    await page.waitForSelector('.answers button:enabled, h1');
  }

  it('three people judge eight pairs each by key, touch and click, and the report is what they voted', async () => {
    const people = await Promise.all([
      openPage(invite, { viewport: { width: 1440, height: 900 } }),
      openPage(invite, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }),
      openPage(`${invite}?PROLIFIC_PID=p3`, { viewport: { width: 1280, height: 720 } }),
    ]);
    for (const [who, { page }] of people.entries()) {
      await page.waitForSelector('.images img');
      for (let pair = 0; pair < 8; pair++) {
        for (const [i, question] of ['visually appealing', 'prefer given the prompt', 'fits the text'].entries()) {
          await page.waitForSelector(`.question:has-text("${question}")`);
          expect(await page.locator('.prompt').textContent()).toMatch(i === 0 ? /hidden/ : /\w/);
          const left = (pair + i + who) % 2 === 0;
          if (who === 0) await press(page, left ? 'ArrowLeft' : 'ArrowRight');
          else {
            const before = await page.locator('.count').textContent();
            const target =
              who === 1 ? `.answers button:${left ? 'first' : 'last'}-child` : `.image:nth-child(${left ? 1 : 2})`;
            if (who === 1) await page.tap(target);
            else await page.click(target);
            if (i === 2)
              await page.waitForFunction((old) => document.querySelector('.count')?.textContent !== old, before);
          }
        }
      }
      expect(await page.locator('.count').textContent()).toBe('8 / 40');
    }
    for (const { problems } of people) expect(problems).toEqual([]);

    const csv = join(dataFolder, 'votes.csv');
    await visavis('export', 'live', '--format', 'votes-csv', '--out', csv);
    const votes = parse(await readFile(csv), { columns: true }) as unknown as Record<string, string>[];
    expect(votes).toHaveLength(3 * 8 * 3);
    const report = JSON.parse((await visavis('report', 'live', '--json')).stdout) as Report;
    for (const row of report.criteria) {
      const ofOne = votes.filter((vote) => vote['criterion'] === row.criterion && vote['status'] === 'counted');
      const pairs = byItem(ofOne);
      let [wins, losses] = [0, 0];
      for (const group of pairs.values()) {
        if (group.length < 3) continue;
        if (group.filter((vote) => vote['choice'] === 'a').length >= 2) wins += 1;
        else losses += 1;
      }
      expect(row).toMatchObject({
        pairs: 40,
        wins,
        losses,
        ties: 0,
        split: 0,
        decided: wins + losses,
        incomplete: 40 - wins - losses,
      });
      expect(row.winRate.value).toBe(wins + losses === 0 ? null : wins / (wins + losses));
      expect(row.votes).toMatchObject({ a: ofOne.filter((vote) => vote['choice'] === 'a').length, tie: 0 });
    }
  }, 180_000);

  function byItem(votes: Record<string, string>[]): Map<string, Record<string, string>[]> {
    const groups = new Map<string, Record<string, string>[]>();
    for (const vote of votes) groups.set(vote['item']!, [...(groups.get(vote['item']!) ?? []), vote]);
    return groups;
  }

  it('a reload goes on where it was, undo opens the pair again, the keys zoom both images alike', async () => {
    const { page, problems } = await openPage(invite, { viewport: { width: 1440, height: 900 } });
    await page.waitForSelector('.images img');
    const before = await page.locator('.images img').first().getAttribute('src');
    await press(page, 'ArrowLeft');
    await page.reload();
    await page.waitForSelector('.question:has-text("prefer given the prompt")');
    expect(await page.locator('.images img').first().getAttribute('src')).toBe(before);
    await page.keyboard.press('z');
    await page.waitForSelector('.question:has-text("visually appealing")');
    await page.keyboard.press(' ');
    const transforms = await page
      .locator('.images img')
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
    await page.waitForSelector('.images img');
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
    await page.click('table a');
    await page.waitForSelector('h2');
    const votes = async () => Number((await page.locator('.card .big').first().textContent())!.replace(',', ''));
    await expect.poll(votes).toBeGreaterThan(0);
    const before = await votes();
    const annotator = await openPage(`${invite}?participant=watched`, { viewport: { width: 390, height: 844 } });
    await annotator.page.waitForSelector('.images img');
    await annotator.page.click('.answers button:first-child');
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
