/**
 * @file The research page of a study of 10,000 pairs that 500 people have worked on, in Chromium: how long until each page can be
 * used, beside a page that is empty but for the menu in the same run.
 * Run after a build: npx tsx test/bench/research.ts [pairs] [people]
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../db/open.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { changeState } from '../../server/study/lifecycle.ts';
import { castVote } from '../../server/study/votes.ts';
import { launchBrowser, openPage } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { openStudyOf } from '../support/studies.ts';

const pairs = Number(process.argv[2] ?? 10_000);
const people = Number(process.argv[3] ?? 500);
const folder = mkdtempSync(join(tmpdir(), 'visavis-bench-'));
const db = await openDatabase(join(folder, 'visavis.db'));
const { token } = await openStudyOf(db, { pairs, votesPerPair: 3, criteria: ['general'], dataFolder: folder });
const times = { leaseMs: 600_000, graceMs: 60_000 };
await Promise.all(
  Array.from({ length: people }, async (_, i) => {
    const person = await joinStudy(db, { token, participant: `person-${i}` });
    for (let done = 0; done < (3 * pairs) / people; done++) {
      const assignment = await nextAssignment(db, person, times);
      if (assignment === null) return;
      const vote = {
        assignmentId: assignment.id,
        criterion: 'general',
        responseTimeMs: 2000 + ((done * 37 + i) % 900),
      };
      await castVote(
        db,
        person,
        { voteId: randomUUID(), ...vote, choice: (done * 7 + i) % 5 < 3 ? 'left' : 'right' },
        times,
      );
    }
  }),
);
const server = await testServer(db, folder);
const browser = await launchBrowser();
try {
  const { page } = await openPage(browser, await server.researcherLink());
  await page.click('button:has-text("Sign in")');
  await page.waitForSelector('table');
  /**
   * From the click on a link in a page that is open until the frame after the one that has what the page is for; the middle of five.
   * Timed in the page: asking from outside takes some 50 ms of its own.
   */
  const measure = async (what: string, path: string, ready: string, text = '') => {
    const took: number[] = [];
    for (let i = 0; i < 6; i++) {
      await page.goto(`${server.url}/research/account`);
      await page.waitForSelector('h2');
      took.push(
        await page.evaluate(
          async ({ to, css, words }) => {
            const link = document.createElement('a');
            link.href = to;
            document.querySelector('nav')!.append(link);
            const started = performance.now();
            link.click();
            for (let isThere = false; !isThere;) {
              await new Promise((resolve) => requestAnimationFrame(resolve));
              isThere = [...document.querySelectorAll(css)].some(
                (element) => element.getClientRects().length > 0 && element.textContent.includes(words),
              );
            }
            await new Promise((resolve) => requestAnimationFrame(resolve));
            return performance.now() - started;
          },
          { to: path, css: ready, words: text },
        ),
      );
    }
    // The first one is the server's first, too: its threads start.
    const [first, ...others] = took as [number, ...number[]];
    const middle = others.sort((x, y) => x - y)[2]!;
    console.log(`${what}: ${middle.toFixed(0)} ms until it can be used (the first time ${first.toFixed(0)} ms)`);
  };
  await measure('training, which is empty', '/research/training', 'main h1, main p', 'raining');
  await measure('studies', '/research', 'main table');
  await measure('new study', '/research/new', 'main h2');
  await measure('the study, while people vote', '/research/study', 'main button', 'Close');
  await measure('annotators', '/research/studies/study/annotators', 'main tbody tr');
  await measure('prolific', '/research/studies/study/prolific', 'main h1');
  await changeState(db, 'study', 'closed');
  await measure('the study, closed', '/research/study', 'main button', 'Open');
  await measure('its report', '/research/study', 'main figure svg');
  await measure('pairs', '/research/studies/study/pairs', 'main article');
} finally {
  await browser.close();
  await server.close();
  await db.destroy();
  rmSync(folder, { recursive: true });
}
