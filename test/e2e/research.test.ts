/// <reference lib="dom" />
/**
 * @file A researcher looks at a screen of two runs' checkpoints and at a training run, on a desk and on a phone. Slow:
 * it drives a browser.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../db/open.ts';
import { putTrainingRun } from '../../db/queries/training-runs.ts';
import { screenReward, type ScreenModel } from '../../evaluator/screens/screen.ts';
import { Random } from '../../evaluator/statistics/random.ts';
import { prescreenRequestSchema } from '../../contract/prescreen.ts';
import { recordResult } from '../../server/prescreens/prescreens.ts';
import type { RunningServer } from '../../server/start.ts';
import { chromiumPath, launchBrowser, openPage, violations } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { temporaryFolder } from '../support/folders.ts';

const prompts = 40;

describe.skipIf(chromiumPath === undefined)('the research pages', () => {
  const dataFolder = temporaryFolder();
  let db: Database;
  let server: RunningServer;
  let browser: Awaited<ReturnType<typeof launchBrowser>>;

  beforeAll(async () => {
    db = await openDatabase(':memory:');
    server = await testServer(db, dataFolder);
    browser = await launchBrowser();
    await recordResult(
      db,
      prescreenRequestSchema.parse({ prompts: 'p', baseline: 'base', checkpoints: ['one', 'two'], rewards: ['r'] }),
      {
        ...{ promptSet: 'p', prompts, baseline: 'base', seed: 0, requirements: [], passed: true, problems: [] },
        rewards: [seriesOfTwoRuns()],
      },
    );
    const folder = join(dataFolder, 'run');
    mkdirSync(folder);
    const rows = Array.from({ length: 90 }, (_, i) => ({
      ...{ step: i + 1, loss: 0.69 - i / 1000, implicitAccuracy: 0.5 + i / 300, margin: 0, gradientNorm: 1 },
      ...{ learningRate: 1e-4, seconds: 0.5, deviceSeconds: (i + 1) / 2 },
    }));
    // The last line is being written.
    writeFileSync(join(folder, 'log.jsonl'), `${rows.map((row) => JSON.stringify(row)).join('\n')}\n{"step": 91, "lo`);
    const settings = { objective: 'ncp-dpo', steps: 100, maxSeconds: null };
    await putTrainingRun(db, { folder, name: 'a run', settings, updatedAt: Date.now() });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await db?.destroy();
  });

  function seriesOfTwoRuns() {
    const random = new Random(5);
    const model = (run: string, step: number, shift: number): ScreenModel => ({
      model: `${run}@${step}`,
      checkpoint: { run, step, deviceSeconds: step / 2 },
      scores: Float64Array.from({ length: prompts }, () => random.uniform() + shift),
    });
    return screenReward(
      {
        ...{ reward: 'r', kind: 'pickscore' },
        baseline: { ...model('base', 0, 0), model: 'base', checkpoint: null },
        candidates: [model('one', 10, 0.1), model('one', 20, 0.3), model('two', 15, 0), model('two', 30, 0.5)],
      },
      Array<null>(prompts).fill(null),
      0,
    );
  }

  for (const [name, width, height, colorScheme] of [
    ['desk', 1440, 900, 'light'],
    ['phone', 390, 844, 'dark'],
  ] as const) {
    it(`curves of checkpoints and of a training run, ${name}, ${colorScheme}`, async () => {
      const link = await server.researcherLink();
      const { page, problems } = await openPage(browser, link, { viewport: { width, height }, colorScheme });
      await page.click('button:has-text("Sign in")');
      await page.click('nav a:has-text("Prescreens")');
      await page.click('table a');
      await page.waitForSelector('#curves-1 svg');
      // Two runs' curves in two panels, a band and a line each.
      expect(await page.locator('#curves-1 svg path[fill-opacity]').count()).toBe(4);
      expect(await page.locator('#curves-1 svg path[fill="none"]').count()).toBe(4);
      expect(await page.locator('section > .scroll tbody tr').count()).toBe(4);
      const best = await page.locator('tbody tr', { hasText: '★' }).textContent();
      expect(best).toContain('two@30');
      // Both runs had 10 device seconds: one's last checkpoint against two's at 7.5.
      expect(await page.locator('p', { hasText: 'At equal training time' }).textContent()).toMatch(/one over two \d+/);
      expect(await violations(page)).toEqual([]);
      await page.click('nav a:has-text("Training")');
      await page.waitForSelector('h2:has-text("a run")');
      expect(await page.locator('section p').first().textContent()).toContain('Step 90 of 100');
      expect(await page.locator('polyline:not(.raw)').count()).toBe(3);
      // Nothing but tables and charts scrolls sideways.
      expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(
        0,
      );
      expect(await violations(page)).toEqual([]);
      expect(problems).toEqual([]);
      await page.context().close();
    }, 60_000);
  }
});
