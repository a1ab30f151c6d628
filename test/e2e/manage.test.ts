/** @file A study's later life on the page: comments, a preview, another name, the archive, an erasure, its end. Slow: it drives a browser. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../db/open.ts';
import { findStudy } from '../../db/queries/studies.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { castVote } from '../../server/study/votes.ts';
import type { RunningServer } from '../../server/start.ts';
import { chromiumPath, launchBrowser } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { temporaryFolder } from '../support/folders.ts';
import { looksRight, openResearch, sizes } from '../support/research-page.ts';
import { openStudyOf } from '../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

describe.skipIf(chromiumPath === undefined)('a study on the research page', () => {
  let db: Database;
  let server: RunningServer;
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  beforeEach(async () => {
    const folder = temporaryFolder();
    db = await openDatabase(join(folder, 'visavis.db'));
    const { token, dataFolder } = await openStudyOf(db, {
      dataFolder: folder,
      ...{ pairs: 3, criteria: ['general'], votesPerPair: 2, ties: true, bothBad: true },
    });
    for (const participant of ['ann', 'bob']) {
      const person = await joinStudy(db, { token, participant });
      for (;;) {
        const given = await nextAssignment(db, person, times);
        if (given === null) break;
        const vote = { voteId: randomUUID(), assignmentId: given.id, criterion: 'general', responseTimeMs: 900 };
        await castVote(db, person, { ...vote, choice: 'tie', bothBad: true }, times);
      }
    }
    server = await testServer(db, dataFolder);
    browser = await launchBrowser();
  }, 60_000);
  afterEach(async () => {
    await browser?.close();
    await server?.close();
    await db?.destroy();
  });

  it.each(sizes)(
    'is commented on, previewed, renamed, archived and deleted, and somebody is erased, $size',
    async ({ size, width, height }) => {
      const { page, problems } = await openResearch(browser, server, { viewport: { width, height } });
      await page.getByRole('link', { name: 'study', exact: true }).click();

      await page.getByLabel('Comment on the study').fill('Pay on Friday.');
      await page.getByRole('button', { name: 'Add the comment' }).click();
      await page.getByText('Pay on Friday.').waitFor();

      await page.getByRole('button', { name: 'Preview as an annotator' }).click();
      const inside = page.frameLocator('iframe');
      await inside.locator('.image[aria-disabled="false"]').first().waitFor();
      await page.getByRole('button', { name: 'Close', exact: true }).last().click();
      expect(await db.selectFrom('annotator').selectAll().execute()).toHaveLength(2);

      await page.getByRole('link', { name: 'All pairs' }).click();
      await page.getByText('Every vote').first().click();
      await page
        .getByText(/ann, General preference:\s+both bad/)
        .first()
        .waitFor();
      await page.getByLabel('Comment on pair 1').fill('Look at the hands.');
      await page.getByRole('button', { name: 'Add the comment' }).first().click();
      await page.getByText('Every vote, 1 comment').waitFor();
      await looksRight(page, 'pairs-comments', size);
      await page.goBack();
      await page.getByText('One more is on a pair').waitFor();

      // Erased: a pseudonym, and no number changes.
      await page.getByRole('link', { name: 'Annotators' }).click();
      const download = page.waitForEvent('download');
      await page.getByLabel('Their data: ann').click();
      const data = JSON.parse(readFileSync(await (await download).path(), 'utf8')) as {
        studies: { votes: object[] }[];
      };
      expect(data.studies[0]!.votes).toHaveLength(3);
      expect(data.studies[0]!.votes[0]).toMatchObject({ choice: 'tie', bothBad: true });
      page.once('dialog', (dialog) => void dialog.accept());
      await page.getByLabel('Erase ann').click();
      await page.getByText(/^ann is erased-[0-9a-f-]+ now\.$/).waitFor();
      await looksRight(page, 'annotators-erased', size);
      expect(
        (await db.selectFrom('annotator').select('participant').execute()).map((row) => row.participant),
      ).not.toContain('ann');
      await page.goBack();

      await page.getByText('Rename, archive or delete').click();
      expect(await page.getByRole('button', { name: 'Delete' }).isDisabled()).toBe(true);
      await page.getByText('Close it first').waitFor();
      await page.getByLabel('Name', { exact: true }).fill('better');
      await page.getByRole('button', { name: 'Rename' }).click();
      await page.waitForURL(/\/better$/);
      expect(await findStudy(db, 'better')).toBeDefined();
      await page.getByRole('button', { name: 'Close', exact: true }).first().click();
      await page.getByText('closed', { exact: true }).waitFor();
      await page.getByText('Rename, archive or delete').click();
      await looksRight(page, 'manage', size);
      await page.getByRole('button', { name: 'Archive it' }).click();
      await page.getByText('There is no study yet.').waitFor();
      await page.getByLabel('Archived ones too').check();
      await page.getByRole('link', { name: 'better' }).click();
      await page.getByText('Rename, archive or delete').click();
      await page.getByRole('button', { name: 'Show it in the lists again' }).click();
      await page.getByText('Rename, archive or delete').click();
      await page.getByRole('button', { name: 'Archive it' }).waitFor();
      await page.getByLabel('To delete it with its 6 votes').fill('better');
      await page.getByRole('button', { name: 'Delete' }).click();
      await page.getByText('There is no study yet.').waitFor();
      for (const table of ['study', 'vote', 'comment', 'annotator'] as const)
        expect(await db.selectFrom(table).selectAll().execute()).toEqual([]);
      expect(problems).toEqual([]);
      await page.context().close();
    },
    90_000,
  );
});
