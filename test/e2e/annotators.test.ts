/** @file A researcher looks at how annotators worked, leaves one out and counts them again. Slow: it drives a browser. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VoteInput } from '../../contract/annotate.ts';
import { planSchema } from '../../contract/plan.ts';
import { visitSchema } from '../../contract/visit.ts';
import { openDatabase, type Database } from '../../db/open.ts';
import { pairOfAssignment } from '../../db/queries/assignments.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { castVote } from '../../server/study/votes.ts';
import type { RunningServer } from '../../server/start.ts';
import { chromiumPath, launchBrowser } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { temporaryFolder } from '../support/folders.ts';
import { looksRight, openResearch, sizes } from '../support/research-page.ts';
import { openStudyOf } from '../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

describe.skipIf(chromiumPath === undefined)('annotators on the research page', () => {
  let db: Database;
  let server: RunningServer;
  let browser: Awaited<ReturnType<typeof launchBrowser>>;

  beforeAll(async () => {
    const folder = temporaryFolder();
    db = await openDatabase(join(folder, 'visavis.db'));
    const golds = Array.from({ length: 12 }, (_, i) => ({ prompt: `prompt ${i}`, answers: { general: 'a' as const } }));
    const { token, dataFolder } = await openStudyOf(db, {
      dataFolder: folder,
      ...{ pairs: 60, criteria: ['general'], votesPerPair: 6 },
      visit: visitSchema.parse({ gold: { every: 4, pairs: golds }, repeat: { every: 4 } }),
      plan: planSchema.parse({ primary: 'general', exclusionRule: { gold: 0.8, repeats: 0.6, fast: 0.3 } }),
    });
    for (const [name, right, ms] of [
      ['5f1c9e-ann', 1, 4200],
      ['5f1c9e-bob', 1, 2600],
      ['5f1c9e-cyd', 1, 6100],
      ['5f1c9e-lee', 0, 600],
    ] as const) {
      const person = await joinStudy(db, { token, participant: name });
      for (let i = 0; ; i++) {
        const given = await nextAssignment(db, person, times);
        if (given === null) break;
        const { pair, sideA } = await pairOfAssignment(db, given.id);
        const image = (pair * 7) % 5 < 3 || pair < 0 ? sideA : sideA === 'left' ? 'right' : 'left';
        const responseTimeMs = ms * (1 + ((i * 37) % 11) / 11) * (i < 20 ? 1.6 : 1);
        const vote = { voteId: randomUUID(), assignmentId: given.id, criterion: 'general', responseTimeMs };
        await castVote(db, person, { ...vote, choice: right === 1 ? image : 'left' } as VoteInput, times);
      }
    }
    server = await testServer(db, dataFolder);
    browser = await launchBrowser();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await db?.destroy();
  });

  it.each(sizes)(
    'one is named by the rule, left out, counted again, $size',
    async ({ size, width, height }) => {
      const { page, problems } = await openResearch(browser, server, {
        viewport: { width, height },
        colorScheme: size === 'desk' ? 'light' : 'dark',
      });
      await page.getByRole('link', { name: 'study', exact: true }).click();
      // While people vote: pace and drop-out, and nothing of what was voted.
      await page.getByRole('heading', { name: 'At this moment' }).waitFor();
      await page.getByText('left at this pace').waitFor();
      expect(await page.getByText('%', { exact: false }).count()).toBe(0);
      await looksRight(page, 'live', size);
      await page.getByRole('link', { name: 'Annotators' }).click();
      const rows = page.getByRole('row');
      await page.getByRole('button', { name: 'Leave out 5f1c9e-lee' }).waitFor();
      expect(await rows.nth(1).textContent()).toContain('5f1c9e-lee');
      expect(await rows.nth(1).textContent()).toContain('repeated pairs answered alike, shown to be below 60 %');
      await looksRight(page, 'annotators', size);
      await page.getByRole('button', { name: 'Leave out 5f1c9e-lee' }).click();
      await looksRight(page, 'annotators-reason', size);
      await page.getByRole('button', { name: 'Leave out', exact: true }).click();
      await page.getByText('5f1c9e-lee is left out. Reports show both results.').waitFor();
      await page.getByRole('button', { name: 'Ask others about the pairs of those who are left out' }).click();
      await page.getByText(/^\d+ places are open for others\. The votes of those who are left out stay\.$/).waitFor();
      await looksRight(page, 'annotators-reopened', size);
      await page.getByRole('button', { name: 'Count again 5f1c9e-lee' }).click();
      await page.getByText('5f1c9e-lee counts again.').waitFor();
      await page.getByLabel('Only those who are named').check();
      expect(await rows.count()).toBe(2);
      expect(problems).toEqual([]);
      await page.context().close();
    },
    60_000,
  );
});
