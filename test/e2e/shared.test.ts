/** @file A report that is shared by a link: it computes itself again in its sandbox, ends, and is taken back. Slow: it drives a browser. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../db/open.ts';
import { listAuditEntries } from '../../db/queries/audit.ts';
import { changeState } from '../../server/study/lifecycle.ts';
import { shareReport } from '../../server/study/shares.ts';
import type { RunningServer } from '../../server/start.ts';
import { chromiumPath, launchBrowser, openPage, violations } from '../support/browser.ts';
import { TestClient, testServer } from '../support/clients.ts';
import { temporaryFolder } from '../support/folders.ts';
import { openResearch } from '../support/research-page.ts';
import { openStudyOf } from '../support/studies.ts';

const day = 24 * 3600 * 1000;

describe.skipIf(chromiumPath === undefined)('a shared report', () => {
  let db: Database;
  let server: RunningServer;
  let browser: Awaited<ReturnType<typeof launchBrowser>>;

  beforeAll(async () => {
    const folder = temporaryFolder();
    db = await openDatabase(join(folder, 'visavis.db'));
    const { token } = await openStudyOf(db, { pairs: 4, criteria: ['general'], votesPerPair: 2, dataFolder: folder });
    server = await testServer(db, folder);
    browser = await launchBrowser();
    const person = await TestClient.connect(server.url, token, '5f1c9e-ann');
    while (await person.answerNext());
    person.close();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await db?.destroy();
  });

  it('shows nothing while people vote, then the file, to whoever has the link and nobody else', async () => {
    const { page, problems } = await openResearch(browser, server);
    await page.getByRole('link', { name: 'study', exact: true }).click();
    await page.getByLabel('Whom it is for').fill('reviewer 2');
    await page.getByRole('button', { name: 'Make a link' }).click();
    const link = await page.getByRole('textbox', { name: 'The link' }).inputValue();
    expect(await violations(page)).toEqual([]);

    // Half of the votes are there.
    const early = await fetch(link);
    expect([early.status, await early.text()]).toEqual([409, expect.stringContaining('hidden until it is closed')]);
    await changeState(db, 'study', 'closed');

    const shared = await openPage(browser, link, { colorScheme: 'light' });
    await shared.page.locator('#seal.whole').waitFor();
    expect(await shared.page.content()).not.toContain('5f1c9e');
    expect(shared.problems).toEqual([]);
    // Without an origin it has neither our cookies nor our storage.
    expect(await shared.page.evaluate('window.origin')).toBe('null');

    await page.getByRole('button', { name: 'Take back reviewer 2' }).click();
    await page.getByText('taken back', { exact: false }).first().waitFor();
    const gone = await fetch(link);
    expect([gone.status, await gone.text()]).toEqual([404, expect.stringContaining('was taken back')]);
    expect(problems).toEqual([]);
    const actions = (await listAuditEntries(db, 'study')).map(({ action }) => action);
    expect(actions.filter((action) => action.startsWith('study share'))).toEqual([
      expect.stringMatching(/^study share [0-9a-f]{12}$/),
      expect.stringMatching(/^study share end [0-9a-f]{12}$/),
    ]);
    await page.context().close();
    await shared.page.context().close();
  }, 60_000);

  it('a link ends by itself, and a guess opens nothing', async () => {
    const now = Date.now();
    const about = { days: 3, label: '' };
    const good = await shareReport(db, 'study', about, 'test', now - 3 * day + 60_000);
    const over = await shareReport(db, 'study', about, 'test', now - 3 * day - 1);
    expect((await fetch(server.url + good.path)).status).toBe(200);
    expect((await fetch(server.url + over.path)).status).toBe(404);
    expect((await fetch(`${server.url}/shared/${'x'.repeat(32)}`)).status).toBe(404);
    // A researcher's cookie or another study's name gives no more: the key alone counts.
    expect((await fetch(`${server.url}/shared/study`)).status).toBe(404);
  });
});
