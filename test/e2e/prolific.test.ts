/** @file The whole way over Prolific in a browser, against a fake of it: token, form, cost, draft, publishing, somebody's visit, their pay. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningServer } from '../../server/start.ts';
import { chromiumPath, launchBrowser, openPage } from '../support/browser.ts';
import { testServer } from '../support/clients.ts';
import { freshSqlite } from '../support/databases.ts';
import { freePort } from '../support/postgres.ts';
import { FakeProlific } from '../support/prolific.ts';
import { looksRight, openResearch, sizes } from '../support/research-page.ts';
import { openStudyOf } from '../support/studies.ts';

describe.skipIf(chromiumPath === undefined)('people from Prolific', () => {
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  it.each(sizes)(
    'from a token to a paid visit ($size)',
    async ({ size, width, height }) => {
      const { db } = await freshSqlite();
      const { dataFolder, name } = await openStudyOf(db, { pairs: 2, votesPerPair: 1, criteria: ['general'] });
      const prolific = new FakeProlific();
      const port = await freePort();
      const server: RunningServer = await testServer(db, dataFolder, undefined, {
        port,
        publicUrl: `http://127.0.0.1:${port}`,
        prolific: { token: undefined, url: await prolific.listen() },
      });
      const { page, problems } = await openResearch(browser, server, { viewport: { width, height } });
      await page.getByRole('link', { name, exact: true }).click();
      await page.getByRole('link', { name: 'Prolific', exact: true }).click();
      await page.getByRole('heading', { name: 'Connect the account' }).waitFor();
      await looksRight(page, 'prolific-token', size);
      await page.getByLabel('Token').fill('something-else');
      await page.getByRole('button', { name: 'Connect' }).click();
      await page.getByText('Prolific does not accept the token for this: Invalid token.').waitFor();
      problems.length = 0;
      await page.getByLabel('Token').fill(prolific.token);
      await page.getByRole('button', { name: 'Connect' }).click();

      await page.getByText('£10,000.00 can be spent.').waitFor();
      expect(await page.getByLabel('People', { exact: true }).inputValue()).toBe('1');
      await page.getByLabel('People', { exact: true }).fill('3');
      await page.getByLabel('Minutes each').fill('7');
      await page.getByLabel('Only people by').selectOption({ label: 'Fluent languages' });
      await page.getByLabel('Who answered').selectOption(['19']);
      await page.getByRole('button', { name: 'Add', exact: true }).click();
      await page.getByText('Fluent languages: English').waitFor();
      expect(await page.getByRole('button', { name: 'Make a draft' }).isDisabled()).toBe(true);
      await page.getByRole('button', { name: 'Work out the cost' }).click();
      // 3 × £1.05 and a third of it.
      await page.getByText('£4.20').waitFor();
      await page.getByText('61,234').waitFor();
      await looksRight(page, 'prolific-form', size);
      await page.getByRole('button', { name: 'Make a draft' }).click();

      await page.getByText('Nobody has taken a place yet.').waitFor();
      await page.getByRole('button', { name: 'Test it' }).click();
      await page.getByLabel('Sign in to Prolific as the test participant and open').waitFor();
      await page.getByLabel(/Type “study” to publish/).fill('study');
      await looksRight(page, 'prolific-draft', size);
      await page.getByRole('button', { name: 'Publish' }).click();
      await page.getByText('recruiting', { exact: true }).waitFor();
      const [remote] = [...prolific.studies.values()];
      expect(remote!.body['filters']).toEqual([{ filter_id: 'fluent-languages', selected_values: ['19'] }]);

      // Ann works; Bob has looked at the first pair when he gives it back.
      const ann = prolific.takePlace(remote!.id, 'a'.repeat(24))!;
      const bob = prolific.takePlace(remote!.id, 'b'.repeat(24))!;
      const bobs = await openPage(browser, prolific.addressFor(bob), { viewport: { width, height } });
      await bobs.page.getByText('Which image do you prefer given the prompt?').waitFor();
      prolific.leave(bob, 'RETURNED');
      await page.getByRole('button', { name: 'Ask Prolific now' }).click();
      await page.getByRole('cell', { name: 'Returned' }).waitFor();
      await bobs.page.reload();
      await bobs.page.getByRole('heading', { name: 'You have left this study' }).waitFor();
      await looksRight(bobs.page, 'prolific-left', size);
      await bobs.page.context().close();

      const anns = await openPage(browser, prolific.addressFor(ann), { viewport: { width, height } });
      const finish = anns.page.getByRole('button', { name: 'Finish' });
      // A key that comes before both images are there, or right after the last one, is no answer.
      while (!(await finish.isVisible())) {
        await anns.page.keyboard.press('ArrowLeft');
        await anns.page.waitForTimeout(400);
      }
      await finish.click();
      await anns.page.getByRole('heading', { name: 'Thank you!' }).waitFor();
      const code = remote!.body.completion_codes.find(({ code_type }) => code_type === 'COMPLETED')!.code;
      await anns.page.getByText(code).waitFor();
      const back = anns.page.locator('a[href^="https://app.prolific.com/submissions/complete?cc="]');
      expect(await back.getAttribute('href')).toBe(`https://app.prolific.com/submissions/complete?cc=${code}`);
      await anns.page.context().close();
      prolific.complete(ann, code);

      await page.getByRole('button', { name: 'Ask Prolific now' }).click();
      // Every pair has its votes: nobody else is sent.
      await page.getByText('paused', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Approve 1 who finished' }).waitFor();
      await looksRight(page, 'prolific-people', size);
      await page.getByRole('button', { name: 'Approve 1 who finished' }).click();
      await page.getByText('1 approved and paid.').waitFor();
      expect([ann.paid, bob.paid]).toEqual([105, 0]);
      expect(problems).toEqual([]);
      await page.context().close();
      await server.close();
      await prolific.close();
    },
    60_000,
  );
});
