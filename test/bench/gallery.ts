/**
 * @file A gallery of 10,000 pairs in Chromium: how long until it can be used, and the longest task while it is scrolled from end to
 * end, beside that of an empty page scrolled in the same run.
 * Run after a build: npx tsx test/bench/gallery.ts [pairs]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../db/open.ts';
import { launchBrowser, openPage } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { openStudyOf } from '../support/studies.ts';

const pairs = Number(process.argv[2] ?? 10_000);
/** Of the scroll bar: each some two thousand pixels. */
const steps = Math.ceil(pairs / 5);
const folder = mkdtempSync(join(tmpdir(), 'visavis-bench-'));
const db = await openDatabase(join(folder, 'visavis.db'));
await openStudyOf(db, { pairs, votesPerPair: 1, criteria: ['general'], dataFolder: folder });
const server = await testServer(db, folder);
const browser = await launchBrowser();

/** Scrolls down in so many steps. @returns the longest task and the longest frame, ms */
const scroll = `async (steps) => {
  let longest = 0;
  const observer = new PerformanceObserver((list) => { for (const entry of list.getEntries()) longest = Math.max(longest, entry.duration); });
  observer.observe({ type: 'longtask', buffered: false });
  let frame = 0;
  let last = performance.now();
  for (let i = 0; i <= steps; i++) {
    scrollTo(0, ((document.documentElement.scrollHeight - innerHeight) * i) / steps);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frame = Math.max(frame, now - last);
    last = now;
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  observer.disconnect();
  return { longest, frame };
}`;
const say = (what: string, { longest, frame }: { longest: number; frame: number }) =>
  console.log(
    `${what}: longest task ${longest === 0 ? 'under 50' : longest.toFixed(0)} ms, longest frame ${frame.toFixed(0)} ms`,
  );

try {
  const { page } = await openPage(browser, await server.researcherLink());
  await page.click('button:has-text("Sign in")');
  await page.waitForSelector('table');
  // The thread for long work is started once for a server.
  await page.click('a:text-is("study")');
  await page.waitForSelector('h2');
  const started = performance.now();
  await page.goto(`${server.url}/research/study/pairs`);
  await page.waitForSelector('article');
  console.log(`${pairs} pairs: ${(performance.now() - started).toFixed(0)} ms until the first is shown`);
  say('scrolled through all', await page.evaluate(`(${scroll})(${steps})`));
  console.log(`${await page.locator('article').count()} of them are in the page`);
  await page.setContent('<div style="height: 4000000px"></div>');
  say('an empty page', await page.evaluate(`(${scroll})(${steps})`));
} finally {
  await browser.close();
  await server.close();
  await db.destroy();
  rmSync(folder, { recursive: true });
}
